"""Markers, and the check that every test gives back the blocks that it took."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib import IS_TORCH, torch

# These are about how a program reaches hinoko: nothing there to validate on torch.
collect_ignore = ["test_doors.py", "test_alias.py"] if IS_TORCH else []


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores interrupts, and so would the programs that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "torch: compares with real torch; runs where torch is installed")
    config.addinivalue_line("markers", "hinoko_only: asserts what only hinoko does; not run on real torch")
    config.addinivalue_line("markers", "keeps_blocks: the test may leave tensors behind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_torch = importlib.util.find_spec("torch") is None
    for item in items:
        if no_torch and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="torch is not installed"))
        if IS_TORCH and item.get_closest_marker("hinoko_only"):
            item.add_marker(pytest.mark.skip(reason="hinoko's own behaviour"))


def pytest_collection_finish() -> None:
    # What the collected modules hold stays for the whole run: out of sight of the collector it costs nothing.
    gc.collect()
    gc.freeze()


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_failed] = not report.passed
    return report


@pytest.fixture(autouse=True)
def live_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """After the test as many tensors and nodes live as before it; wider fixtures were made before that."""
    if IS_TORCH or request.node.get_closest_marker("keeps_blocks"):
        yield
        return

    def count() -> int:  # small blocks, and bytes of large ones
        return int(torch._C.live_blocks() + torch.memory_stats()["live_bytes"])

    before = count()
    yield
    if count() > before:
        gc.collect()
    if not request.node.stash.get(_failed, True):
        assert count() <= before, f"{count() - before} blocks (or bytes of large ones) outlive the test"


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """No test leaves a changed default behind."""
    yield
    assert torch.is_grad_enabled(), "the test left gradients disabled"
    assert torch.get_default_dtype() is torch.float32, "the test left another default dtype"
