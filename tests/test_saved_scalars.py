"""What a graph keeps of scalars that the program has let go of: the same numbers, history and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lib import torch

FLOAT_NAMES = ["float32", "float64"]


class Holder:
    """Keeps what it is called with, or not."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.held: list[Any] = []

    def __call__(self, tensor: Any) -> Any:
        if self.keeps:
            self.held.append(tensor)
        return tensor


FUNCTIONS: dict[str, Callable[[Any, Holder], Any]] = {
    "exp": lambda x, h: h(torch.exp(h(torch.exp(h(x * 0.3))))),
    "sin of a product": lambda x, h: h(torch.sin(h(h(x * x) * x))),
    "square of a temporary": lambda x, h: h(x + 1) ** 2,
    "a temporary times itself": lambda x, h: (lambda y: y * y)(h(x + 1)),
    "quotient": lambda x, h: h(torch.cos(x)) / h(h(x * x) + 1.5),
    "both operands": lambda x, h: h(torch.sin(x)) * h(torch.tanh(x)),
    "a constant": lambda x, h: x * h(torch.tensor(1.25, dtype=x.dtype)) * x,
    "a constant of one dimension": lambda x, h: (x * h(torch.tensor([1.25], dtype=x.dtype)) * x).sum(),
    "power": lambda x, h: h(h(x * x) + 1) ** h(x * 0.5),
    "number to a power": lambda x, h: 2 ** h(x * x),
    "used twice": lambda x, h: (lambda y: torch.exp(y) * y + torch.sin(y))(h(x * x)),
    "addcmul": lambda x, h: torch.addcmul(x, h(x * x), h(torch.sin(x)), value=0.5),
    "maximum": lambda x, h: torch.maximum(h(x * 2), h(x * x)) * x,
    "wider": lambda x, h: h(torch.sin(x)) * h(torch.tensor(0.5, dtype=torch.float64) * x),
    "views": lambda x, h: (lambda y: y.reshape(1) * y.expand(1))(h(torch.sin(x) * x)).sum(),
    "chain": lambda x, h: _chain(x, h),
}


def _chain(x: Any, hold: Holder) -> Any:
    y = x
    for _ in range(30):
        y = hold(torch.sin(hold(y * x)))
    return y


@pytest.mark.parametrize("dtype", FLOAT_NAMES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_do_not_depend_on_who_holds_what(name: str, dtype: str) -> None:
    found = []
    for keeps in (False, True):
        hold = Holder(keeps)
        x = torch.tensor(0.7, dtype=getattr(torch, dtype), requires_grad=True)
        value = FUNCTIONS[name](x, hold)
        orders = [value]
        for _ in range(3):
            if not value.requires_grad:
                break
            (value,) = torch.autograd.grad(value, x, create_graph=True)
            orders.append(value)
        found.append([order.item() for order in orders])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_retained_graph_can_be_swept_again_in_any_mode(name: str) -> None:
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = FUNCTIONS[name](x, Holder(False))
    (first,) = torch.autograd.grad(y, x, retain_graph=True)
    (recorded,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(recorded, x, retain_graph=True)
    (again,) = torch.autograd.grad(y, x)
    assert first.item() == pytest.approx(recorded.item(), rel=1e-14)
    assert first.item() == again.item()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(y, x)
    h = 1e-5

    def slope(at: float) -> float:
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(FUNCTIONS[name](x, Holder(False)), x)[0].item()

    assert second.item() == pytest.approx((slope(0.7 + h) - slope(0.7 - h)) / (2 * h), rel=1e-6)


def test_a_change_before_the_end_is_noticed() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x + 1
    z = y * x
    y.add_(1)
    del y
    with pytest.raises(RuntimeError, match=r"output 0 of Add, is at version 1; expected version 0"):
        z.backward()


def test_a_change_through_an_alias_is_noticed() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    for make in (lambda y: y.detach(), lambda y: y.view(1, 1)):
        y = x + 1
        z = y * x
        alias = make(y)
        del y
        with torch.no_grad():
            alias.mul_(5)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.backward()
    e = torch.exp(x)
    alias = e.detach()
    out = e * 2
    del e
    alias.mul_(5)
    with pytest.raises(RuntimeError, match="output 0 of Exp,"):
        out.backward()


def test_a_detached_alias_keeps_its_value() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    alias, data = y.detach(), y.data
    z = y * x
    del y
    z.backward()
    assert (alias.item(), data.item(), x.grad.item()) == (4.0, 4.0, 12.0)


def test_the_output_itself_in_place() -> None:
    x = torch.tensor([0.5], requires_grad=True)
    y = x * 2
    y.exp_()
    z = y * 3
    del y
    (g,) = torch.autograd.grad(z, x)
    assert g.item() == pytest.approx(3 * 2 * 2.718281828, rel=1e-6)
    y = x * 2
    y.exp_()
    y.sigmoid_()
    with pytest.raises(RuntimeError, match="output 0 of Exp, is at version 2; expected version 1"):
        torch.autograd.grad(y * 3, x)


def test_hooks_and_retained_gradients_of_what_is_gone() -> None:
    x = torch.tensor(0.5, requires_grad=True)
    seen: list[float] = []
    y = x * x
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.item()))
    z = torch.sin(y) * y
    del y
    z.backward()
    assert seen and x.grad.item() == pytest.approx(2 * 0.5 * seen[0])


def test_the_same_tensor_as_both_operands_in_place() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    y = x * 1
    y.mul_(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.hinoko_only
def test_other_data() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    c = torch.tensor([3.0])
    y = x * c
    c.data = torch.ones(2, 2)
    del c
    with pytest.raises(RuntimeError, match="got other data by assignment"):
        y.backward()


def test_a_number_keeps_its_shape() -> None:
    for shape in ((), (1,), (1, 1)):
        x = torch.full(shape, 2.0, requires_grad=True)
        y = torch.exp(torch.sin(x * 1)) * (x * 1)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        assert g.shape == torch.Size(shape)
        assert torch.autograd.grad(g.sum(), x)[0].shape == torch.Size(shape)


@pytest.mark.hinoko_only
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_in_place_on_what_was_saved_makes_no_cycle(shape: tuple[int, ...]) -> None:
    """Never swept, the graph goes with its tensors (live_blocks, of conftest, sees to it)."""
    x = torch.ones(shape, requires_grad=True)

    def change() -> None:
        y = x * 2
        y.add_(torch.sin(y) * y)
        constant = torch.ones(shape)
        constant.mul_(constant * x)

    change()
    before = torch._C.live_blocks()
    change()
    assert torch._C.live_blocks() == before


def test_data_counts_its_own_changes() -> None:
    x = torch.ones(3, requires_grad=True)
    w = torch.ones(3, requires_grad=True)
    y = x * 2
    data = y.data
    z = data * w
    y.mul_(2)
    assert (data._version, y._version) == (0, 1)
    z.sum().backward()
    assert w.grad.tolist() == [4.0, 4.0, 4.0]
    z = data * w
    data.mul_(2)
    assert (data._version, y._version) == (1, 1)
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        z.sum().backward()
