"""What follows from a row of the tables, for every row there is: forms, names, values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lib import IS_TORCH, torch

if IS_TORCH:
    pytest.skip("about hinoko's own tables", allow_module_level=True)

ROWS: dict[str, dict[str, Any]] = {row["name"]: row for row in torch._C.row_table()}
UNARY = [name for name, row in ROWS.items() if row["operands"] == 1]
BINARY = [name for name, row in ROWS.items() if row["operands"] == 2 and not name.endswith("_backward")]


def points(name: str, requires_grad: bool = False) -> Any:
    """Seven points of the row's test domain."""
    row = ROWS[name]
    return torch.linspace(row["low"], row["high"], 7, dtype=torch.float64).requires_grad_(requires_grad)


def differentiated(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of an elementwise function, itself a function that can be differentiated."""

    def derivative(x: Any) -> Any:
        y = function(x)
        if not y.requires_grad:
            return torch.zeros_like(x)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True, allow_unused=True)
        return torch.zeros_like(x) if g is None else g

    return derivative


@pytest.mark.parametrize("name", UNARY)
def test_forms_agree(name: str) -> None:
    x = points(name)
    function = getattr(torch, name)
    expected = function(x)
    assert torch.equal(getattr(x, name)(), expected)
    out = torch.empty(7, dtype=torch.float64)
    assert function(x, out=out) is out
    assert torch.equal(out, expected)
    changed = x.clone()
    assert getattr(changed, name + "_")() is changed
    assert torch.equal(changed, expected)
    assert changed._version == 1
    assert function.__doc__ == ROWS[name]["doc"]


@pytest.mark.parametrize("name", UNARY)
def test_shapes(name: str) -> None:
    x = points(name)
    function = getattr(torch, name)
    expected = function(x)
    assert torch.equal(function(x[3]), expected[3])
    assert torch.equal(function(x[::2]), expected[::2])
    assert torch.equal(function(x[:6].reshape(2, 3).t()), expected[:6].reshape(2, 3).t())
    assert function(torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("name", UNARY)
def test_recorded_name(name: str) -> None:
    y = getattr(torch, name)(points(name, requires_grad=True))
    assert y.grad_fn.name() == ROWS[name]["node"]


@pytest.mark.parametrize("name", UNARY)
def test_fused_gradient_is_the_formula(name: str) -> None:
    """One formula, compiled twice: the loop and the recorded operations differ by roundings at most."""
    function = getattr(torch, name)
    x = points(name, requires_grad=True)
    (fused,) = torch.autograd.grad(function(x).sum(), x)
    formula = differentiated(function)(x)
    assert torch.allclose(fused, formula.detach(), rtol=1e-15, atol=0)
    assert not fused.requires_grad


@pytest.mark.parametrize("name", UNARY)
def test_derivatives_to_third_order(name: str) -> None:
    """Each order against central differences of the order below it."""
    step = 1e-5
    x = (points(name) + 0.05).requires_grad_()  # relu has no derivative at 0
    function = getattr(torch, name)
    for _ in range(3):
        derivative = differentiated(function)
        upper, lower = (function((x + shift).detach().requires_grad_()) for shift in (step, -step))
        numeric = (upper - lower).detach() / (2 * step)
        assert torch.allclose(derivative(x).detach(), numeric, rtol=1e-4, atol=1e-5)
        function = derivative


@pytest.mark.parametrize("name", BINARY)
def test_binary_forms_agree(name: str) -> None:
    dtype = torch.int64 if ROWS[name]["result"] == "Bits" else torch.float64
    a = torch.tensor([3, 2, 5], dtype=dtype)
    b = torch.tensor([[2], [3]], dtype=dtype)
    function = getattr(torch, name)
    expected = function(a, b)
    assert expected.shape == (2, 3)
    assert torch.equal(getattr(a, name)(b), expected)
    out = torch.empty(2, 3, dtype=expected.dtype)
    assert function(a, b, out=out) is out
    assert torch.equal(out, expected)
    if hasattr(a, name + "_"):
        changed = a.expand(2, 3).clone()
        assert getattr(changed, name + "_")(b) is changed
        assert torch.equal(changed, expected.to(dtype))


@pytest.mark.parametrize("name", [name for name in BINARY if ROWS[name]["node"]])
def test_binary_recorded(name: str) -> None:
    a = torch.tensor([3.0, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[2.5], [1.5]], dtype=torch.float64, requires_grad=True)
    y = getattr(torch, name)(a, b)
    assert y.grad_fn.name() == ROWS[name]["node"]
    fused = torch.autograd.grad(y.sum(), (a, b), retain_graph=True)
    formula = torch.autograd.grad(y.sum(), (a, b), create_graph=True)
    for f, g, x in zip(fused, formula, (a, b), strict=True):
        assert f.shape == x.shape
        assert torch.allclose(f, g.detach(), rtol=1e-14, atol=0)
