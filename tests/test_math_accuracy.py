"""The float32 functions: within 1 ulp on a dense sample of arguments, special values, the same bits anywhere.

`python -m bench.accuracy` does all 2^32 arguments; docs/accuracy.md has its figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lib import IS_TORCH, torch

if IS_TORCH:
    pytest.skip("about hinoko's own functions", allow_module_level=True)

Reference = Callable[[Any], Any]


def elementwise(function: Callable[[float], float]) -> Reference:
    return np.vectorize(function, otypes=[np.float64])


#   name: reference in double, bound in ulp
FUNCTIONS: dict[str, tuple[Reference, float]] = {
    "exp": (np.exp, 0.75),
    "exp2": (np.exp2, 0.75),
    "expm1": (np.expm1, 0.51),
    "log": (np.log, 0.6),
    "log2": (np.log2, 0.51),
    "log10": (np.log10, 0.51),
    "log1p": (np.log1p, 0.65),
    "sin": (np.sin, 0.51),
    "cos": (np.cos, 0.51),
    "tan": (np.tan, 0.51),
    "asin": (np.arcsin, 0.51),
    "acos": (np.arccos, 0.51),
    "atan": (np.arctan, 0.51),
    "sinh": (np.sinh, 0.51),
    "cosh": (np.cosh, 0.51),
    "tanh": (np.tanh, 0.51),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 0.96),
    "erf": (elementwise(math.erf), 0.51),
    "sqrt": (np.sqrt, 0.5),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.51),
}


def sample(count: int) -> Any:
    """Bit patterns at equal distances, of every sign and exponent, with odd low bits; and special values."""
    step = 2**32 // count
    bits = np.arange(0, 2**32, step, dtype=np.uint64) + np.arange(count, dtype=np.uint64) * 7919 % step
    special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        0.5,
        2.0,
        10.0,
        1000.0,
        88.72,
        -103.9,
    ]
    return np.concatenate([bits.astype(np.uint32).view(np.float32), np.array(special, np.float32)])


def errors(result: Any, exact: Any) -> Any:
    """In ulp. Where one is not finite they must be the same, and zeros must have the same sign."""
    rounded = exact.astype(np.float32)
    assert np.array_equal(np.isnan(result), np.isnan(rounded))
    zero = (result == 0) & (rounded == 0)
    assert np.array_equal(np.signbit(result[zero]), np.signbit(rounded[zero]))
    infinite = np.isinf(result) | np.isinf(rounded)
    assert np.array_equal(result[infinite], rounded[infinite])
    finite = np.isfinite(result)
    exponent = np.maximum(np.frexp(exact[finite])[1], -125)
    return np.abs(result[finite] - exact[finite]) / np.ldexp(1.0, exponent - 24)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error(name: str) -> None:
    reference, bound = FUNCTIONS[name]
    x = sample(2**16 if name == "erf" else 2**20)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        result = getattr(torch, name)(torch.from_numpy(x)).numpy()
        assert errors(result, exact).max() <= bound


def test_pow() -> None:
    random = np.random.RandomState(1)
    odd = [2**24 - 1, 1 - 2**24, 8388607.5, 1.0000001, 0.9999999, 1 / 3]
    zeros = [0.0, -0.0, 1e-45, -1e-40, 1e38, -1e38, np.inf, -np.inf, np.nan]
    special = np.array([*zeros, *odd, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, 4, 2**24], np.float32)
    a = np.exp(random.uniform(-80, 80, 2**19)).astype(np.float32)
    b = (random.uniform(-100, 88, 2**19) / np.log(a)).astype(np.float32)
    c = -np.exp(random.uniform(-5, 5, 2**12)).astype(np.float32)
    d = random.randint(-15, 16, 2**12).astype(np.float32)
    x = np.concatenate([np.repeat(special, special.size), a, c])
    y = np.concatenate([np.tile(special, special.size), b, d])
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
        result = torch.pow(torch.from_numpy(x), torch.from_numpy(y)).numpy()
        assert errors(result, exact).max() <= 0.51
        assert np.array_equal(
            (torch.from_numpy(a) ** 1.7).numpy(), (torch.from_numpy(a) ** torch.full((2**19,), 1.7)).numpy()
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_bits_at_any_place(name: str) -> None:
    """Slices of 1 to 70 elements at odd places, among neighbours for which a loop takes its longer way."""
    function = getattr(torch, name)
    x = torch.from_numpy(sample(2**12))
    whole = function(x).numpy().view(np.uint32)
    nan = np.isnan(function(x).numpy())
    at = 0
    for size in range(1, 71):
        part = function(x[at : at + size].clone()).numpy().view(np.uint32)
        assert ((part == whole[at : at + size]) | nan[at : at + size]).all()
        at += size
    ordinary = torch.linspace(-3, 3, 700)
    apart = ordinary.clone()
    apart[::50] = math.inf
    first, second = function(ordinary).numpy(), function(apart).numpy()
    same = (first.view(np.uint32) == second.view(np.uint32)) | (np.isnan(first) & np.isnan(second))
    same[::50] = True
    assert same.all()
