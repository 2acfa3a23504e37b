"""The stored figures are what real torch gives: the tests that replay them pass on torch itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from lib import run_python

HERE = Path(__file__).resolve().parent
FILES = (
    "test_ops_figures.py",
    "test_printing.py",
    "test_grad_fn_names.py",
    "test_errors.py",
    "test_promotion.py",
    "test_random.py",
    "test_sgd.py",
    "test_warnings.py",
)


@pytest.mark.torch
@pytest.mark.hinoko_only
def test_torch_passes() -> None:
    files = [str(HERE / name) for name in FILES]
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *files]
    done = run_python(*arguments, check=False, env={"HINOKO_TEST_LIBRARY": "torch"}, cwd=HERE.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout and " failed" not in done.stdout
