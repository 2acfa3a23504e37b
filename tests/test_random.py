"""Seeded random numbers, bit for bit those of torch's CPU generator."""

from __future__ import annotations

from typing import Any

import pytest
from lib import difference, encode, flat, load, torch
from random_cases import CASES, run

STORED: list[dict[str, Any]] = load("rng.json")
FIGURES: list[Any] = load("rng_more.json")


def draw(name: str) -> list[float]:
    if name == "randn3,randn4,rand2,randn20,randn1":
        draws = [torch.randn(3), torch.randn(4), torch.rand(2), torch.randn(20), torch.randn(1)]
        return [v for d in draws for v in flat(d)]
    function, arguments = name.rstrip(")").split("(")
    size, *dtype = arguments.split(",")
    return flat(getattr(torch, function)(int(size), dtype=getattr(torch, dtype[0] if dtype else "float32")))


@pytest.mark.parametrize("index", range(len(STORED)))
def test_stored_numbers(index: int) -> None:
    case = STORED[index]
    torch.manual_seed(case["seed"])
    assert draw(case["name"]) == [float.fromhex(v) for v in case["values"]]


def test_figures_cover_the_cases() -> None:
    assert [case for case, _ in FIGURES] == CASES


@pytest.mark.parametrize("index", range(len(FIGURES)))
def test_numbers(index: int) -> None:
    case, expected = FIGURES[index]
    got = run(torch, case)
    assert [d for d in (difference(e, g) for e, g in zip(expected, got, strict=True)) if d] == []


def test_manual_seed_restarts_the_stream() -> None:
    torch.manual_seed(5)
    first = torch.randn(3).tolist()
    torch.randn(2)
    torch.manual_seed(5)
    assert torch.randn(3).tolist() == first
    assert torch.randn(3).tolist() != first


def test_manual_seed_clears_the_cached_normal() -> None:
    torch.manual_seed(5)
    first = torch.randn(1).tolist()
    torch.manual_seed(5)
    assert torch.randn(1).tolist() == first


def test_initial_seed() -> None:
    for seed, expected in (
        (0, 0),
        (-1, 2**64 - 1),
        (2**63, 2**63),
        (2**32 + 5, 2**32 + 5),
        (2**64 - 1, 2**64 - 1),
    ):
        torch.manual_seed(seed)
        assert torch.initial_seed() == expected


def test_seed_is_not_repeated() -> None:
    first = torch.seed()
    assert torch.initial_seed() == first
    drawn = torch.rand(4).tolist()
    second = torch.seed()
    assert second != first and torch.rand(4).tolist() != drawn
    torch.manual_seed(first)
    assert torch.rand(4).tolist() == drawn


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed: int) -> None:
    torch.manual_seed(3)
    with pytest.raises(ValueError, match=r"^Overflow when unpacking long long"):
        torch.manual_seed(seed)


has_generator = pytest.mark.skipif(not hasattr(torch, "Generator"), reason="no Generator yet")


@has_generator
def test_manual_seed_gives_the_generator() -> None:
    generator = torch.manual_seed(9)
    assert generator is torch.default_generator
    assert generator.initial_seed() == 9


@has_generator
def test_generator_argument() -> None:
    torch.manual_seed(1)
    expected = encode(torch.randn(20)), encode(torch.rand(3)), encode(torch.randn(2))
    torch.manual_seed(2)
    global_next = torch.rand(3).tolist()
    torch.manual_seed(2)
    g = torch.Generator().manual_seed(1)
    got = torch.randn(20, generator=g), torch.rand(3, generator=g), torch.randn(2, generator=g)
    assert [difference(e, t) for e, t in zip(expected, got, strict=True)] == [None] * 3
    assert torch.rand(3).tolist() == global_next


@has_generator
def test_default_seed_of_a_generator() -> None:
    assert torch.Generator().initial_seed() == 67280421310721


def test_random_tensors_are_leaves() -> None:
    x = torch.rand(2, requires_grad=True)
    y = torch.randn_like(x, requires_grad=True)
    assert x.is_leaf and y.is_leaf and x.requires_grad and y.requires_grad
    assert not torch.randn_like(x).requires_grad


@pytest.mark.parametrize("dtype, name", [("int64", "Long"), ("int32", "Int"), ("bool", "Bool")])
def test_random_integers_are_refused(dtype: str, name: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"^\"check_uniform_bounds\" not implemented for '{name}'"):
        torch.rand(2, dtype=getattr(torch, dtype))
    with pytest.raises(NotImplementedError, match=rf"^\"normal_kernel_cpu\" not implemented for '{name}'"):
        torch.randn(2, dtype=getattr(torch, dtype))


def test_rand_is_in_the_half_open_unit_interval() -> None:
    torch.manual_seed(0)
    values = flat(torch.rand(10000))
    assert min(values) >= 0 and max(values) < 1
    assert abs(sum(values) / 10000 - 0.5) < 0.02
