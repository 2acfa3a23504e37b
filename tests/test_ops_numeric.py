"""Derivatives of order 1, 2, 3 against central differences of the order below; values against numpy."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from lib import difference, encode, flat, torch

Shape = tuple[int, ...]

#   expression: shapes and ranges of a, b, ...; the functions are smooth within the ranges
SMOOTH: dict[str, list[tuple[Shape, float, float]]] = {
    "a + b": [((2, 3), -1, 1), ((3,), -1, 1)],
    "a - b": [((2, 1), -1, 1), ((3,), -1, 1)],
    "a * b": [((2, 3), -1, 1), ((2, 1), -1, 1)],
    "a / b": [((2, 3), -1, 1), ((3,), 0.5, 2)],
    "a ** b": [((2, 3), 0.5, 2), ((3,), -2, 2)],
    "a % b": [((3,), 0.1, 0.9), ((3,), 1, 2)],
    "a * 2.5 - 1": [((3,), -1, 1)],
    "3 - a": [((3,), -1, 1)],
    "2 / a": [((3,), 0.5, 2)],
    "a / 3": [((3,), 0.5, 2)],
    "a ** 2": [((3,), -1, 1)],
    "a ** 3": [((3,), -1, 1)],
    "a ** 5": [((3,), -1, 1)],
    "a ** 0.5": [((3,), 0.5, 2)],
    "a ** -1.5": [((3,), 0.5, 2)],
    "2 ** a": [((3,), -1, 1)],
    "torch.add(a, b, alpha=3)": [((3,), -1, 1), ((3,), -1, 1)],
    "torch.sub(a, b, alpha=0.5)": [((3,), -1, 1), ((3,), -1, 1)],
    "-a": [((3,), -1, 1)],
    "torch.exp(a)": [((2, 3), -1, 1)],
    "torch.log(a)": [((2, 3), 0.5, 2)],
    "torch.sin(a)": [((2, 3), -2, 2)],
    "torch.cos(a)": [((2, 3), -2, 2)],
    "torch.tan(a)": [((2, 3), -1, 1)],
    "torch.tanh(a)": [((2, 3), -1, 1)],
    "torch.sigmoid(a)": [((2, 3), -2, 2)],
    "torch.relu(a) * a": [((2, 3), 0.1, 1)],
    "torch.relu(-a) * a": [((2, 3), 0.1, 1)],
    "torch.sqrt(a)": [((2, 3), 0.5, 2)],
    "torch.abs(a) * a": [((2, 3), -1, -0.1)],
    "torch.reciprocal(a)": [((2, 3), 0.5, 2)],
    "torch.square(a)": [((2, 3), -1, 1)],
    "torch.maximum(a, b) * a": [((3,), 1.1, 2), ((3,), 0, 1)],
    "torch.minimum(a, b) * b": [((3,), 1.1, 2), ((3,), 0, 1)],
    "torch.where(a > b, a * b, a * a)": [((2, 3), 1.1, 2), ((3,), 0, 1)],
    "a.sum() * a": [((2, 3), -1, 1)],
    "a.sum(1) ** 2": [((2, 3), -1, 1)],
    "a.sum(0, keepdim=True) * a * a": [((2, 3), -1, 1)],
    "a.mean() * a * a": [((2, 3), -1, 1)],
    "a.mean(-1) ** 3": [((2, 3), -1, 1)],
    "a.max(1).values ** 3": [((2, 3), -1, 1)],
    "a.min() ** 3 * a": [((2, 3), -1, 1)],
    "(a @ b) ** 2": [((2, 3), -1, 1), ((3, 2), -1, 1)],
    "a.mm(b) * a.mm(b)": [((2, 2), -1, 1), ((2, 2), -1, 1)],
    "a.mv(b) ** 2": [((2, 3), -1, 1), ((3,), -1, 1)],
    "a.dot(b) ** 2": [((3,), -1, 1), ((3,), -1, 1)],
    "torch.exp(a @ b)": [((3,), -1, 1), ((3, 2), -1, 1)],
    "torch.sin(a @ b)": [((2, 2, 3), -1, 1), ((3, 2), -1, 1)],
    "torch.cos(a @ b)": [((2, 3), -1, 1), ((2, 3, 2), -1, 1)],
    "a.T * a.T * a.T": [((2, 3), -1, 1)],
    "a.t().reshape(6) ** 3": [((2, 3), -1, 1)],
    "a.view(3, 2) @ a": [((2, 3), -1, 1)],
    "a.flatten() * a.T.flatten()": [((2, 3), -1, 1)],
    "a.transpose(0, 1).exp()": [((2, 3), -1, 1)],
    "a.unsqueeze(0) * a.unsqueeze(1)": [((3,), -1, 1)],
    "a.reshape(1, 3, 1).squeeze() ** 3": [((3,), -1, 1)],
    "a.reshape(1, 2, 3).permute(2, 0, 1) ** 3": [((2, 3), -1, 1)],
    "a.expand(4, 3) ** 3": [((3,), -1, 1)],
    "torch.cat([a, a * b, b]) ** 2": [((3,), -1, 1), ((3,), -1, 1)],
    "torch.stack([a, b], 1).exp()": [((3,), -1, 1), ((3,), -1, 1)],
    "a[0] * a[1:] * a[..., :1]": [((2, 3), -1, 1)],
    "a[[0, 1, 1]] ** 3": [((3,), -1, 1)],
    "a[torch.tensor([True, False, True])].exp()": [((3,), -1, 1)],
    "a[:, [0, 2]] * a[:, None, 1]": [((2, 3), -1, 1)],
    "written(a * a, (0, slice(1, None)), b * b) ** 2": [((2, 3), -1, 1), ((2,), -1, 1)],
    "written(a * a, [0, 1], b * b) ** 2": [((3,), -1, 1), ((2,), -1, 1)],
    "inplace(a, b) ** 2": [((3,), -1, 1), ((3,), -1, 1)],
    "a.clone().mul_(b).exp_()": [((3,), -1, 1), ((3,), -1, 1)],
    "a.to(torch.float64) ** 3": [((3,), -1, 1)],
    "torch.log(torch.exp(a).sum(1))": [((2, 3), -1, 1)],
    "a / (a * a).sum().sqrt()": [((3,), 0.5, 1)],
    "torch.tanh(a @ b) @ b.T": [((2, 2), -1, 1), ((2, 2), -1, 1)],
}


def written(tensor: Any, key: Any, value: Any) -> Any:
    tensor = tensor.clone()
    tensor[key] = value
    return tensor


def inplace(a: Any, b: Any) -> Any:
    """Through a view, through whole tensors, and one after the other."""
    y = a * 1
    y += b
    y[1:] *= b[:2]
    y.view(3, 1).mul_(a.reshape(3, 1))
    y -= a * a
    return y


def inputs(expression: str) -> list[Any]:
    source = random.Random(expression)
    out = []
    for shape, low, high in SMOOTH[expression]:
        values = [source.uniform(low, high) for _ in range(math.prod(shape))]
        out.append(torch.tensor(values, dtype=torch.float64).reshape(shape))
    return out


def function(expression: str) -> Callable[[list[Any]], Any]:
    code = compile(expression, expression, "eval")
    space = {"torch": torch, "written": written, "inplace": inplace}
    return lambda tensors: eval(code, space, dict(zip("ab", tensors, strict=False)))


def random_like(tensor: Any, source: random.Random) -> Any:
    return torch.tensor(
        [source.uniform(0.5, 1.5) for _ in range(tensor.numel())], dtype=torch.float64
    ).reshape(tensor.shape)


def dot(tensors: list[Any], others: list[Any]) -> Any:
    total = (tensors[0] * others[0]).sum()
    for t, o in zip(tensors[1:], others[1:], strict=True):
        total = total + (t * o).sum()
    return total


def gradients(scalar: Any, sources: list[Any]) -> list[Any]:
    """With a graph; zeros for an input that has no influence."""
    if not scalar.requires_grad:
        return [torch.zeros_like(s) for s in sources]
    found = torch.autograd.grad(scalar, sources, create_graph=True, allow_unused=True)
    return [torch.zeros_like(s) if g is None else g for s, g in zip(sources, found, strict=True)]


@pytest.mark.parametrize("expression", SMOOTH)
def test_derivatives(expression: str) -> None:
    f = function(expression)
    source = random.Random("directions " + expression)
    point = inputs(expression)
    output_weights = random_like(f(point), source)
    directions = [[random_like(p, source) for p in point] for _ in range(3)]

    def scalar(order: int, at: list[Any]) -> tuple[Any, list[Any]]:
        """The derivative of that order along the first directions, and the inputs that it depends on."""
        sources = [p.detach().clone().requires_grad_() for p in at]
        value = (f(sources) * output_weights).sum()
        for direction in directions[:order]:
            value = dot(gradients(value, sources), direction)
        return value, sources

    for order in (1, 2, 3):
        below, sources = scalar(order - 1, point)
        slope = dot(gradients(below, sources), directions[order - 1]).item()
        step = 1e-5
        ahead, _ = scalar(
            order - 1, [p + step * d for p, d in zip(point, directions[order - 1], strict=True)]
        )
        behind, _ = scalar(
            order - 1, [p - step * d for p, d in zip(point, directions[order - 1], strict=True)]
        )
        numeric = (ahead.item() - behind.item()) / (2 * step)
        assert slope == pytest.approx(numeric, rel=2e-6, abs=2e-6 * max(1.0, abs(below.item()))), (
            f"order {order}"
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("expression", SMOOTH)
def test_recorded_and_plain_gradients_agree(expression: str, dtype: str) -> None:
    """The gradient as it is made without a graph and as it is made with one: two ways from one formula."""
    f = function(expression)
    found = []
    for create_graph in (False, True):
        sources = [p.to(getattr(torch, dtype)).requires_grad_() for p in inputs(expression)]
        found.append(torch.autograd.grad(f(sources).sum(), sources, create_graph=create_graph))
    for plain, recorded in zip(*found, strict=True):
        assert difference(encode(plain), recorded, ("close", 1)) is None


@pytest.mark.hinoko_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "tan", "tanh", "sigmoid", "sqrt", "reciprocal"])
def test_same_bits_wherever_an_element_stands(name: str, dtype: str) -> None:
    """Body or tail of a vector, contiguous or strided, alone, with one thread or two."""
    operation = getattr(torch, name)
    x = torch.linspace(0.01, 5, 67, dtype=getattr(torch, dtype))
    expected = operation(x).tolist()
    assert [operation(x[k]).item() for k in range(67)] == expected
    assert operation(x[3:]).tolist() == expected[3:]
    assert operation(x[::2]).tolist() == expected[::2]
    assert operation(x.expand(3, 67).T)[:, 1].tolist() == expected
    large = x.expand(3000, 67).reshape(-1)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            result = operation(large).reshape(3000, 67)
            assert (result == operation(x)).sum().item() == 3000 * 67
    finally:
        torch.set_num_threads(threads)


#   Expressions whose derivative does not depend on that input: its gradient cannot require grad.
_LINEAR = {
    "a + b": "ab", "a - b": "ab", "a * 2.5 - 1": "a", "3 - a": "a", "-a": "a", "a / 3": "a",
    "torch.add(a, b, alpha=3)": "ab", "torch.sub(a, b, alpha=0.5)": "ab", "a % b": "a",
}  # fmt: skip


@pytest.mark.parametrize("expression", SMOOTH)
def test_gradients_require_grad_iff_asked(expression: str) -> None:
    f = function(expression)
    sources = [p.requires_grad_() for p in inputs(expression)]
    for create_graph in (False, True):
        found = torch.autograd.grad(f(sources).sum(), sources, create_graph=create_graph)
        for name, gradient in zip("ab", found, strict=False):
            expected = create_graph and name not in _LINEAR.get(expression, "")
            assert gradient.requires_grad == expected, (name, create_graph)
            assert (gradient.grad_fn is not None) == expected


@pytest.mark.parametrize("expression", [e for e, shapes in SMOOTH.items() if len(shapes) > 1])
def test_each_subset_of_inputs(expression: str) -> None:
    """The gradient of an input is the same whichever others require one."""
    f = function(expression)
    point = inputs(expression)
    sources = [p.clone().requires_grad_() for p in point]
    reference = [g.tolist() for g in torch.autograd.grad(f(sources).sum(), sources)]
    for chosen in itertools.product((False, True), repeat=len(point)):
        sources = [p.clone().requires_grad_(flag) for p, flag in zip(point, chosen, strict=True)]
        value = f(sources).sum()
        assert value.requires_grad == any(chosen)
        if any(chosen):
            wanted = [s for s in sources if s.requires_grad]
            found = [g.tolist() for g in torch.autograd.grad(value, wanted)]
            assert found == [r for r, flag in zip(reference, chosen, strict=True) if flag]


NUMPY = {
    "a + b": "a + b",
    "a - b": "a - b",
    "a * b": "a * b",
    "a / b": "a / b",
    "a // b": "np.floor_divide(a, b)",
    "a % b": "np.mod(a, b)",
    "a.abs() ** b": "np.abs(a) ** b",
    "torch.maximum(a, b)": "np.maximum(a, b)",
    "torch.minimum(a, b)": "np.minimum(a, b)",
    "a == b": "a == b",
    "a < b": "a < b",
    "a >= b": "a >= b",
    "-a": "-a",
    "abs(a)": "np.abs(a)",
    "torch.exp(a)": "np.exp(a)",
    "torch.log(a.abs() + 1)": "np.log(np.abs(a) + 1)",
    "torch.sin(a)": "np.sin(a)",
    "torch.cos(a)": "np.cos(a)",
    "torch.tan(a)": "np.tan(a)",
    "torch.tanh(a)": "np.tanh(a)",
    "torch.sigmoid(a)": "1 / (1 + np.exp(-a))",
    "torch.relu(a)": "np.maximum(a, 0)",
    "torch.sqrt(a.abs())": "np.sqrt(np.abs(a))",
    "torch.reciprocal(b)": "1 / b",
    "torch.square(a)": "a * a",
    "torch.where(a > b, a, b)": "np.where(a > b, a, b)",
    "a.sum()": "a.sum()",
    "a.sum(0)": "a.sum(0)",
    "a.sum(1, keepdim=True)": "a.sum(1, keepdims=True)",
    "a.mean(1)": "a.mean(1)",
    "a.max(1).values": "a.max(1)",
    "a.min(0).indices": "a.argmin(0)",
    "a @ b.T": "a @ b.T",
    "a[:, 0] @ b": "a[:, 0] @ b",
    "a.T": "a.T",
    "a.reshape(-1)": "a.reshape(-1)",
    "torch.cat([a, b], 1)": "np.concatenate([a, b], 1)",
    "torch.stack([a, b], 1)": "np.stack([a, b], 1)",
    "a[1:, ::2]": "a[1:, ::2]",
    "a[[2, 0], [1, 1]]": "a[[2, 0], [1, 1]]",
    "a[a > 0]": "a[a > 0]",
    "a[:, None, [0, 2]]": "a[:, None, [0, 2]]",
    "a.permute(1, 0).flatten()": "a.transpose().flatten()",
    "a[..., None] * b[:, None]": "a[..., None] * b[:, None]",
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("expression", NUMPY)
def test_values_against_numpy(expression: str, dtype: str) -> None:
    np = pytest.importorskip("numpy")
    source = np.random.RandomState(7)
    a, b = source.uniform(-9, 9, (3, 3)), source.uniform(1, 5, (3, 3))
    a, b = a.astype(dtype), b.astype(dtype)
    if dtype.startswith("int") and expression in ("a.mean(1)", "torch.sigmoid(a)"):
        pytest.skip("torch makes this another type than numpy")
    expected = np.asarray(eval(NUMPY[expression], {"np": np, "a": a, "b": b}))
    actual = eval(expression, {"torch": torch, "a": torch.from_numpy(a), "b": torch.from_numpy(b)})
    assert tuple(actual.shape) == expected.shape
    tolerance = 1e-5 if dtype != "float64" else 1e-12
    for got, want in zip(flat(actual), expected.ravel().tolist(), strict=True):
        assert got == pytest.approx(want, rel=tolerance, abs=tolerance)


@pytest.mark.hinoko_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_square_root_and_division_are_correctly_rounded(dtype: str) -> None:
    np = pytest.importorskip("numpy")
    source = np.random.RandomState(3)
    with np.errstate(all="ignore"):
        bits = (
            source.randint(0, 2**32, 20000, dtype=np.uint64).astype(np.uint32).view(np.float32).astype(dtype)
        )
        a, b = bits[:10000], bits[10000:]
        expected = {"sqrt": np.sqrt(a), "** 0.5": np.sqrt(a), "div": a / b}
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    for name, got in (("sqrt", x.sqrt()), ("** 0.5", x**0.5), ("div", x / y)):
        assert np.array_equal(got.numpy(), expected[name], equal_nan=True), name


def test_derivatives_at_the_edge() -> None:
    """What the rules say where the function has a corner or a pole."""

    def slope(expression: str, at: float) -> float:
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        (g,) = torch.autograd.grad(eval(expression, {"torch": torch, "x": x}), x)
        return float(g.item())

    assert slope("x.abs()", 0.0) == 0
    assert slope("x.relu()", 0.0) == 0
    assert slope("x.sqrt()", 0.0) == math.inf
    assert slope("x ** 0", 0.0) == 0
    assert slope("x ** 1", 0.0) == 1
    assert slope("x ** 2", 0.0) == 0
    assert slope("x ** 0.5", 0.0) == math.inf
    assert slope("0 ** x", 2.0) == 0
    assert slope("x ** torch.tensor(0., dtype=torch.float64)", 0.0) == 0
    assert slope("torch.tensor(0., dtype=torch.float64) ** x", 0.0) == 0
    assert slope("torch.tensor(0., dtype=torch.float64) ** x", 2.0) == 0
    assert slope("torch.where(x > 0, x.log(), x)", 1.0) == 1
    assert math.isnan(
        slope("torch.where(x > 0, x, (x - 1).sqrt() * 0)", 1.0)
    )  # 0 * inf in the branch not taken
    assert slope("torch.maximum(x, torch.tensor(1., dtype=torch.float64))", 1.0) == 0.5
    assert slope("torch.minimum(x, x)", 1.0) == 1


def test_gradient_of_equal_maxima_is_shared() -> None:
    x = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
    assert torch.autograd.grad(x.max(), x)[0].tolist() == [0.5, 0.0, 0.5]
    assert torch.autograd.grad(x.max(0).values, x)[0].tolist() == [1.0, 0.0, 0.0]


def test_reduction_over_nothing() -> None:
    x = torch.zeros(0, 3, requires_grad=True)
    assert x.sum().item() == 0 and x.sum(0).tolist() == [0, 0, 0]
    assert math.isnan(x.mean().item())
    (g,) = torch.autograd.grad(x.sum(0).sum(), x)
    assert tuple(g.shape) == (0, 3)
