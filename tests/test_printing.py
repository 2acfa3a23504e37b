"""Printed text, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lib import load, torch
from print_cases import CASES, text

STORED: list[dict[str, Any]] = load("print.json")
FIGURES: list[list[Any]] = load("print_cases.json")


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    torch.set_printoptions(profile="default")
    yield
    torch.set_printoptions(profile="default")


def number(value: Any) -> Any:
    return float.fromhex(value) if isinstance(value, str) else value


@pytest.mark.parametrize("index", range(len(STORED)))
def test_stored_text(index: int) -> None:
    case = STORED[index]
    values = torch.tensor([number(v) for v in case["values"]], dtype=getattr(torch, case["dtype"]))
    tensor = values.reshape(case["shape"])
    if case["requires_grad"]:
        tensor = tensor.detach().requires_grad_()
    torch.set_printoptions(**{k: v for k, v in case["opts"].items() if v is not None})
    assert repr(tensor) == case["text"]
    assert str(tensor) == case["text"]


def test_figures_cover_the_cases() -> None:
    assert [(options, e) for options, e, _ in FIGURES] == CASES


@pytest.mark.parametrize("index", range(len(FIGURES)))
def test_text(index: int) -> None:
    options, expression, expected = FIGURES[index]
    assert text(torch, options, expression) == expected


def test_default_dtype_is_not_named() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert repr(torch.tensor([0.5])) == "tensor([0.5000])"
        assert repr(torch.tensor([0.5], dtype=torch.float32)) == "tensor([0.5000], dtype=torch.float32)"
        assert repr(torch.tensor([], dtype=torch.float64)) == "tensor([])"
    finally:
        torch.set_default_dtype(torch.float32)
    assert repr(torch.tensor([0.5], dtype=torch.float64)) == "tensor([0.5000], dtype=torch.float64)"


def test_set_printoptions_forgets_sci_mode() -> None:
    torch.set_printoptions(sci_mode=True)
    assert repr(torch.tensor([1.5])) == "tensor([1.5000e+00])"
    torch.set_printoptions(precision=2)
    assert repr(torch.tensor([1.5])) == "tensor([1.50])"


def test_unknown_profile_changes_nothing() -> None:
    torch.set_printoptions(precision=2)
    torch.set_printoptions(profile="no such profile")
    assert repr(torch.tensor([1.5])) == "tensor([1.50])"


def test_print_does_not_record() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    y = x * 2
    before = y._version
    assert repr(y) == "tensor([2.], grad_fn=<MulBackward0>)"
    assert y._version == before and y.grad_fn.name() == "MulBackward0"
    with torch.no_grad():
        assert repr(x) == "tensor([1.], requires_grad=True)"


def test_gradients_of_a_training_step() -> None:
    w = torch.tensor([[1.0, -2.0]], requires_grad=True)
    (w.sum() ** 2).backward()
    assert repr(w.grad) == "tensor([[-2., -2.]])"
    assert repr(w) == "tensor([[ 1., -2.]], requires_grad=True)"


def test_format_of_many_elements() -> None:
    with pytest.raises(TypeError, match=r"^unsupported format string passed to Tensor.__format__"):
        format(torch.ones(2), ".2f")
