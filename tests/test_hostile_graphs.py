"""Graphs that are misused: failures half-way, exchanged data, hooks and threads that interfere."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from lib import torch

pytestmark = pytest.mark.hinoko_only
np = pytest.importorskip("numpy")


# ---- what is recorded half-way ----


def stale_view() -> tuple[Any, Any]:
    """A leaf, and a view whose producer cannot be told: made without recording, its base then changed."""
    leaf = torch.ones(3, requires_grad=True)
    base = torch.ones(3)
    with torch.no_grad():
        view = base[:]
    base.mul_(leaf)
    return leaf, view


RECORDINGS = {
    "binary": lambda x, v: x * v,
    "binary_in_place": lambda x, v: (x * 1).mul_(v),
    "compare_in_place": lambda x, v: (x * 1).eq_(v),
    "floor_divide": lambda x, v: torch.floor_divide(x, v),
    "number": lambda x, v: v * 2,
    "unary": lambda x, v: torch.exp(v),
    "pow": lambda x, v: v**3,
    "alpha": lambda x, v: torch.add(x, v, alpha=2),
    "alpha_in_place": lambda x, v: (x * 1).add_(v, alpha=2),
    "addcmul": lambda x, v: torch.addcmul(x, x, v),
    "addcmul_in_place": lambda x, v: (x * 1).addcmul_(x, v),
    "where": lambda x, v: torch.where(x > 0, x, v),
    "masked_fill": lambda x, v: v.masked_fill(x > 0, 1.0),
    "copy": lambda x, v: (x * 1).copy_(v),
    "index_put": lambda x, v: (x * 1).__setitem__(torch.tensor([0, 1, 2]), v),
    "setitem": lambda x, v: (x * 1).__setitem__(slice(None), v),
    "cat": lambda x, v: torch.cat([x, v]),
    "stack": lambda x, v: torch.stack([x, v]),
    "dot": lambda x, v: torch.dot(x, v),
    "sum": lambda x, v: v.sum(),
    "max": lambda x, v: v.max(0),
    "view": lambda x, v: v.view(1, 3),
    "unbind": lambda x, v: v.unbind(),
    "clone": lambda x, v: v.clone(),
    "backward": lambda x, v: v.sum().backward(),
    "rounded": lambda x, v: torch.div(x, v, rounding_mode="floor"),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_failed_recording_gives_back_its_node(name: str) -> None:
    """A node is made before its edges are known; if an edge cannot be made, the node has no owner yet."""
    leaf, view = stale_view()
    before = torch._C.live_blocks()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no_grad mode"):
            RECORDINGS[name](leaf, view)
    assert torch._C.live_blocks() == before


# ---- data exchanged under the graph ----

FORWARDS = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "mul": lambda x: x * x,
    "pow": lambda x: x**3,
    "tensor_pow": lambda x: x**x,
    "div": lambda x: 1 / x,
    "mm": lambda x: x @ x.t(),
    "mv": lambda x: x @ x[0],
    "max": lambda x: x.max(0)[0],
    "extreme": lambda x: x.max(),
    "prod_sum": lambda x: (x * x.sum()).sum(),
    "where": lambda x: torch.where(x > 0, x * x, x),
    "index": lambda x: x[torch.tensor([0, 1])] * x[0],
    "sigmoid": lambda x: x.sigmoid(),
}
REPLACEMENTS = {
    "smaller": lambda x: torch.ones(1),
    "empty": lambda x: torch.zeros(0),
    "bigger": lambda x: torch.ones(7, 5),
    "dtype": lambda x: torch.ones(2, 3, dtype=torch.float64),
    "transposed": lambda x: torch.ones(3, 2).t(),
    "expanded": lambda x: torch.ones(1, 1).expand(2, 3),
    "own_view": lambda x: x.detach().flatten()[:1],
    "itself": lambda x: x,
}


@pytest.mark.parametrize("data", REPLACEMENTS)
def test_data_of_an_input_exchanged_before_backward(data: str) -> None:
    """A saved input's shape is relied on by the derivative; `x.data = u` must not make it read beyond."""
    for name, forward in FORWARDS.items():
        x = torch.ones(2, 3, requires_grad=True)
        y = forward(x)
        x.data = REPLACEMENTS[data](x)
        try:
            y.sum().backward()
        except RuntimeError:
            continue
        assert x.grad is not None, name


@pytest.mark.parametrize("data", REPLACEMENTS)
def test_data_of_a_result_exchanged_before_backward(data: str) -> None:
    """A node that saved its own result keeps the memory that the result was made with."""
    for forward in FORWARDS.values():
        for keep in (True, False):
            x = torch.ones(2, 3, requires_grad=True)
            y = forward(x)
            total = y.sum()
            y.data = REPLACEMENTS[data](y)
            if not keep:
                del y
            try:
                total.backward()
            except RuntimeError:
                continue
            assert x.grad is not None and x.grad.shape == (2, 3)


def test_leaf_of_another_shape_than_its_gradient() -> None:
    """A gradient is added to .grad in place, which may have the shape of earlier data."""
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    x.data = torch.ones(5)
    with pytest.raises(RuntimeError):
        (x * 2).sum().backward()


def test_saved_indices_changed_unseen() -> None:
    """The indices of a maximum are saved; changes through .data or numpy are not counted."""
    x = torch.ones(2, 3, requires_grad=True)
    values, indices = x.max(1)
    indices.data.fill_(10**9)
    with pytest.raises(IndexError):
        values.sum().backward()
    values, indices = x.max(1)
    indices.numpy()[:] = -(10**9)
    with pytest.raises(IndexError):
        values.sum().backward()


def test_retained_gradient_of_a_view_that_got_a_new_producer() -> None:
    """A view gets a new producer after its base changed; the old one must forget the view."""
    base = torch.ones(3) * torch.ones(3, requires_grad=True)
    view = base[:2]
    view.retain_grad()
    other = view * 2
    base.mul_(3)
    assert view.grad_fn is not None
    del view
    other.sum().backward()


# ---- hooks ----


def double_graph() -> tuple[Any, Any, Any]:
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    return x, y, (y * y).sum()


def test_prehook_with_another_shape() -> None:
    """The derivative relies on its gradient's shape, whatever a hook of the node returns."""
    for bad in (torch.ones(1), torch.ones(1000), torch.ones(2, dtype=torch.float64), torch.ones(2, 2)):
        _, y, loss = double_graph()
        y.grad_fn.register_prehook(lambda grads, bad=bad: (bad,))
        with pytest.raises(RuntimeError, match="invalid gradient"):
            loss.backward()
        _, y, loss = double_graph()
        loss.grad_fn.register_hook(lambda grads, outputs, bad=bad: (bad,))
        with pytest.raises(RuntimeError, match="invalid gradient"):
            loss.backward()


def test_prehook_that_takes_the_gradient_away() -> None:
    """A derivative of one gradient cannot run without it."""
    x, y, loss = double_graph()
    y.grad_fn.register_prehook(lambda grads: (None,))
    loss.backward()
    assert x.grad is None


def test_hook_that_resizes_what_is_on_its_way() -> None:
    """A gradient that a hook has seen may be resized by it, now or later, without being returned."""
    x = torch.ones(2, requires_grad=True)
    a, b = x * 2, x * 3
    seen = []

    def resize(g: Any) -> None:
        seen.append(g)
        for s in seen:
            s.data = torch.ones(1000)

    a.register_hook(resize)
    b.register_hook(resize)
    with pytest.raises(RuntimeError, match="invalid gradient"):
        (a + b).sum().backward()
    given = torch.ones(2)
    older = x.exp()
    c = x * 2
    c.register_hook(lambda g: setattr(given, "data", torch.ones(9)))
    d = c * 1
    with pytest.raises(RuntimeError):
        torch.autograd.backward([d, older], [torch.ones(2), given])


def test_sweep_inside_of_a_hook() -> None:
    """A sweep keeps its gradients in the nodes; another one over the same nodes must not mix with it."""
    x, y, loss = double_graph()
    inner: list[Any] = []

    def again(g: Any) -> None:
        if len(inner) < 2:
            inner.append(None)
            inner.append(torch.autograd.grad(loss, x, retain_graph=True)[0])

    handle = y.register_hook(again)
    loss.backward(retain_graph=True)
    assert x.grad.tolist() == [18.0, 18.0]
    assert inner[-1].tolist() == [18.0, 18.0]
    handle.remove()

    x = torch.ones(2, requires_grad=True)
    w = torch.ones(2, requires_grad=True)
    y = x * 3
    z = y * w
    loss = (z * z).sum() + y.sum() + x.sum()
    other = y.sum() * 1
    handle = z.register_hook(lambda g: torch.autograd.grad(other, y, retain_graph=True) and None)
    got = torch.autograd.grad(loss, [x, w], retain_graph=True)
    assert [g.tolist() for g in got] == [[22.0, 22.0], [18.0, 18.0]]
    handle.remove()


def test_hooks_without_end() -> None:
    """A hook that sweeps through itself takes stack at each level."""
    x, y, loss = double_graph()
    handle = y.register_hook(lambda g: torch.autograd.grad(loss, x, retain_graph=True)[0])
    with pytest.raises((RuntimeError, RecursionError)):
        loss.backward()
    handle.remove()  # it refers to the graph that it is part of


def test_graph_is_of_use_after_an_aborted_sweep() -> None:
    """What a sweep left in the nodes when a hook raised must not be added to the next sweep's gradients."""
    x = torch.ones(2, 2, requires_grad=True)
    parts = x.unbind()
    armed = [True]

    def hook(g: Any) -> None:
        if armed[0]:
            raise KeyError("hook")

    parts[0].register_hook(hook)
    parts[1].register_hook(hook)
    loss = (parts[0] * 2 + parts[1] * 3).sum()
    before = torch._C.live_blocks()
    for _ in range(3):
        with pytest.raises(KeyError):
            loss.backward(retain_graph=True)
    assert torch._C.live_blocks() == before
    armed[0] = False
    loss.backward()
    assert x.grad.tolist() == [[2.0, 2.0], [3.0, 3.0]]


def test_keyboard_interrupt_and_exit_in_hooks() -> None:
    """Exceptions that are no Exception travel through the sweep as well."""
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        _, y, loss = double_graph()

        def hook(g: Any, kind: type[BaseException] = kind) -> None:
            raise kind

        y.register_hook(hook)
        with pytest.raises(kind):
            loss.backward()


def test_threads_on_one_graph() -> None:
    """Hooks let other threads in while a sweep holds gradients in nodes that another thread sweeps, too."""
    w = torch.ones(4, requires_grad=True)
    shared = w * 2
    errors: list[BaseException] = []
    w.register_hook(lambda g: g * 1)

    def work() -> None:
        try:
            for _ in range(30):
                mine = shared * 3
                mine.register_hook(lambda g: [str(i) for i in range(200)] and None)
                (mine + shared).sum().backward(retain_graph=True)
        except BaseException as e:
            errors.append(e)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
    assert w.grad.tolist() == [8.0 * 90] * 4


def test_no_grad_is_of_its_thread() -> None:
    """Whether operations are recorded is a matter of each thread."""
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
