"""Hooks on gradients; grad modes as contexts and decorators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lib import IS_TORCH, torch

grad = torch.autograd.grad
DEEP = 20_000 if IS_TORCH else 1_000_000


def leaf(*values: float, **options: Any) -> Any:
    return torch.tensor(list(values), requires_grad=True, **options)


# --- hooks ----------------------------------------------------------------------------------------


def test_hook_sees_and_replaces() -> None:
    x = leaf(2.0)
    seen: list[Any] = []
    y = x * 3
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * 2).backward(retain_graph=True)
    assert seen == [[2.0], [20.0]] and x.grad.tolist() == [60.0]
    handle.remove()
    handle.remove()
    (y * 2).backward()
    assert seen == [[2.0], [20.0], [20.0]] and x.grad.tolist() == [120.0]


def test_hook_on_a_leaf() -> None:
    x = leaf(2.0)
    seen: list[Any] = []
    handle = x.register_hook(lambda g: seen.append(g.tolist()) or g * 2)
    (x * x + x).backward()  # the hook runs once, on the sum
    assert seen == [[5.0]] and x.grad.tolist() == [10.0]
    assert grad(x * x, x)[0].tolist() == [8.0]
    handle.remove()
    (x * 1).backward()
    assert x.grad.tolist() == [11.0] and len(seen) == 2


def test_hook_as_context() -> None:
    x = leaf(2.0)
    with x.register_hook(lambda g: g * 0):
        (x * 5).backward()
    (x * 5).backward()
    assert x.grad.tolist() == [5.0]


def test_hook_under_create_graph_is_part_of_the_graph() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = grad(y, x, create_graph=True)
    assert g.tolist() == [8.0]
    assert grad(g, x)[0].tolist() == [8.0]


def test_hook_may_run_a_sweep() -> None:
    x, w = leaf(2.0), leaf(3.0)

    def inner(g: Any) -> None:
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            (w * w).backward()

    y = x * 5
    y.register_hook(inner)
    y.backward()
    assert w.grad.tolist() == [6.0] and x.grad.tolist() == [5.0]


def test_hook_gradient_is_not_recorded() -> None:
    x = leaf(2.0)
    modes: list[Any] = []
    y = x * x
    y.register_hook(lambda g: modes.append((torch.is_grad_enabled(), g.requires_grad)))
    y.backward(retain_graph=True)
    grad(y, x, create_graph=True)
    assert modes == [(False, False), (True, False)]


def test_in_place_moves_hooks() -> None:
    """A hook belongs to the value that the tensor had: a later in-place operation does not take it along."""
    x = leaf(2.0)
    y = x * 3
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(10)
    y.backward()
    assert seen == [[10.0]] and x.grad.tolist() == [30.0]


# --- grad modes -----------------------------------------------------------------------------------


def test_no_grad_context() -> None:
    x = leaf(2.0)
    with torch.no_grad():
        assert not torch.is_grad_enabled()
        y = x * 2
        with torch.enable_grad():
            z = x * 2
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert not y.requires_grad and y.is_leaf and z.requires_grad


def test_tensor_made_under_no_grad_may_require_it() -> None:
    with torch.no_grad():
        x = leaf(2.0)
        y = torch.ones(1, requires_grad=True)
    assert x.requires_grad and (x * y).requires_grad


def test_set_grad_enabled() -> None:
    x = leaf(2.0)
    with torch.set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with torch.set_grad_enabled(True):
            assert (x * 2).requires_grad
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled() and not (x * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("with_call", [False, True])
def test_decorators(with_call: bool) -> None:
    x = leaf(2.0)
    off = torch.no_grad() if with_call else torch.no_grad
    on = torch.enable_grad() if with_call else torch.enable_grad

    @off
    def quiet(scale: float, *, shift: float = 0.0) -> Any:
        "Its text."
        return x * scale + shift

    @on
    def loud() -> Any:
        return x * 2

    assert quiet.__name__ == "quiet" and quiet.__doc__ == "Its text."
    assert not quiet(3.0, shift=1.0).requires_grad and quiet(3.0, shift=1.0).tolist() == [7.0]
    with torch.no_grad():
        assert loud().requires_grad
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_decorator() -> None:
    @torch.set_grad_enabled(False)
    def quiet() -> bool:
        return bool(torch.is_grad_enabled())

    assert torch.is_grad_enabled()
    assert not quiet() and torch.is_grad_enabled()


def test_decorated_generator() -> None:
    """The mode holds inside the generator, the caller's mode between its steps."""
    x = leaf(2.0)
    inside: list[bool] = []

    @torch.no_grad()
    def steps() -> Iterator[Any]:
        try:
            for k in range(3):
                inside.append((x * k).requires_grad)
                got = yield x * k
                if got is not None:
                    inside.append(got)
        finally:
            inside.append(torch.is_grad_enabled())

    iterator = steps()
    assert not next(iterator).requires_grad
    assert torch.is_grad_enabled() and (x * 2).requires_grad
    assert not iterator.send(True).requires_grad
    assert torch.is_grad_enabled()
    iterator.close()
    assert torch.is_grad_enabled()
    assert inside == [False, True, False, False]

    @torch.no_grad()
    def failing() -> Iterator[Any]:
        try:
            yield 1
        except KeyError:
            yield torch.is_grad_enabled()

    second = failing()
    next(second)
    assert second.throw(KeyError()) is False and torch.is_grad_enabled()


def test_context_can_be_used_again() -> None:
    quiet = torch.no_grad()
    for _ in range(2):
        with quiet:
            assert not torch.is_grad_enabled()
        assert torch.is_grad_enabled()


def test_modes_belong_to_the_thread() -> None:
    import threading

    modes: list[bool] = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: modes.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert modes == [True]


def test_in_place_under_no_grad_bumps_the_version() -> None:
    w = leaf(1.0)
    y = w * w
    with torch.no_grad():
        w.add_(1)
        w[0] = 5
    assert w._version == 2 and w.is_leaf and w.grad_fn is None
    with pytest.raises(RuntimeError, match=r"is at version 2; expected version 0"):
        y.backward()


def test_backward_under_no_grad() -> None:
    x = leaf(3.0)
    y = x * x
    with torch.no_grad():
        y.backward()
    assert x.grad.tolist() == [6.0]
