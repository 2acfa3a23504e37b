"""Checks the objects of the kernels: python tools/check_kernels.py BUILD_DIRECTORY.

A function that several objects may define (a template, an inline function) is kept once, and the linker may
keep the one that was compiled for AVX. So every such function in an object for one instruction set has to lie
in the namespace of that set.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def shared_functions(objects: list[Path]) -> list[str]:
    text = subprocess.run(["nm", "-C", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    return re.findall(r"^[0-9a-f]+ [WVu] (.*)$", text, re.MULTILINE)


def main() -> None:
    build = Path(sys.argv[1])
    sets = sorted(build.glob("CMakeFiles/kernels_*.dir"))
    if not sets:
        sys.exit(f"no kernel objects below {build}")
    wrong = []
    for directory in sets:
        name = directory.name.removeprefix("kernels_").removesuffix(".dir")
        functions = shared_functions(sorted(directory.rglob("*.o")))
        wrong += [
            f"{name}: {f}"
            for f in functions
            if name != "baseline" and f"::{name}::" not in f and not f.startswith("DW.ref.")
        ]
        print(f"{name}: {len(functions)} shared functions")
    if wrong:
        sys.exit("outside the namespace of their instruction set:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
