"""Wide and deep graphs: diamonds, chains of a million nodes, threads."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
from lib import IS_TORCH, torch

grad = torch.autograd.grad
DEEP = 20_000 if IS_TORCH else 1_000_000


def leaf(*values: float, **options: Any) -> Any:
    return torch.tensor(list(values), requires_grad=True, **options)


def test_diamonds_take_linear_time() -> None:
    """2**60 paths, 60 nodes."""
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    start = time.perf_counter()
    (g,) = grad(y, x)
    assert g.item() == 2.0**60
    assert time.perf_counter() - start < 1.0
    y = x
    for _ in range(60):
        a, b = y * 0.5, y * y
        y = a + b * 0.5
    assert grad(y, x)[0].item() == pytest.approx(1.5**60)


def test_wide_graph() -> None:
    x = leaf(1.0)
    terms = [x * k for k in range(1000)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    assert grad(total, x)[0].tolist() == [499500.0]
    assert grad(torch.cat([x * k for k in range(1000)]).sum(), x)[0].tolist() == [499500.0]


def chain(length: int, step: Callable[[Any], Any]) -> tuple[Any, Any]:
    x = leaf(1.0)
    y = x
    for _ in range(length):
        y = step(y)
    return x, y


@pytest.mark.parametrize("name", ["add", "mul"])
def test_deep_chain_swept(name: str) -> None:
    x, y = chain(DEEP, (lambda t: t + 1) if name == "add" else (lambda t: t * 1.0))
    y.backward()
    assert x.grad.tolist() == [1.0]


@pytest.mark.parametrize("name", ["scalar", "exp", "tensor"])
def test_deep_chain_dropped_unswept(name: str) -> None:
    w = leaf(0.0)
    steps = {"scalar": lambda t: t + 1, "exp": lambda t: t.sigmoid(), "tensor": lambda t: t * w}
    x, y = chain(DEEP, steps[name])
    del y
    gc.collect()
    assert x.grad is None


def test_deep_chain_of_views_and_in_place() -> None:
    x = leaf(1.0)
    y = x * 1
    for _ in range(DEEP // 20):
        y.add_(1)
        y = y.view(1, 1).view(1)
    assert y.item() == 1.0 + DEEP // 20
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_deep_second_order() -> None:
    x, y = chain(DEEP // 100, lambda t: t * 1.0 + t * t * 0.0)
    (g,) = grad(y, x, create_graph=True)
    (h,) = grad(g, x)
    assert g.tolist() == [1.0] and h.tolist() == [0.0]


def test_deep_graph_holding_its_gradients() -> None:
    """A million nodes hang on one gradient made under create_graph, and go with it."""
    x, y = chain(DEEP // 20, lambda t: t * 1.0)
    (g,) = grad(y * y, x, create_graph=True)
    assert g.tolist() == [2.0]
    del y, g


def test_threads_sweep_their_own_graphs() -> None:
    import threading

    results: list[float] = []

    def work(k: float) -> None:
        x = leaf(k)
        for _ in range(20):
            x.grad = None
            (x * x * x).backward()
        results.append(x.grad.item())

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [3.0, 12.0, 27.0, 48.0]
