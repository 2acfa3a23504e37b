"""The stub and the page of operations are what the table yields, and a typed program runs as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lib import IS_TORCH

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(IS_TORCH, reason="about hinoko's own files")


def test_generated_files_are_current() -> None:
    command = [sys.executable, str(ROOT / "tools" / "stubgen.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import stubgen

    stub = stubgen.extension_stub()
    stubgen.check_complete(stub)
    with pytest.raises(SystemExit, match=r"Tensor\.nbytes is not in the stub"):
        stubgen.check_complete(stub.replace("def nbytes", "def _other"))
    with pytest.raises(SystemExit, match=r"_C\.invented is in the stub, but does not exist"):
        stubgen.check_complete(stub + "def invented() -> None: ...\n")


def test_typed_program_runs() -> None:
    import typing_example

    typing_example.main()


def test_type_checker_accepts_it() -> None:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--cache-dir", "build/mypy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
