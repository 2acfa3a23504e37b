"""Instructions per operation, counted by valgrind: `python -m bench.instructions`.

Unlike times, instruction counts hardly depend on the machine's load: a difference of one percent means
something. A case runs N and 2N times, each in a fresh process under callgrind; the difference divided by N
is one operation's count, with start-up and imports cancelled out.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.cases import CASES, Case
from bench.libraries import KEYS
from bench.process import ONE_THREAD, ROOT, installed
from bench.report import Cell, Row, as_text, format_ratio
from bench.timing import select

TIME_LIMIT_S = 1800


def count(valgrind: str, case: Case, key: str, subject: str, steps: int) -> int:
    """Instructions of a whole process that runs the case `steps` times."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind.out"
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "bench.probe", "loop", key, subject, case.name, str(steps)]
        environment = dict(os.environ, **ONE_THREAD, PYTHONHASHSEED="0")
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
        found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise RuntimeError("callgrind wrote no summary")
    return int(found[1])


def per_operation(valgrind: str, case: Case, key: str, subject: str, steps: int) -> float:
    steps = max(steps // case.per, 1)
    once = count(valgrind, case, key, subject, steps)
    twice = count(valgrind, case, key, subject, 2 * steps)
    return (twice - once) / steps / case.per


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
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
        print("valgrind is not installed: no instruction counts")
        return
    chosen = arguments.libraries.split(",")
    keys = installed([key for key in KEYS if key in chosen], arguments.subject)
    lines = [["instructions per operation", *keys, *(f"{key}/{keys[0]}" for key in keys[1:])]]
    notes = []
    for case in select(CASES, arguments.only):
        print(f"  {case.name}", file=sys.stderr, flush=True)
        row = Row(case.name)
        for key in keys:
            if case.code(key) is None:
                continue
            try:
                value = per_operation(valgrind, case, key, arguments.subject, arguments.steps)
                row.cells[key] = Cell(value, f"{value:,.0f}")
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                row.cells[key] = Cell(text="error")
                notes.append(f"note: {case.name}, {key}: {error}")
        cells = [row.cells.get(key, Cell()) for key in keys]
        ratios = [cell.value / cells[0].value if cells[0].value > 0 else math.nan for cell in cells[1:]]
        lines.append([case.name, *(cell.text for cell in cells), *map(format_ratio, ratios)])
    print(as_text(lines))
    for note in notes:
        print(note, file=sys.stderr)


if __name__ == "__main__":
    main()
