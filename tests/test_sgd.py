"""optim.SGD: bits of the update, the step, closures, zero_grad, differentiable steps."""

from __future__ import annotations

import json

import make_figures_sgd as figures
import pytest

import hinoko as torch

SGD = torch.optim.SGD
STORED = json.loads(figures.DATA.read_text())


def leaf(*values, dtype=torch.float32):
    return torch.tensor(values or (1.0, 2.0), dtype=dtype, requires_grad=True)


def with_grad(*values, grad=None, dtype=torch.float32):
    p = leaf(*values, dtype=dtype)
    p.grad = torch.ones_like(p) if grad is None else torch.tensor(grad, dtype=dtype)
    return p


def plain(t):
    return t.detach().tolist()


# Bits.


@pytest.fixture(scope="module")
def inputs():
    return {dtype: figures.make_inputs(torch, dtype) for dtype in figures.DTYPES}


@pytest.mark.parametrize("options", figures.combinations(), ids=figures.label)
@pytest.mark.parametrize("dtype", figures.DTYPES)
def test_bits_over_1000_steps(inputs, dtype, options):
    assert figures.train(torch, dtype, options, inputs[dtype]) == STORED[dtype][figures.label(options)]


@pytest.mark.parametrize("more", [{"foreach": True}, {"foreach": False}, {"fused": False}], ids=str)
def test_foreach_and_fused_change_nothing(inputs, more):
    options = figures.combinations()[-1]
    assert (
        figures.train(torch, "float32", options, inputs["float32"], **more)
        == STORED["float32"][figures.label(options)]
    )


@pytest.mark.parametrize("dtype", figures.DTYPES)
def test_layouts_have_the_same_bits(dtype):
    numbers = figures.Numbers(dtype)
    kind = getattr(torch, dtype)
    start, steps = numbers.take(12), [numbers.take(12) for _ in range(20)]

    def run(make_param, make_grad):
        p = make_param(torch.tensor(start, dtype=kind)).requires_grad_()
        o = SGD([p], lr=0.013, momentum=0.9, weight_decay=0.05, dampening=0.3)
        for values in steps:
            p.grad = make_grad(torch.tensor(values, dtype=kind))
            o.step()
        return p

    flat = run(lambda t: t, lambda t: t)
    matrix = run(lambda t: t.reshape(3, 4), lambda t: t.reshape(3, 4))
    transposed = run(
        lambda t: t.reshape(3, 4).t().contiguous().t(), lambda t: t.reshape(3, 4).t().contiguous().t()
    )
    mixed = run(lambda t: t.reshape(3, 4).t().contiguous().t(), lambda t: t.reshape(3, 4))
    spread = run(lambda t: torch.stack([t, t], 1)[:, 0], lambda t: torch.stack([t, t], 1)[:, 1])
    for other in (matrix, transposed, mixed, spread):
        assert figures.bits([other.detach().reshape(12)], dtype) == figures.bits([flat.detach()], dtype)
    scalar = torch.tensor(start[0], dtype=kind, requires_grad=True)
    o = SGD([scalar], lr=0.013, momentum=0.9, weight_decay=0.05, dampening=0.3)
    for values in steps:
        scalar.grad = torch.tensor(values[0], dtype=kind)
        o.step()
    assert scalar.item() == flat[0].item()


def test_nan_and_infinity_pass_through():
    p = with_grad(1.0, 2.0, 3.0, grad=[float("inf"), float("nan"), 1.0])
    SGD([p], lr=0.5).step()
    a, b, c = plain(p)
    assert a == -float("inf") and b != b and c == 2.5


# The step.


def test_parameters_without_gradient_are_left_alone():
    p, q = with_grad(), leaf(3.0)
    o = SGD([p, q], lr=0.5, momentum=0.9)
    o.step()
    assert plain(p) == [0.5, 1.5] and plain(q) == [3.0]
    assert list(o.state) == [p]
    assert SGD([leaf()], momentum=0.9).step() is None


def test_no_state_without_momentum():
    p = with_grad()
    o = SGD([p], lr=0.5)
    o.step()
    assert dict(o.state) == {}


def test_step_keeps_identity_and_counts_versions():
    p = with_grad()
    address, grad = p.data_ptr(), p.grad
    o = SGD([p], lr=0.5, momentum=0.9)
    o.step()
    buffer = o.state[p]["momentum_buffer"]
    o.step()
    assert p.data_ptr() == address and p.grad is grad and o.state[p]["momentum_buffer"] is buffer
    assert (p._version, buffer._version, grad._version) == (2, 2, 0)
    assert p.requires_grad and p.is_leaf and not buffer.requires_grad
    assert buffer.data_ptr() != grad.data_ptr()
    assert plain(grad) == [1.0, 1.0]


def test_step_invalidates_a_graph_through_the_parameter():
    p = with_grad()
    y = (p * p).sum()
    SGD([p]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_groups_and_changes_of_lr():
    p, q = with_grad(), with_grad(3.0)
    o = SGD([{"params": [p], "lr": 0.5}, {"params": q}], lr=0.25)
    assert [g["lr"] for g in o.param_groups] == [0.5, 0.25]
    o.step()
    assert plain(p) == [0.5, 1.5] and plain(q) == [2.75]
    for group in o.param_groups:
        group["lr"] *= 0.5
    o.step()
    assert plain(p) == [0.25, 1.25] and plain(q) == [2.625]
    o.param_groups[0]["maximize"] = True
    o.param_groups[1]["weight_decay"] = 1
    o.step()
    assert plain(p) == [0.5, 1.5] and plain(q) == [2.625 - 0.125 * 3.625]


def test_lr_as_tensor():
    lr = torch.tensor(0.5)
    p, q = with_grad(), with_grad()
    o = SGD([p], lr=lr)
    assert o.param_groups[0]["lr"] is lr
    o.step()
    SGD([q], lr=torch.tensor([0.5], requires_grad=True), weight_decay=torch.tensor(0.0)).step()
    assert plain(p) == plain(q) == [0.5, 1.5]
    lr.fill_(0.25)
    o.step()
    assert plain(p) == [0.25, 1.25]


def test_training_finds_the_minimum():
    w, b = leaf(0.0), leaf(0.0)
    x = torch.tensor([0.0, 1.0, 2.0, 3.0])
    o = SGD([w, b], lr=0.05, momentum=0.9)
    for _ in range(300):
        o.zero_grad()
        loss = ((w * x + b - (2 * x + 1)) ** 2).mean()
        loss.backward()
        o.step()
    assert abs(w.item() - 2) < 1e-3 and abs(b.item() - 1) < 1e-3


def test_duplicate_parameter_steps_twice():
    p = with_grad()
    with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters"):
        o = SGD([p, p], lr=0.5)
    o.step()
    assert plain(p) == [0.0, 1.0]


def test_overlong_option_changes_nothing():
    for options in ({"lr": 1e40}, {"lr": 1.0, "weight_decay": 1e40}):
        p = with_grad()
        with pytest.raises(RuntimeError, match="value cannot be converted to type float without overflow"):
            SGD([p], **options).step()
        assert plain(p) == [1.0, 2.0]
    p = with_grad(dtype=torch.float64)
    SGD([p], lr=1e40).step()
    assert plain(p) == [1 - 1e40, 2 - 1e40]


def test_odd_options_in_a_group():
    p = with_grad()
    o = SGD([p])
    o.param_groups[0]["lr"] = "x"
    with pytest.raises(TypeError, match="bad operand type for unary -: 'str'"):
        o.step()
    del o.param_groups[0]["lr"]
    with pytest.raises(KeyError, match="lr"):
        o.step()
    assert plain(p) == [1.0, 2.0] and p._version == 0
    o.param_groups[0]["lr"] = True
    o.step()
    assert plain(p) == [0.0, 1.0]


def test_foreign_buffers():
    p = with_grad()
    o = SGD([p], lr=0.5, momentum=0.5)
    o.state[p]["momentum_buffer"] = None
    o.step()
    assert plain(o.state[p]["momentum_buffer"]) == [1.0, 1.0]
    o.state[p]["momentum_buffer"] = torch.ones(2, dtype=torch.float64)
    o.step()
    assert o.state[p]["momentum_buffer"].dtype == torch.float64
    assert plain(o.state[p]["momentum_buffer"]) == [1.5, 1.5] and plain(p) == [-0.25, 0.75]
    o.state[p]["momentum_buffer"] = torch.ones(3)
    with pytest.raises(
        RuntimeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(2\)"
    ):
        o.step()
    assert plain(p) == [-0.25, 0.75]


def test_integer_parameter():
    p = torch.tensor([5, 6])
    p.grad = torch.tensor([1, 2])
    SGD([p], lr=1).step()
    assert plain(p) == [4, 4]
    with pytest.raises(
        RuntimeError, match="For integral input tensors, argument alpha must not be a floating"
    ):
        SGD([p], lr=0.5).step()
    assert plain(p) == [4, 4]


def test_empty_parameter():
    p = torch.zeros(0, requires_grad=True)
    p.grad = torch.zeros(0)
    SGD([p], momentum=0.9).step()
    assert p.shape == (0,)


# Closures.


def test_closure():
    p = leaf()
    o = SGD([p], lr=0.5)

    def closure():
        assert torch.is_grad_enabled()
        o.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert o.step(closure).item() == 5.0
    with torch.no_grad():
        assert o.step(closure=closure).item() == 0.0
        assert not torch.is_grad_enabled()
    assert plain(p) == [0.0, 0.0]
    assert o.step(lambda: (1, "two")) == (1, "two")


@pytest.mark.parametrize("enabled", [True, False])
def test_closure_that_raises_leaves_everything_as_it_was(enabled):
    p = with_grad()
    o = SGD([p], lr=0.5, momentum=0.9)

    def closure():
        raise KeyError("z")

    with torch.set_grad_enabled(enabled):
        with pytest.raises(KeyError, match="z"):
            o.step(closure)
        assert torch.is_grad_enabled() is enabled
    assert plain(p) == [1.0, 2.0] and p._version == 0 and dict(o.state) == {}
    with pytest.raises(TypeError, match="'int' object is not callable"):
        o.step(3)
    with pytest.raises(
        TypeError, match=r"SGD.step\(\) takes from 1 to 2 positional arguments but 3 were given"
    ):
        o.step(None, None)
    with pytest.raises(TypeError, match=r"SGD.step\(\) got an unexpected keyword argument 'foo'"):
        o.step(foo=1)
    assert plain(p) == [1.0, 2.0]


# zero_grad.


def test_zero_grad_to_none():
    p, q = with_grad(), leaf()
    held = p.grad
    o = SGD([{"params": [p]}, {"params": [q]}])
    o.zero_grad()
    assert p.grad is None and q.grad is None and plain(held) == [1.0, 1.0]
    p.grad = held
    o.zero_grad(set_to_none=True)
    assert p.grad is None


def test_zero_grad_in_place():
    p, q = with_grad(), leaf()
    held = p.grad
    SGD([p, q]).zero_grad(set_to_none=False)
    assert p.grad is held and plain(held) == [0.0, 0.0] and held._version == 1 and q.grad is None
    p.grad = torch.tensor([1.0, 2.0]).requires_grad_()
    SGD([p]).zero_grad(False)
    assert plain(p.grad) == [0.0, 0.0] and not p.grad.requires_grad
    p = torch.ones(2, 3, requires_grad=True)
    p.grad = torch.ones(3, 2).t()
    SGD([p]).zero_grad(False)
    assert plain(p.grad) == [[0.0] * 3] * 2
    p = torch.tensor([1, 2])
    p.grad = torch.tensor([1, 2])
    SGD([p]).zero_grad(False)
    assert plain(p.grad) == [0, 0]


def test_zero_grad_cuts_the_graph():
    p, q = leaf(), leaf(3.0, 4.0)
    p.grad = q * 2
    held = p.grad
    SGD([p]).zero_grad(False)
    assert p.grad is held and held.grad_fn is None and not held.requires_grad and plain(held) == [0.0, 0.0]
    p.grad = (q * 2)[:]
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        SGD([p]).zero_grad(False)
    assert plain(p.grad) == [6.0, 8.0]


# differentiable=True.


@pytest.mark.parametrize("nesterov", [False, True])
def test_differentiable(nesterov):
    # The rate is recorded only with nesterov: else a step saves the buffer that the next one changes.
    start = leaf()
    rate = torch.tensor(0.5, requires_grad=nesterov)
    slope = leaf(2.0, 4.0)
    p = start.clone()
    options = {"momentum": 0.5, "weight_decay": 0.25, "nesterov": nesterov, "maximize": True}
    o = SGD([p], lr=rate, differentiable=True, **options)
    for k in (1.0, 2.0):
        p.grad = slope * k
        o.step()
    p.sum().backward()

    def by_hand(x, lr, a):
        buffer = None
        for k in (1.0, 2.0):
            g = -a * k + 0.25 * x
            buffer = g.detach() if buffer is None else 0.5 * buffer + g
            x = x - lr * (g + 0.5 * buffer if nesterov else buffer)
        return x

    inputs = [t.detach().requires_grad_(t.requires_grad) for t in (start, rate, slope)]
    expected = by_hand(*inputs)
    expected.sum().backward()
    assert plain(p) == plain(expected)
    for t, u in zip((start, rate, slope), inputs, strict=True):
        if t.requires_grad:
            assert plain(t.grad) == pytest.approx(plain(u.grad), rel=1e-6)


def test_differentiable_leaf():
    p = with_grad()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"):
        SGD([p], differentiable=True).step()
    assert plain(p) == [1.0, 2.0]
