"""Sums, means and extremes: the order of additions, and so the bits, whatever the machine and the threads;
the accuracy of long rows; odd values and layouts; and copies between layouts."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from lib import EPSILON, FLOATS, IS_TORCH, torch
from processes import python
from reduction_digest import digest, tensor

# Of torch on one thread; `python reduction_digest.py torch 1` prints it.
DIGEST = "414e42a8cac5cdda3c005d0ea82d0e0c"
SCRIPT = Path(__file__).with_name("reduction_digest.py")


@pytest.mark.hinoko_only
@pytest.mark.parametrize(("threads", "capability"), [(1, ""), (2, ""), (3, ""), (2, "avx2"), (2, "default")])
def test_bits_do_not_depend_on_threads_and_instructions(
    threads: int, capability: str, tmp_path: Path
) -> None:
    found = python(SCRIPT, "hinoko", threads, cwd=tmp_path, HINOKO_CPU_CAPABILITY=capability)
    assert found.err == ""
    assert found.out.strip() == DIGEST


@pytest.mark.skipif(not IS_TORCH, reason="validates the stored digest")
def test_digest_is_that_of_torch() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert digest(torch) == DIGEST
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(100003,), (30011, 3), (3, 30011), (7, 4001, 5), (2001, 40)])
def test_sums_are_near_the_exact_ones(shape: tuple[int, ...], dtype: str) -> None:
    x = tensor(torch, shape, getattr(torch, dtype))
    for dim in range(len(shape)):
        rows = x.transpose(dim, -1).reshape(-1, shape[dim]).tolist()
        kept = x.sum(dim, keepdim=True)
        found = kept.transpose(dim, -1).reshape(-1).tolist()
        for row, value in zip(rows, found, strict=True):
            # The error grows with the logarithm of the count.
            bound = EPSILON[dtype] * math.log2(len(row) + 2) * math.fsum(map(abs, row))
            assert abs(value - math.fsum(row)) <= bound


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [1, 3, 4, 8, 15, 16, 31, 32, 63, 64, 65, 130, 1000, 4099])
def test_extremes_and_where_they_are(size: int, dtype: str) -> None:
    for rows, place, value in itertools.product(
        (1, 3, 9), (0, size // 2, size - 1), ("nan", "inf", "9", "tie")
    ):
        table = [[float((7 * i + 3 * r) % 5) for i in range(size)] for r in range(rows)]
        for row in table:
            if value == "tie":
                row[place] = row[-1] = 8.0
            else:
                row[place] = float(value)
        x = torch.tensor(table, dtype=getattr(torch, dtype))
        columns = x.t().contiguous()
        for along, dim in ((x, 1), (x.t(), 0), (columns, 0), (columns.t(), 1)):
            values, indices = along.max(dim)
            assert indices.tolist() == [place] * rows
            if value == "nan":
                assert all(v != v for v in values.tolist())
                assert along.max().item() != along.max().item()
                assert along.min().item() != along.min().item()
            else:
                assert values.tolist() == [8.0 if value == "tie" else float(value)] * rows
            lowest, at = (-along).min(dim)
            assert at.tolist() == [place] * rows
            assert str(lowest.tolist()) == str((-values).tolist()) or value == "nan"


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64"])
@pytest.mark.parametrize("shape", [(5,), (1000,), (40, 33), (33, 40), (6, 70, 5), (300, 300), (2, 40000)])
def test_whole_numbers(shape: tuple[int, ...], dtype: str) -> None:
    count = math.prod(shape)
    x = ((torch.arange(count) * 7919 + 13) % 101 - 50).reshape(shape)
    x = x > 20 if dtype == "bool" else x.to(getattr(torch, dtype))
    for view in (x, x.transpose(0, -1), x[..., 1:]):
        for dim in range(view.dim()):
            rows = view.transpose(dim, -1).contiguous()
            flat = rows.reshape(-1, view.shape[dim]).tolist()
            total = view.sum(dim)
            assert total.dtype == torch.int64
            # Row by row, as `rows` lies.
            as_rows = total.tolist() if view.dim() == 1 else rows.sum(-1).tolist()
            assert rows.sum(-1).reshape(-1).tolist() == [sum(row) for row in flat]
            if view.dim() > 1 and dim == 0 and view.dim() == 2:
                assert total.tolist() == as_rows
            values, at = rows.max(-1)
            assert values.reshape(-1).tolist() == [max(row) for row in flat]
            assert [row[i] for row, i in zip(flat, at.reshape(-1).tolist(), strict=True)] == [
                max(r) for r in flat
            ]
        assert view.sum().item() == sum(view.reshape(-1).tolist())


def test_sums_of_odd_values() -> None:
    inf, nan = math.inf, math.nan
    for size in (1, 7, 64, 1000, 40000):
        x = torch.ones(size)
        x[size // 2] = inf
        assert x.sum().item() == inf and x.mean().item() == inf
        if size > 1:
            x[0] = -inf
            assert x.sum().item() != x.sum().item()
        x[size // 2] = nan
        assert x.sum().item() != x.sum().item()
    zeros = torch.full((3, 50), -0.0)
    assert str(zeros.sum(1).tolist()) == "[0.0, 0.0, 0.0]"
    assert str(zeros.sum(0).tolist()[:2]) == "[0.0, 0.0]"


def test_empty_and_expanded() -> None:
    assert torch.empty(0).sum().item() == 0 and math.isnan(torch.empty(0).mean().item())
    assert torch.empty(0, 3).sum(0).tolist() == [0, 0, 0] and torch.empty(0, 3).sum(1).shape == (0,)
    assert torch.empty(3, 0, 4).sum(1).tolist() == [[0] * 4] * 3
    assert torch.empty(0, 3).max(1).values.shape == (0,)
    x = torch.tensor([[1.5], [-2.0]])
    wide = x.expand(2, 1000)
    assert wide.sum(1).tolist() == [1500, -2000] and wide.sum(0).tolist() == [-0.5] * 1000
    assert wide.sum().item() == -500
    assert wide.max(1).values.tolist() == [1.5, -2] and wide.max(1).indices.tolist() == [0, 0]
    assert wide.max(0).indices.tolist() == [0] * 1000 and wide.max().item() == 1.5


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(8, 8), (16, 17), (33, 65), (100, 3), (3, 100), (2, 300), (260, 130)])
def test_copies_of_transposed_matrices(shape: tuple[int, int], dtype: str) -> None:
    x = (torch.arange(shape[0] * shape[1]) % 251).reshape(shape)
    x = x % 3 == 0 if dtype == "bool" else x.to(getattr(torch, dtype))
    expected = [list(column) for column in zip(*x.tolist(), strict=True)]
    assert x.t().contiguous().tolist() == expected
    assert x.t().contiguous().stride() == (shape[0], 1)
    target = torch.zeros(shape, dtype=x.dtype).t()
    target.copy_(x.t().contiguous())
    assert target.tolist() == expected
    part = x[1:, :-1].t()
    if part.numel():
        assert part.contiguous().tolist() == [row[1:] for row in expected[:-1]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_copies_of_permuted_tensors(order: tuple[int, ...]) -> None:
    x = torch.arange(6 * 20 * 5 * 33).reshape(6, 20, 5, 33).float()
    permuted = x.permute(order)
    copy = permuted.contiguous()
    assert copy.is_contiguous()
    sizes = permuted.shape
    strides = [20 * 5 * 33, 5 * 33, 33, 1]
    flat = copy.reshape(-1).tolist()
    places = itertools.product(*(range(s) for s in sizes))
    assert flat == [sum(i * strides[d] for i, d in zip(place, order, strict=True)) for place in places]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [3, 255, 256, 257, 1000, 70000])
def test_gradients_through_sums_and_means(size: int, dtype: str) -> None:
    values = tensor(torch, (size,), getattr(torch, dtype))
    for f in (
        torch.sin,
        torch.exp,
        torch.tanh,
        lambda x: x * x,
        lambda x: x**3,
        lambda x: (x.abs() + 1).sqrt(),
    ):
        x = (values / 50).requires_grad_()
        f(x).sum().backward()
        total = x.grad.clone()
        x.grad = None
        f(x).backward(torch.ones(size, dtype=x.dtype))
        assert x.grad.tolist() == total.tolist()
        x.grad = None
        f(x).mean().backward()
        mean = x.grad.clone()
        x.grad = None
        f(x).backward(torch.ones(size, dtype=x.dtype) / size)
        assert x.grad.tolist() == mean.tolist()


def test_the_gradient_of_a_mean_has_elements_of_its_own() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    (g,) = torch.autograd.grad(x.mean(), x)
    assert g.stride() == (3, 1)
    y = x * x
    (g,) = torch.autograd.grad(y.mean(), y)
    assert g.stride() == (3, 1)
    seen: list[Any] = []
    y = x * x
    y.register_hook(lambda g: seen.append(g.stride()))
    y.mean().backward()
    y = x * x
    y.retain_grad()
    y.mean().backward()
    assert [*seen, y.grad.stride()] == [(3, 1), (3, 1)]


def test_gradients_of_extremes_along_a_dimension() -> None:
    for shape, dim in (((40, 30, 20), 0), ((40, 30, 20), 1), ((40, 30, 20), 2), ((300, 400), 1)):
        x = tensor(torch, shape, torch.float32).requires_grad_()
        values, indices = x.max(dim)
        (values * 3).sum().backward()
        assert x.grad.sum().item() == 3 * values.numel()
        assert (x.grad.max(dim).indices == indices).to(torch.int64).sum().item() == values.numel()
