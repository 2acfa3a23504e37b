"""Instructions per operation, counted by valgrind: `python -m bench.instructions`.

Unlike times, instruction counts hardly depend on the machine's load: a difference of one percent means
something. One process under callgrind runs each case N and 2N times; the difference divided by N is one
operation's count, with start-up and imports cancelled out.

`--check` compares with the counts stored in bench/instructions.json, `--update` stores them. Counts depend on
the interpreter's build and on the compiler, so they are stored for each such context, and where the present
one is not among them nothing is compared.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from bench.cases import CASES, Case
from bench.libraries import KEYS
from bench.process import ONE_THREAD, ROOT, installed
from bench.report import Cell, Row, as_text, format_ratio
from bench.timing import select

TIME_LIMIT_S = 1800
BASELINE = ROOT / "bench" / "instructions.json"
TOLERANCE = 0.04
CAPABILITY = "avx2"  # valgrind knows no wider instructions

# The stored ones: a step of the lesson, and what it consists of.
GUARDED = (
    "x*x, recorded",
    "x + x, recorded",
    "x + 1, recorded",
    "torch.exp(x), recorded",
    "torch.tensor([3.], requires_grad=True)",
    "x.item()",
    "(x*x).backward()",
    "optimizer.step(), two parameters",
    "lesson training step, cells 15-16",
)


def count(
    valgrind: str, cases: list[Case], key: str, subject: str, steps: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Instructions per operation by case, and what went wrong."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind.out"
        # probe.loops() calls getppid() between the runs, and nothing does so during them.
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-before=getppid"]
        command += [sys.executable, "-m", "bench.probe", "loops", key, subject, str(steps)]
        command += [case.name for case in cases]
        environment = dict(os.environ, **ONE_THREAD, PYTHONHASHSEED="0")
        environment.setdefault("HINOKO_CPU_CAPABILITY", CAPABILITY)
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            raise RuntimeError(f"exit status {done.returncode}: {last}")
        ran: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        dumps = sorted(Path(directory).glob("callgrind.out.*"), key=lambda file: int(file.suffix[1:]))
        totals = [_total(file) for file in dumps][-3 * len(ran["steps"]) :]  # imports may have made some
    counts = {}
    for number, (name, done_steps) in enumerate(ran["steps"].items()):
        _, once, twice = totals[3 * number : 3 * number + 3]
        per = next(case.per for case in cases if case.name == name)
        counts[name] = (twice - once) / done_steps / per
    return counts, ran["errors"]


def _total(dump: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise RuntimeError("callgrind wrote no summary")
    return int(found[1])


# The stored counts


def context(subject: str) -> dict[str, str]:
    """All that counts depend on besides the code: they can be compared where this is the same."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS"))
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python built by": platform.python_compiler(),
        "optimized python": "yes" if "--enable-optimizations" in options else "no",
        "library": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "built by": _compiler(subject),
        "instruction set": os.environ.get("HINOKO_CPU_CAPABILITY", CAPABILITY),
    }


def _compiler(subject: str) -> str:
    """As the compiler wrote it into the extension module."""
    try:
        file = importlib.import_module(f"{subject}._C").__file__ or ""
        found = re.search(rb"(?:GCC: \([^)]*\)|clang version) ([\d.]+)", Path(file).read_bytes())
    except (ImportError, OSError):
        return "unknown"
    return found[0].decode() if found else "unknown"


def _stored() -> list[dict[str, Any]]:
    if not BASELINE.exists():
        return []
    baselines: list[dict[str, Any]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return baselines


def store(here: dict[str, str], counts: dict[str, float]) -> None:
    """In place of what was stored for this context; other contexts stay."""
    kept = [baseline for baseline in _stored() if baseline["context"] != here]
    kept.append({"context": here, "counts": {name: round(value) for name, value in counts.items()}})
    BASELINE.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def compare(counts: dict[str, float], stored: dict[str, float]) -> tuple[list[list[str]], bool]:
    """A table, and whether nothing costs more than it did."""
    lines, good = [["instructions per operation", "stored", "now", "change", ""]], True
    for name in dict.fromkeys([*stored, *counts]):
        before, now = stored.get(name, math.nan), counts.get(name, math.nan)
        change = now / before - 1
        verdict = "ok"
        if math.isnan(change):
            verdict = "not stored" if math.isnan(before) else "not counted"
        elif abs(change) > TOLERANCE:
            verdict = "more" if change > 0 else "less: store it"
        good &= verdict not in ("more", "not counted")
        figures = ["-" if math.isnan(figure) else f"{figure:,.0f}" for figure in (before, now)]
        lines.append([name, *figures, "-" if math.isnan(change) else f"{change:+.1%}", verdict])
    return lines, good


def guard(valgrind: str, subject: str, steps: int, update: bool) -> int:
    """Compares or stores the guarded cases; the exit status."""
    here = context(subject)
    stored = next((b["counts"] for b in _stored() if b["context"] == here), None)
    if stored is None and not update:
        print("SKIPPED: no counts are stored for this context, nothing is compared:")
        print("\n".join(f"  {name}: {value}" for name, value in here.items()))
        print("known contexts:")
        print("\n".join("  " + ", ".join(b["context"].values()) for b in _stored()) or "  none")
        print("`python -m bench.instructions --update` adds it.")
        return 0
    cases = [case for case in CASES if case.name in GUARDED]
    counts, errors = count(valgrind, cases, "hinoko", subject, steps)
    lines, good = compare(counts, stored or {})
    print(as_text(lines))
    for name, error in errors.items():
        print(f"note: {name}: {error}")
    if update and not errors:
        store(here, counts)
        print(f"stored in {BASELINE.relative_to(ROOT)}")
        return 0
    if not good:
        print(f"Above the stored counts by more than {TOLERANCE:.0%}. Where that is the price of something")
        print("good, `python -m bench.instructions --update` stores the new ones.")
    return 0 if good and not errors else 1


# The table of all libraries


def survey(valgrind: str, pattern: str, subject: str, steps: int, chosen: list[str]) -> None:
    keys = installed([key for key in KEYS if key in chosen], subject)
    rows = {case.name: Row(case.name) for case in select(CASES, pattern)}
    for key in keys:
        print(f"  {key}", file=sys.stderr, flush=True)
        counts, errors = count(valgrind, select(CASES, pattern), key, subject, steps)
        for name, value in counts.items():
            rows[name].cells[key] = Cell(value, f"{value:,.0f}")
        for name, error in errors.items():
            rows[name].cells[key] = Cell(text="error")
            print(f"note: {name}, {key}: {error}", file=sys.stderr)
    lines = [["instructions per operation", *keys, *(f"{key}/{keys[0]}" for key in keys[1:])]]
    for row in rows.values():
        cells = [row.cells.get(key, Cell()) for key in keys]
        ratios = [cell.value / cells[0].value if cells[0].value > 0 else math.nan for cell in cells[1:]]
        lines.append([row.name, *(cell.text for cell in cells), *map(format_ratio, ratios)])
    print(as_text(lines))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="compare with the stored counts, fail on growth")
    parser.add_argument("--update", action="store_true", help="store the counts of this context")
    parser.add_argument("--only", metavar="PATTERN", default="", help="cases whose name this regex finds")
    parser.add_argument("--steps", type=int, default=2000, help="the N of the method (default 2000)")
    parser.add_argument("--subject", metavar="MODULE", default="hinoko", help="module in hinoko's place")
    parser.add_argument(
        "--libraries",
        metavar="NAMES",
        default="hinoko,scalar",
        help=f"comma separated, of {', '.join(KEYS)} (default hinoko,scalar; torch takes minutes to start)",
    )
    arguments = parser.parse_args()
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("SKIPPED: valgrind is not installed, no instructions are counted")
    elif arguments.check or arguments.update:
        sys.exit(guard(valgrind, arguments.subject, arguments.steps, arguments.update))
    else:
        survey(valgrind, arguments.only, arguments.subject, arguments.steps, arguments.libraries.split(","))


if __name__ == "__main__":
    main()
