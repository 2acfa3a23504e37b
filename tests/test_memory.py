"""Nothing leaks, nothing grows, and what cannot be held is refused."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from lib import IS_TORCH, run_python, torch

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
ROUNDS = 3_000 if IS_TORCH else 100_000


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


needs_proc = pytest.mark.skipif(
    not os.path.exists("/proc/self/statm") or "ASAN_OPTIONS" in os.environ,
    reason="resident memory cannot be read, or is a sanitizer's",
)


def growth(step: Callable[[], Any], rounds: int) -> int:
    """Bytes by which the process grows over the second half of the rounds."""
    for _ in range(rounds // 2):
        step()
    gc.collect()
    before = resident()
    for _ in range(rounds // 2):
        step()
    gc.collect()
    return resident() - before


@needs_proc
def test_create_graph_with_grad_reset_stays_flat() -> None:
    """backward(create_graph=True) ties a tensor to its gradient; x.grad = None unties them at once."""
    x = torch.tensor([2.0], requires_grad=True)

    def step() -> None:
        (x * x * x).backward(create_graph=True)
        x.grad = None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert growth(step, ROUNDS) < 2_000_000


@needs_proc
def test_training_step_stays_flat() -> None:
    w = torch.tensor([5.0], requires_grad=True)
    data, true = torch.tensor([3.0]), torch.tensor([10.0])

    def step() -> None:
        loss = torch.pow(w * data - true, 2)
        w.grad = None
        loss.backward()
        with torch.no_grad():
            w.sub_(w.grad, alpha=0.01)

    assert growth(step, ROUNDS) < 2_000_000
    assert w.item() == pytest.approx(10 / 3, rel=1e-4)


@needs_proc
def test_large_blocks_are_given_back() -> None:
    before = resident()
    for size in range(1, 40):
        torch.ones(size * 50_000) + 1.0
    gc.collect()
    assert resident() - before < 60_000_000


@needs_proc
def test_higher_order_gradients_stay_flat() -> None:
    x = torch.tensor([0.5], requires_grad=True)

    def step() -> None:
        y = x.sin() * x.exp()
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (h,) = torch.autograd.grad(g, x, create_graph=True)
        torch.autograd.grad(h, x)

    assert growth(step, ROUNDS // 10) < 2_000_000


@needs_proc
def test_errors_stay_flat() -> None:
    x, w = torch.ones(2, requires_grad=True), torch.ones(3)

    def step() -> None:
        for wrong in (
            lambda: x + w,
            lambda: x.add_(1),
            lambda: x[5],
            lambda: (x * 2).backward(),
            lambda: torch.tensor([[1], [1, 2]]),
        ):
            with pytest.raises((RuntimeError, IndexError, ValueError)):
                wrong()

    assert growth(step, ROUNDS // 50) < 2_000_000


LOOPS: dict[str, Callable[[Any], Any]] = {
    "grad kept under create_graph": lambda x: torch.autograd.grad(x.exp() * x, x, create_graph=True),
    "saved output": lambda x: x.exp().sigmoid().tanh().sqrt(),
    "view": lambda x: (x * 1).view(-1)[0:1].T if x.dim() == 2 else (x * 1).view(-1)[0:1],
    "in place through a view": lambda x: (x * 1)[0].mul_(2),
    "index": lambda x: x[[0]] * x[torch.tensor([True])],
    "retain_grad": lambda x: [
        y := x * 2,
        y.retain_grad(),
        (y * y).sum().backward(),
        setattr(x, "grad", None),
    ],
    "hook": lambda x: [
        y := x * 2,
        y.register_hook(lambda g: g * 1),
        (y * y).sum().backward(),
        setattr(x, "grad", None),
    ],
    "unswept": lambda x: x * x + x.sin(),
    "failed sweep": lambda x: _fails(lambda: (x.exp() * x).backward(torch.ones(7))),
    "failed operation": lambda x: _fails(lambda: (x.expand(2) * 2) + torch.ones(5)),
    "iteration": lambda x: [v * 2 for v in x],
    "max": lambda x: x.max(0),
}


def _fails(wrong: Callable[[], Any]) -> None:
    try:
        wrong()
    except RuntimeError:
        return
    raise AssertionError("no error")


@pytest.mark.hinoko_only
@pytest.mark.parametrize("name", LOOPS)
def test_blocks_come_back(name: str) -> None:
    x = torch.tensor([0.5], requires_grad=True)
    LOOPS[name](x)  # first uses may set something up
    before = torch._C.live_blocks()
    for _ in range(10):
        LOOPS[name](x)
    assert torch._C.live_blocks() == before


@pytest.mark.hinoko_only
def test_blocks_are_counted() -> None:
    before = torch._C.live_blocks()
    x = torch.tensor([1.0], requires_grad=True)
    one = torch._C.live_blocks()
    y = x * 2
    two = torch._C.live_blocks()
    assert before < one < two
    del y
    assert torch._C.live_blocks() == one
    del x
    assert torch._C.live_blocks() == before


@pytest.mark.hinoko_only
def test_cycle_of_a_tensor_and_its_gradient_is_collected_when_untied() -> None:
    before = torch._C.live_blocks()
    x = torch.tensor([2.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**3).backward(create_graph=True)
    x.grad = None
    del x
    assert torch._C.live_blocks() == before


@pytest.mark.hinoko_only
@needs_proc
@pytest.mark.parametrize(
    "step", ["y + 1", "y * x", "y * y", "y / x", "y * c", "torch.exp(-y)", "torch.sin(y)"]
)
def test_bytes_per_recorded_operation(step: str) -> None:
    """A chain of operations on one element: at most 160 bytes for each, whatever its derivative reads."""
    count = 200_000
    code = (
        "import hinoko as torch\n"
        f"def rss():\n    return int(open('/proc/self/statm').read().split()[1]) * {PAGE}\n"
        "x = torch.tensor([1.], requires_grad=True)\ny = x\n"
        "c = torch.tensor([0.5])\n"
        f"for _ in range(1000): y = {step}\n"
        f"before = rss()\nfor _ in range({count}): y = {step}\n"
        f"print((rss() - before) / {count})\n"
    )
    assert float(run_python(code=code).stdout) <= 160 * (step.count("(-y") + 1)


@pytest.mark.hinoko_only
def test_shutdown_with_live_graphs() -> None:
    code = (
        "import hinoko as torch\n"
        "x = torch.tensor([1.], requires_grad=True)\ny = x.exp()\ny.register_hook(lambda g: g)\n"
        "keep = [x, y, y.grad_fn, y * 2]\nx.me = x\nprint('done')\n"
    )
    done = run_python(code=code)
    assert done.stdout == "done\n" and done.stderr == ""


@pytest.mark.parametrize("size", [(2**62,), (2**40, 2**40), (2**62, 4), (2**60,)])
def test_overflowing_size(size: tuple[int, ...]) -> None:
    for make in (torch.zeros, torch.empty, torch.rand):
        with pytest.raises(RuntimeError, match=r"^Storage size calculation overflowed with sizes=\["):
            make(size, dtype=torch.float64)


def test_size_beyond_memory() -> None:
    for make in (torch.zeros, torch.ones, torch.empty, torch.randn):
        with pytest.raises(
            RuntimeError,
            match="DefaultCPUAllocator: can't allocate memory: you tried to allocate 4503599627370496 bytes",
        ):
            make(2**50)
    x = torch.ones(1).expand(2**40)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        x + 1
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        x.clone()
    assert x[12345].item() == 1.0


def test_work_goes_on_after_a_refused_size() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    with pytest.raises(RuntimeError):
        torch.zeros(2**50)
    y.backward()
    assert x.grad.tolist() == [4.0]
