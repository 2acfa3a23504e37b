"""Running Python in a process of its own, for the tests of what only a whole process shows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Result(NamedTuple):
    status: int
    out: str
    err: str


def python(*arguments: object, cwd: Path, stdin: str = "", **environment: str) -> Result:
    """``python ARGUMENTS`` in the folder ``cwd``."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=120,
        env={**os.environ, **environment},
    )
    return Result(done.returncode, done.stdout, done.stderr)


def hinoko(*arguments: object, cwd: Path, stdin: str = "", **environment: str) -> Result:
    """``python -m hinoko ARGUMENTS`` in the folder ``cwd``."""
    return python("-m", "hinoko", *arguments, cwd=cwd, stdin=stdin, **environment)
