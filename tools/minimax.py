"""Prints the coefficients of cpp/kernels/math_*.h (needs mpmath).

Each is the best polynomial in the sense of the largest relative error of the function that it stands for,
found by Remez's exchange: solve for the coefficients whose error alternates with one size on a set of points,
move the points to the error's extremes, repeat. Arithmetic has 50 digits; the result is rounded to the type
that evaluates it.

    python tools/minimax.py            # all
    python tools/minimax.py sin log    # some
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf  # type: ignore[import-untyped]

mp.dps = 50
NONE = mpf(10) ** -12  # for a weight that vanishes at 0

Function = Callable[[Any], Any]


def extremes(error: Function, low: Any, high: Any, count: int) -> list[Any]:
    """`count` points of alternating sign where |error| has its peaks, between its zeros."""
    steps = 60 * count
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / steps) for i in range(steps + 1)]
    values = [error(x) for x in grid]
    peaks: list[int] = []
    for i, value in enumerate(values):
        if peaks and (values[peaks[-1]] > 0) == (value > 0):
            if abs(value) > abs(values[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:  # give up the smaller end
        peaks.pop(0 if abs(values[peaks[0]]) < abs(values[peaks[-1]]) else -1)
    return [grid[i] for i in peaks]


def remez(f: Function, weight: Function, low: Any, high: Any, degree: int) -> tuple[list[Any], Any]:
    """The polynomial P with the least |weight * (P - f)|, and that error."""
    low, high = mpf(low), mpf(high)
    count = degree + 2
    turns = [mp.pi * (2 * i + 1) / (2 * count) for i in range(count)]
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(turn) for turn in turns]
    p: list[Any] = []
    sizes = [mpf(1)]

    def scale(x: Any) -> Any:
        return weight(x) + NONE

    for _ in range(40):
        rows = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, x in enumerate(points):
            for j in range(degree + 1):
                rows[i, j] = x**j
            rows[i, count - 1] = -((-1) ** i) / scale(x)
            right[i] = f(x)
        p = list(mp.lu_solve(rows, right))[:-1]

        def error(x: Any, p: list[Any] = p) -> Any:
            return scale(x) * (mp.polyval(p[::-1], x) - f(x))

        points = extremes(error, low, high, count)
        if len(points) < count:
            raise ArithmeticError(f"{len(points)} extremes of {count}")
        sizes = [abs(error(x)) for x in points]
        if max(sizes) - min(sizes) < max(sizes) / 1000:
            break
    return p, max(sizes)


def series(function: Function, at_zero: Any) -> Function:
    return lambda x: at_zero if x == 0 else function(x)


def root(function: Function) -> Function:
    """The same in the square root of its argument."""
    return lambda z: function(mp.sqrt(z))


HALF_LN2 = mp.log(2) / 2 * mpf("1.0001")
QUARTER = (mp.pi / 4) ** 2 * mpf("1.0001")
HALF = (mp.pi / 2) ** 2 * mpf("1.0001")
S = mp.sqrt(2)


def cubic(function: Function, coefficient: Any) -> tuple[Function, Function]:
    """P and its weight in function(r) = r + r z P(z), z = r^2; `coefficient` is P(0)."""
    return (
        root(series(lambda r: (function(r) / r - 1) / r**2, coefficient)),
        root(series(lambda r: r**3 / function(r), NONE)),
    )


def square(function: Function, coefficient: Any) -> tuple[Function, Function]:
    """P and its weight in function(r) = 1 + z P(z), z = r^2; `coefficient` is P(0)."""
    return (
        root(series(lambda r: (function(r) - 1) / r**2, coefficient)),
        root(series(lambda r: r**2 / function(r), NONE)),
    )


def log_ratio(s: Any) -> Any:
    return mp.log((1 + s) / (1 - s), 2)


# name: what it is, P, weight, low, high, degree. The weight turns the error of P into the relative error of
# the function.
FITS: dict[str, tuple[str, Function, Function, Any, Any, int]] = {
    "exp": (
        "exp(r) = 1 + r P(r), |r| <= ln(2)/2",
        series(lambda r: mp.expm1(r) / r, mpf(1)),
        series(lambda r: r / mp.expm1(r), mpf(1)),
        -HALF_LN2, HALF_LN2, 6,
    ),
    "exp_short": (
        "exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2",
        series(lambda r: (mp.expm1(r) - r) / r**2, mpf(1) / 2),
        series(lambda r: r**2 / mp.exp(r), NONE),
        -HALF_LN2, HALF_LN2, 5,
    ),
    "exp2": (
        "2^r = 1 + r P(r), |r| <= 1/2",
        series(lambda r: mp.expm1(r * mp.log(2)) / r, mp.log(2)),
        series(lambda r: r / mp.expm1(r * mp.log(2)), 1 / mp.log(2)),
        mpf("-0.50001"), mpf("0.50001"), 6,
    ),
    "cosh": ("cosh(r) = 1 + z P(z), |r| <= ln(2)/2", *square(mp.cosh, mpf(1) / 2), 0, HALF_LN2**2, 2),
    "sinh": ("sinh(r) = r + r z P(z), |r| <= ln(2)/2", *cubic(mp.sinh, mpf(1) / 6), 0, HALF_LN2**2, 2),
    "log": (
        "log(1 + f) = f + f^2 P(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
        series(lambda f: (mp.log1p(f) - f) / f**2, mpf(-1) / 2),
        series(lambda f: f**2 / mp.log1p(f), NONE),
        1 / S - 1, S - 1, 10,
    ),
    "log_short": (
        "log(1 + f) = f - f^2 / 2 + f^3 P(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
        series(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, mpf(1) / 3),
        series(lambda f: f**3 / mp.log1p(f), NONE),
        1 / S - 1, S - 1, 8,
    ),
    "log2": (
        "log2((1 + s) / (1 - s)) = s P(z), sqrt(1/2) <= (1 + s) / (1 - s) <= sqrt(2)",
        root(series(lambda s: log_ratio(s) / s, 2 / mp.log(2))),
        root(series(lambda s: s / log_ratio(s), mp.log(2) / 2)),
        0, ((S - 1) / (S + 1)) ** 2, 5,
    ),
    "sin": ("sin(r) = r + r z P(z), |r| <= pi/2", *cubic(mp.sin, mpf(-1) / 6), 0, HALF, 4),
    "sin4": ("sin(r) = r + r z P(z), |r| <= pi/4", *cubic(mp.sin, mpf(-1) / 6), 0, QUARTER, 3),
    "cos4": ("cos(r) = 1 + z P(z), |r| <= pi/4", *square(mp.cos, mpf(-1) / 2), 0, QUARTER, 3),
    "asin": ("asin(x) = x + x z P(z), z <= 1/4", *cubic(mp.asin, mpf(1) / 6), 0, mpf("0.2501"), 6),
    "atan": ("atan(x) = x + x z P(z), z <= 1", *cubic(mp.atan, mpf(-1) / 3), 0, 1, 10),
    "erf": (
        "erf(x) = -expm1(-x P(x)), 0 <= x <= 3.93",
        series(lambda x: -mp.log(mp.erfc(x)) / x, 2 / mp.sqrt(mp.pi)),
        series(lambda x: mp.erfc(x) * x / mp.erf(x), mp.sqrt(mp.pi) / 2),
        0, mpf("3.93"), 9,
    ),
}  # fmt: skip


def main(names: list[str]) -> None:
    for name in names or FITS:
        text, f, weight, low, high, degree = FITS[name]
        p, error = remez(f, weight, low, high, degree)
        print(f"{name}: {text}; z is the square of the argument; error 2^{float(mp.log(error, 2)):.2f}")
        print("  P:", ", ".join(float(c).hex() for c in p))


if __name__ == "__main__":
    main(sys.argv[1:])
