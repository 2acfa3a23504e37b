"""The engine: accumulation, what is asked for, the life of a graph, flags, higher orders."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest
from lib import IS_TORCH, run_python, torch

grad = torch.autograd.grad
DEEP = 20_000 if IS_TORCH else 1_000_000


def leaf(*values: float, **options: Any) -> Any:
    return torch.tensor(list(values), requires_grad=True, **options)


# --- accumulation ---------------------------------------------------------------------------------


def test_gradients_accumulate() -> None:
    x = leaf(1.0, 2.0)
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert x.grad.tolist() == [2.0 * times, 4.0 * times]
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_accumulation_is_in_place_without_create_graph() -> None:
    x = leaf(1.0)
    (x * 2).backward()
    first = x.grad
    (x * 3).backward()
    assert x.grad is first and first.tolist() == [5.0]


def test_accumulation_is_out_of_place_with_create_graph() -> None:
    x = leaf(1.0)
    (x * x).backward()
    first = x.grad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x * x).backward(create_graph=True)
    assert x.grad is not first and first.tolist() == [2.0] and x.grad.tolist() == [4.0]
    assert x.grad.grad_fn.name() == "AddBackward0"
    x.grad = None  # the cycle that the warning speaks of


def test_create_graph_warns_of_the_cycle() -> None:
    code = (
        f"import {torch.__name__} as torch, warnings\n"
        "warnings.simplefilter('error')\n"
        "x = torch.tensor([1.], requires_grad=True)\n"
        "try:\n    (x * x).backward(create_graph=True)\n"
        "except UserWarning as w:\n    print(w)\n"
    )
    text = run_python(code=code).stdout
    assert text.startswith("Using backward() with create_graph=True will create a reference cycle")


def test_gradient_does_not_alias_its_seed() -> None:
    x, seed = leaf(1.0, 2.0), torch.tensor([3.0, 4.0])
    (x + 0).backward(seed)
    seed.zero_()
    assert x.grad.tolist() == [3.0, 4.0]


def test_gradients_of_two_leaves_do_not_alias() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0]
    x.grad = y.grad = None
    (x.view(2, 1).view(2) + y).backward(torch.ones(2))
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]


def test_returned_gradient_may_be_changed() -> None:
    x, y = leaf(1.0), leaf(2.0)
    gx, _ = grad(x + y, [x, y])
    gx.mul_(5)
    assert (gx.tolist(), x.grad, y.grad) == ([5.0], None, None)


def test_gradient_has_the_layout_of_its_tensor() -> None:
    x = torch.ones(1, requires_grad=True)
    x.expand(3).sum().backward()
    assert x.grad.tolist() == [3.0]
    y = torch.ones(2, 3, requires_grad=True)
    (y.T * torch.arange(6.0).reshape(3, 2)).sum().backward()
    assert y.grad.tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]] and y.grad.stride() == y.stride()


def test_same_tensor_twice() -> None:
    x = leaf(3.0)
    (x * x + x / x).backward()
    assert x.grad.tolist() == [6.0]
    assert grad(torch.cat([x, x, x]).sum(), x)[0].tolist() == [3.0]
    assert grad(x**x, x)[0].item() == pytest.approx(27 * (1 + 1.0986123))


def test_order_of_the_sums() -> None:
    """Later nodes first: float sums depend on it."""
    x = leaf(1.0)
    y = x * 1e8 + x * 1.0 + x * -1e8
    assert grad(y, x)[0].tolist() == [0.0]
    z = x * 1.0 + (x * -1e8 + x * 1e8)
    assert grad(z, x)[0].tolist() == [1.0]


# --- grad(): what is asked for --------------------------------------------------------------------


def test_grad_leaves_no_trace() -> None:
    x = leaf(2.0)
    y = x * x
    (g,) = grad(y, x)
    assert g.tolist() == [4.0] and x.grad is None and not g.requires_grad


def test_grad_of_an_intermediate() -> None:
    x = leaf(2.0)
    y = x * 3
    z = y * y * x
    gy, gx = grad(z, [y, x])
    assert gy.tolist() == [24.0] and gx.tolist() == [3 * 24.0 + 36.0]
    (same,) = grad(y, y)
    assert same.tolist() == [1.0]


def test_grad_of_the_same_input_twice() -> None:
    x = leaf(2.0)
    a, b = grad(x * x, [x, x])
    assert a.tolist() == b.tolist() == [4.0]


def test_several_outputs_add_up() -> None:
    x = leaf(2.0)
    y = x * x
    (g,) = grad([y, y * 10, y], x, [torch.tensor([1.0]), torch.tensor([2.0]), None])
    assert g.tolist() == [4.0 * (1 + 20 + 1)]
    (x * 2).backward(torch.tensor([3.0]))
    torch.autograd.backward([x * 1, x * 2], [torch.tensor([10.0]), None])
    assert x.grad.tolist() == [6.0 + 10 + 2]


def test_unused_inputs() -> None:
    x, y = leaf(2.0), leaf(1.0)
    assert grad(x * 1, [x, y], allow_unused=True)[1] is None
    found = grad(x * 1, [x, y], materialize_grads=True)[1]
    assert found.tolist() == [0.0] and not found.requires_grad
    assert grad(x * 1, x, is_grads_batched=False)[0].tolist() == [1.0]
    with pytest.raises(
        RuntimeError, match=r"^The differentiated Tensor at index 1 appears to not have been used"
    ):
        grad(x * 1, [x, y])


def test_seed_may_require_grad() -> None:
    """A vector-Jacobian product is linear in the vector; its derivative is the forward product."""
    x, v = leaf(1.0, 2.0), torch.zeros(2, requires_grad=True)
    (vjp,) = grad(x * x, x, v, create_graph=True)
    (jvp,) = grad(vjp, v, torch.tensor([1.0, 10.0]))
    assert jvp.tolist() == [2.0, 40.0]


def test_backward_into_chosen_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[y])
    assert x.grad is None and y.grad.tolist() == [2.0]
    z = x * y
    (z * z).backward(inputs=z)
    assert z.grad.tolist() == [12.0]
    (x * y).backward(torch.tensor([2.0]), inputs=(x,))
    assert x.grad.tolist() == [6.0] and y.grad.tolist() == [2.0]


def test_a_scalar_needs_no_seed() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    x.backward()
    assert x.grad.tolist() == 1.0
    y = torch.tensor([[3.0]], requires_grad=True)
    (y * 2).backward()
    assert y.grad.tolist() == [[2.0]]


# --- the life of a graph --------------------------------------------------------------------------


def test_retain_graph() -> None:
    x = leaf(2.0)
    y = x * x
    for _ in range(3):
        y.backward(retain_graph=True)
    assert x.grad.tolist() == [12.0]
    y.backward()
    with pytest.raises(RuntimeError, match=r"^Trying to backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [16.0]


def test_create_graph_retains_the_graph() -> None:
    x = leaf(2.0)
    y = x**3
    assert grad(y, x, create_graph=True)[0].tolist() == [12.0]
    assert grad(y, x)[0].tolist() == [12.0]
    with pytest.raises(RuntimeError):
        grad(y, x)
    z = x**3
    grad(z, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError):
        grad(z, x)


def test_only_the_swept_part_is_freed() -> None:
    x = leaf(2.0)
    shared = x * x
    a, b = shared * 3, shared.exp()
    a.backward()
    with pytest.raises(RuntimeError):
        b.backward()
    c = x.exp()
    d, e = c + 1, c + 2
    d.backward()
    with pytest.raises(RuntimeError):
        e.backward()
    f = x + 1
    (f + 2).backward()
    (f + 3).backward()


def test_part_of_a_graph_outlives_its_output() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    del y
    gc.collect()
    z.backward()
    assert x.grad.tolist() == [12.0]


def test_leaf_may_be_changed_between_sweeps() -> None:
    x = leaf(1.0)
    for _ in range(3):
        x.grad = None
        (x * x).backward()
        with torch.no_grad():
            x -= 0.25 * x.grad
    assert x.tolist() == [0.125]


def test_graph_keeps_the_value_it_needs() -> None:
    """y.mul_ after a use of y: what was kept of it is checked, what was not is free to change."""
    x = leaf(2.0)
    y = x * 3
    z = y + 1
    y.mul_(2)
    z.backward()
    assert x.grad.tolist() == [3.0]
    x.grad = None
    y = x * 3
    z = y.sigmoid()
    y.zero_()  # sigmoid kept its result
    z.backward()
    assert x.grad is not None


# --- leaves, flags --------------------------------------------------------------------------------


def test_flags() -> None:
    x = leaf(1.0)
    a = torch.tensor([1.0])
    y = x * a
    assert x.is_leaf and a.is_leaf and not y.is_leaf
    assert x.requires_grad and y.requires_grad and not a.requires_grad
    assert x.grad_fn is None and a.grad_fn is None and y.grad_fn is not None
    assert (a * 2).is_leaf and y.detach().is_leaf and not y.detach().requires_grad
    assert not (x > 0).requires_grad and not x.max(0).indices.requires_grad and not x.long().requires_grad
    assert a.requires_grad_() is a and (a * 1).requires_grad
    assert a.requires_grad_(False) is a and not a.requires_grad
    a.requires_grad = True
    assert a.is_leaf and a.output_nr == 0


def test_detach_and_clone() -> None:
    x = leaf(2.0)
    (x * x.detach()).backward()
    assert x.grad.tolist() == [2.0]
    c = x.clone()
    c.mul_(5)
    assert x.tolist() == [2.0] and c.grad_fn.name() == "MulBackward0"
    y = x * 3
    same = y.detach_()
    assert same is y and y.is_leaf and not y.requires_grad and y.grad_fn is None


def test_grad_of_a_non_leaf_warns() -> None:
    x = leaf(2.0)
    y = x * 3
    with pytest.warns(
        UserWarning, match=r"^The \.grad attribute of a Tensor that is not a leaf Tensor is being accessed"
    ):
        assert y.grad is None
    y.retain_grad()
    assert y.grad is None


def test_retain_grad() -> None:
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    (y * y).backward()
    assert y.grad.tolist() == [12.0] and x.grad.tolist() == [36.0]
    x.retain_grad()
    (x * 1).backward()
    assert x.grad.tolist() == [37.0]


def test_grad_can_be_assigned() -> None:
    x = leaf(1.0, 2.0)
    x.grad = torch.tensor([5.0, 6.0])
    (x * 1).sum().backward()
    assert x.grad.tolist() == [6.0, 7.0]
    x.grad.zero_()
    assert x.grad.tolist() == [0.0, 0.0]
    del x.grad
    assert x.grad is None


# --- higher orders --------------------------------------------------------------------------------


def test_derivatives_of_every_order() -> None:
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y = x**6
    value = 64.0
    for order in range(6):
        (y,) = grad(y, x, create_graph=True)
        value = value * (6 - order) / 2
        assert y.item() == value


def test_tenth_derivative_of_sine() -> None:
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = x.sin()
    for _ in range(10):
        (y,) = grad(y, x, create_graph=True)
    assert y.item() == pytest.approx(-0.644217687237691, rel=1e-12)


def test_linear_function_twice() -> None:
    x = leaf(2.0)
    (g,) = grad(x * 3, x, create_graph=True)
    assert not g.requires_grad
    with pytest.raises(RuntimeError, match=r"^element 0 of tensors does not require grad"):
        grad(g, x)


def test_gradient_penalty() -> None:
    w = leaf(2.0)
    x = leaf(3.0)
    (g,) = grad(w * x * x, x, create_graph=True)
    (g * g).backward()
    assert w.grad.tolist() == [2 * 12.0 * 6.0] and x.grad.tolist() == [2 * 12.0 * 4.0]


def test_create_graph_in_a_loop() -> None:
    """Newton's method on x**3 - 8."""
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    for _ in range(20):
        y = x**4 / 4 - 8 * x
        (g,) = grad(y, x, create_graph=True)
        (h,) = grad(g, x)
        with torch.no_grad():
            x -= g / h
    assert x.item() == pytest.approx(2.0, rel=1e-12)
