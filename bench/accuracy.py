"""Errors of the float32 functions over all their arguments: the table of docs/accuracy.md.

    python -m bench.accuracy                     every function, all 2^32 arguments: half an hour on one core
    python -m bench.accuracy sin exp             some
    python -m bench.accuracy --step 4099         every 4099th argument: seconds
    python -m bench.accuracy --write             puts the figures into docs/accuracy.md

Compiles the kernels from this checkout (c++ or $CXX), for each instruction set, with the flags of the build.
Needs a machine with AVX2; AVX-512 is checked where it is there.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "erf",
    "sqrt",
    "rsqrt",
    "pow",
]
FLAGS = ["-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


def instruction_sets() -> dict[str, list[str]]:
    """The flags of each instruction set, as CMakeLists.txt has them."""
    sets: dict[str, list[str]] = {"baseline": []}
    lines = re.findall(r"^ *set\(isa_(avx\w+) (.*)\)$", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    for name, flags in lines:
        sets[name] = flags.replace("${isa_avx2}", " ".join(sets.get("avx2", []))).split()
    return sets


TABLE = "docs/accuracy.md"
HEADER = """\
| function | largest error | at | among denormal results | not correctly rounded | other bits without FMA |
|---|---|---|---|---|---|
"""


def build(directory: Path) -> Path:
    compiler = os.environ.get("CXX", "c++")
    objects = []
    for isa, flags in instruction_sets().items():
        for source in ("unary", "binary", "pieces"):
            target = directory / f"{source}_{isa}.o"
            source_file = ROOT / "cpp" / "kernels" / f"{source}.cpp"
            command = [compiler, *FLAGS, *flags, f"-DHINOKO_ISA={isa}", f"-I{ROOT / 'cpp'}"]
            subprocess.run([*command, "-c", str(source_file), "-o", str(target)], check=True)
            objects.append(str(target))
    program = directory / "accuracy"
    main = [compiler, *FLAGS, f"-I{ROOT / 'cpp'}", str(ROOT / "bench" / "accuracy.cpp"), *objects]
    subprocess.run([*main, "-o", str(program)], check=True)
    return program


def row(line: str) -> str:
    name, worst, at, denormal, count, misrounded, wrong, avx2, baseline, place = line.split()
    for value, what in (
        (wrong, "wrong special values"),
        (avx2, "other bits on AVX2 than on AVX-512"),
        (place, "other bits at another place"),
    ):
        if value != "0":
            raise SystemExit(f"{name}: {value} {what}")
    if max(float(worst), float(denormal)) > 1:
        raise SystemExit(f"{name}: an error of {worst} or {denormal} ulp")
    share = 100 * int(misrounded) / int(count)
    text = f"{float.fromhex(at):.9g}" if misrounded != "0" else "-"
    return (
        f"| `{name}` | {worst} | {text} | {denormal} | {share:.2g} % "
        f"| {baseline if baseline != '0' else '-'} |\n"
    )


def write(rows: dict[str, str]) -> None:
    path = ROOT / TABLE
    text = path.read_text()
    before, rest = text.split(HEADER)
    old = rest.split("\n\n", 1)
    kept = {line.split("`")[1]: line + "\n" for line in old[0].splitlines() if line.startswith("| `")}
    kept.update(rows)
    body = "".join(kept[name] for name in NAMES if name in kept)
    path.write_text(before + HEADER + body + "\n" + old[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy")
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        program = build(Path(directory))
        print(HEADER, end="", flush=True)
        rows = {}
        for name in options.names or NAMES:
            line = subprocess.run(
                [str(program), name, str(options.step)], check=True, capture_output=True, text=True
            ).stdout
            rows[name] = row(line)
            print(rows[name], end="", flush=True)
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
