"""Products of matrices: addmm and its relatives against torch's stored results, and what must hold of every
product: Note [Order of a product] in cpp/kernels/gemm.h, and the bound of its error.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lib import EPSILON, dtype_name, load, run_python, torch
from op_cases import Case
from product_cases import product_cases
from test_ops_figures import problems

FIGURES: dict[str, Any] = load("products.json.gz")
EXPRESSIONS: dict[str, list[Case]] = {}
for _case in product_cases():
    EXPRESSIONS.setdefault(f"{_case.group}: {_case.expression}", []).append(_case)

FLOATING = (torch.float32, torch.float64)
Shape = tuple[int, ...]


def test_figures_cover_the_cases() -> None:
    assert list(FIGURES) == [case.key for case in product_cases()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_added_products(expression: str) -> None:
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in EXPRESSIONS[expression]:
            found += [f"{case.key}\n    {text}" for text in problems(case, FIGURES)]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


# ---- what must hold of every product ----


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def laid_out(values: Any, layout: str) -> Any:
    """The same matrix, differently in memory."""
    rows, columns = values.shape
    if layout == "rows":
        return values.clone()
    if layout == "columns":
        return values.t().contiguous().t()
    if layout == "apart":  # no two elements are neighbours
        whole = torch.full((2 * rows, 3 * columns), math.nan, dtype=values.dtype)
        whole[::2, 1::3] = values
        return whole[::2, 1::3]
    assert layout == "inside"  # not aligned, and something is around it
    whole = torch.full((rows + 2, columns + 5), math.nan, dtype=values.dtype)
    whole[1 : rows + 1, 3 : columns + 3] = values
    return whole[1 : rows + 1, 3 : columns + 3]


LAYOUTS = ("rows", "columns", "apart", "inside")


def holds(condition: Any) -> bool:
    return int(condition.sum()) == condition.numel()


def check_error(a: Any, b: Any, c: Any) -> None:
    """|c - a b| stays below the bound of sums in order."""
    k = a.shape[-1]
    exact = a.double() @ b.double()
    bound = (k + 2) * EPSILON[dtype_name(c)] * (a.double().abs() @ b.double().abs())
    assert holds((c.double() - exact).abs() <= bound), (a.shape, b.shape)


def same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and holds((a == b) | ((a != a) & (b != b)))


@pytest.mark.parametrize("dtype", FLOATING)
def test_sizes_and_layouts(dtype: Any) -> None:
    torch.manual_seed(1)
    source = random.Random(2)
    sizes = [(m, n, k) for m in (1, 2, 3) for n in (1, 2, 3) for k in (1, 5)]
    sizes += [(source.randint(1, 70), source.randint(1, 70), source.randint(1, 70)) for _ in range(60)]
    sizes += [
        (13, 33, 300),
        (1, 70, 700),
        (70, 1, 700),
        (97, 300, 200),
        (200, 70, 260),
        (64, 5, 600),
        (40, 2, 64),
    ]
    for m, n, k in sizes:
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        first = a @ b
        check_error(a, b, first)
        for left, right in itertools.product(LAYOUTS, LAYOUTS):
            assert same(laid_out(a, left) @ laid_out(b, right), first), (m, n, k, left, right)
        into = torch.full((n, m), math.nan, dtype=dtype).t()
        assert same(torch.mm(a, b, out=into), first)


def test_float64_is_exact_enough() -> None:
    torch.manual_seed(3)
    for m, n, k in ((3, 4, 5), (9, 17, 300), (1, 3, 40)):
        a, b = torch.randn(m, k, dtype=torch.float64), torch.randn(k, n, dtype=torch.float64)
        c = (a @ b).tolist()
        left, right = a.tolist(), b.t().tolist()
        for i, j in itertools.product(range(m), range(n)):
            terms = [x * y for x, y in zip(left[i], right[j], strict=True)]
            bound = (k + 2) * 2.0**-52 * sum(map(abs, terms))
            assert abs(c[i][j] - math.fsum(terms)) <= bound


@pytest.mark.hinoko_only
@pytest.mark.parametrize("dtype", FLOATING)
def test_an_element_depends_on_its_row_and_column_alone(dtype: Any) -> None:
    torch.manual_seed(4)
    for m, n, k in ((50, 70, 30), (130, 100, 300), (300, 20, 513), (40, 5, 90)):
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        whole = a @ b
        for i, j, p, q in ((0, 2, 0, 2), (1, 14, 1, 5), (m - 3, m, n - 4, n), (3, m, 2, n), (7, 9, 0, n)):
            assert same(a[i:j] @ b[:, p:q], whole[i:j, p:q]), (m, n, k, i, j, p, q)
        assert same((b.t() @ a.t()).t(), whole)
        assert same(torch.bmm(a.expand(3, m, k), b.expand(3, k, n))[1], whole)


@pytest.mark.hinoko_only
@pytest.mark.parametrize("dtype", FLOATING)
def test_vectors(dtype: Any) -> None:
    torch.manual_seed(5)
    for m, k in ((1, 1), (3, 15), (5, 16), (4, 17), (70, 33), (129, 40), (10, 500), (300, 64), (7, 1000)):
        a, x = torch.randn(m, k, dtype=dtype), torch.randn(k, dtype=dtype)
        first = torch.stack([row.dot(x) for row in a])
        check_error(a, x, first)
        wide = torch.stack([x, x], 1)[:, 0]
        for layout in LAYOUTS:
            matrix = laid_out(a, layout)
            for vector in (x, wide):
                assert same(matrix @ vector, first), (m, k, layout)
                assert same(vector @ matrix.t(), first)
                assert same((matrix @ vector[:, None])[:, 0], first)
                assert same((vector[None] @ matrix.t())[0], first)
        assert same(laid_out(a, "apart")[m - 1].dot(wide), first[m - 1])


@pytest.mark.hinoko_only
@pytest.mark.parametrize("dtype", FLOATING)
def test_the_number_of_threads_changes_nothing(dtype: Any, threads: Callable[[int], None]) -> None:
    torch.manual_seed(6)
    x = torch.randn(600, 620, dtype=dtype)
    batch = torch.randn(40, 50, 60, dtype=dtype)

    def results() -> list[Any]:
        return [
            x @ x.t(), x.t() @ x, x[:64, :600] @ x[:, :128].t().contiguous().t(), x[:1] @ x.t(), x @ x[0],
            x.t() @ x[:, 0], x[:, :5].t() @ x, x @ x.t()[:, :3],
            torch.addmm(x[0, :600], x, x.t(), beta=2, alpha=0.5),
            batch @ batch.transpose(1, 2), torch.baddbmm(batch[0, 0, :50], batch, batch.transpose(1, 2)),
            batch[:2] @ x[:60], x.expand(2, 600, 620) @ x.t(),
        ]  # fmt: skip

    threads(1)
    expected = results()
    for count in (2, 3, 5):
        threads(count)
        for number, (one, other) in enumerate(zip(expected, results(), strict=True)):
            assert same(one, other), number


@pytest.mark.hinoko_only
@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="the sanitizer's run-time library is not passed on")
def test_instruction_sets_agree() -> None:
    code = """
import hinoko as torch, hashlib
torch.manual_seed(0)
out = hashlib.sha256()
for dtype in (torch.float32, torch.float64):
    for m, n, k in ((1, 9, 70), (9, 1, 70), (40, 3, 300), (64, 65, 66), (200, 201, 520), (30, 6, 10)):
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        x, y = a.t().contiguous().t(), b.t().contiguous().t()
        for c in (a @ b, x @ b, a @ y, a[0].dot(b[:, 0]), torch.addmm(b[0], a, b, alpha=2)):
            out.update(c.numpy().tobytes())
print(torch.backends.cpu.get_cpu_capability(), out.hexdigest())
"""
    found = {}
    for wanted in ("avx2", "avx512"):
        name, digest = run_python("-c", code, env={"HINOKO_CPU_CAPABILITY": wanted}).stdout.split()
        found[name] = digest
    found.pop("DEFAULT", None)
    assert len(set(found.values())) <= 1, found


@pytest.mark.parametrize("dtype", FLOATING)
def test_infinities_and_nans_stay_where_they_belong(dtype: Any) -> None:
    a, b = torch.ones(30, 40, dtype=dtype), torch.ones(40, 50, dtype=dtype)
    a[3, 7], b[5, 11], b[6, 49] = math.inf, math.nan, -math.inf
    c = a @ b
    assert int((c - c == 0).sum()) == 29 * 48
    assert c[3, 0].item() == math.inf and c[0, 49].item() == -math.inf and math.isnan(c[3, 49].item())
    assert math.isnan(c[0, 11].item()) and c[0, 0].item() == 40


@pytest.mark.parametrize("dtype", (torch.int32, torch.int64))
def test_whole_numbers(dtype: Any) -> None:
    source = random.Random(7)
    a = torch.tensor([[source.randint(-9, 9) for _ in range(20)] for _ in range(11)], dtype=dtype)
    b = torch.tensor([[source.randint(-9, 9) for _ in range(13)] for _ in range(20)], dtype=dtype)
    expected = [
        [sum(x * y for x, y in zip(r, c, strict=True)) for c in zip(*b.tolist(), strict=True)]
        for r in a.tolist()
    ]
    assert (a @ b).tolist() == expected
    assert (a.t().contiguous().t() @ b.t().contiguous().t()).tolist() == expected
    assert torch.bmm(a.expand(2, 11, 20), b.expand(2, 20, 13))[1].tolist() == expected
    assert (a @ b[:, 0]).tolist() == [row[0] for row in expected]
    assert torch.addmm(b[0], a, b, beta=2, alpha=-3).tolist() == [
        [2 * y - 3 * x for x, y in zip(row, b[0].tolist(), strict=True)] for row in expected
    ]


# ---- derivatives ----


def numeric(f: Callable[..., Any], inputs: list[Any], which: int) -> list[float]:
    out = []
    flat = inputs[which].detach().reshape(-1)
    for i in range(flat.numel()):
        values = []
        for step in (1e-6, -1e-6):
            moved = flat.clone()
            moved[i] += step
            changed = [*inputs]
            changed[which] = moved.reshape(inputs[which].shape)
            values.append(f(*changed).item())
        out.append((values[0] - values[1]) / 2e-6)
    return out


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("addmm", ((4,), (3, 5), (5, 4))), ("addmm", ((3, 4), (3, 5), (5, 4))),
        ("addmm", ((), (1, 5), (5, 4))), ("addmm", ((3, 1), (3, 5), (5, 1))),
        ("addmv", ((3,), (3, 5), (5,))), ("addmv", ((), (3, 5), (5,))),
        ("baddbmm", ((2, 3, 4), (2, 3, 5), (2, 5, 4))), ("baddbmm", ((4,), (2, 3, 5), (2, 5, 4))),
    ],
)  # fmt: skip
def test_derivatives(name: str, shapes: tuple[Shape, ...]) -> None:
    torch.manual_seed(8)
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    operation = getattr(torch, name)

    def value(x: Any, a: Any, b: Any) -> Any:
        return operation(x, a, b, beta=1.5, alpha=-0.5).tanh().sum()

    def first(x: Any, a: Any, b: Any) -> Any:
        leaves = [t.detach().requires_grad_() for t in (x, a, b)]
        found = torch.autograd.grad(value(*leaves), leaves)
        return sum((g * g).sum() for g in found)

    gradients = torch.autograd.grad(value(*inputs), inputs, create_graph=True)
    second = torch.autograd.grad(sum((g * g).sum() for g in gradients), inputs)
    for which in range(3):
        for f, found in ((value, gradients[which]), (first, second[which])):
            assert found.shape == inputs[which].shape
            for x, y in zip(numeric(f, inputs, which), found.detach().reshape(-1).tolist(), strict=True):
                assert abs(x - y) <= 1e-6 * max(1, abs(x))


def test_gradients_are_laid_out_as_their_matrix() -> None:
    x, a = torch.randn(4, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    w = torch.randn(4, 5).t().requires_grad_()
    torch.addmm(x, a, w).sum().backward()
    assert w.grad.stride() == w.stride() and a.grad.stride() == (5, 1) and x.grad.tolist() == [3] * 4


def test_saved_matrices_are_guarded() -> None:
    x, a = torch.randn(3, 3), torch.randn(3, 3, requires_grad=True)
    b = torch.randn(3, 3)
    out = torch.addmm(x, a, b)
    b.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    out = torch.addmm(x, a, torch.randn(3, 3)).sum()
    out.backward()
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()


def test_in_place_records() -> None:
    x, a = torch.randn(2, 4, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    b = torch.randn(3, 4)
    y = x * 1
    assert y.addmm_(a, b, beta=2) is y
    assert type(y.grad_fn).__name__ == "AddmmBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [[2.0] * 4] * 2
    assert same(a.grad, b.sum(1).expand(2, 3))
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.addmm_(a, b)
    z = torch.ones(4, 4)
    view = z[:2]
    view.addmm_(a, b)
    assert z.requires_grad and same(z[2:].detach(), torch.ones(2, 4))
