"""Type promotion, complete: dtypes as tensors, 0-d tensors and Python numbers, on both sides."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from lib import load, torch
from promotion_cases import OPERATIONS, combinations, result

FIGURES: dict[str, dict[str, list[str]]] = load("promotion.json")


@pytest.mark.parametrize("expression", OPERATIONS)
def test_promotion(expression: str) -> None:
    if "result_type" in expression and not hasattr(torch, "result_type"):
        pytest.skip("no result_type yet")
    expected = {pair: kind for kind, pairs in FIGURES[expression].items() for pair in pairs}
    pairs = combinations(expression)
    assert list(expected.keys() - {f"{a} {b}" for a, b in pairs}) == [] and len(expected) == len(pairs)
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a, b in pairs:
            found = result(torch, expression, a, b)
            if found != expected[f"{a} {b}"]:
                wrong.append(f"{a}, {b}: {found}; expected {expected[f'{a} {b}']}")
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_default_dtype_decides(default: str) -> None:
    """Integers meet a Python float, and true division of integers, in the default type."""
    expected = getattr(torch, default)
    torch.set_default_dtype(expected)
    try:
        i = torch.tensor([1, 2])
        results: list[Any] = [
            i + 0.5,
            i / i,
            i / 2,
            torch.tensor(0.5),
            torch.exp(i),
            i * torch.tensor(0.5),
            torch.ones(1),
        ]
        results += [
            torch.arange(3.0),
            torch.linspace(0, 1, 2),
            torch.full((1,), 0.5),
            torch.eye(2),
            torch.rand(1),
        ]
        assert [r.dtype for r in results] == [expected] * len(results)
        assert torch.get_default_dtype() is expected
    finally:
        torch.set_default_dtype(torch.float32)


def test_values_survive_promotion() -> None:
    assert (torch.tensor([2**53 + 1]) + torch.tensor([0], dtype=torch.int32)).tolist() == [2**53 + 1]
    assert (torch.tensor([2**31 - 1], dtype=torch.int32) + 1).tolist() == [-(2**31)]
    assert (torch.tensor([True]) + torch.tensor([True])).tolist() == [True]
    assert (torch.tensor([True]) + 1).tolist() == [2]
    assert torch.tensor([True, True, False]).sum().tolist() == 2
    assert (torch.tensor([0.1]) + torch.tensor([0.2], dtype=torch.float64)).tolist() == [0.30000000149011613]
    assert (torch.tensor([0.5]) == 0.5).tolist() == [True]
    # A Python number is rounded to the tensor's type before the comparison.
    assert (torch.tensor([0.1]) == 0.1).tolist() == [True]
    assert (torch.tensor([0.1]) == torch.tensor([0.1], dtype=torch.float64)).tolist() == [False]
    assert (torch.tensor([1]) < 1.5).tolist() == [True]
    assert (torch.tensor([2**24 + 1], dtype=torch.int32) == torch.tensor([2.0**24])).tolist() == [True]


def test_gradient_has_its_inputs_type() -> None:
    a = torch.ones(2, dtype=torch.float64, requires_grad=True)
    b = torch.ones(2, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.dtype is torch.float64 and b.grad.dtype is torch.float32
    c = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y = b * c
    assert y.dtype is torch.float32
    (gc,) = torch.autograd.grad(y.sum(), c)
    assert gc.dtype is torch.float64 and gc.tolist() == 2.0
