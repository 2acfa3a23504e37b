"""Prints the coefficients of cpp/kernels/math_*.h.

Each is the best polynomial (or quotient of two) in the sense of the largest relative error of the function that
it stands for, found by Remez's exchange: solve for the coefficients whose error alternates with one size on a
set of points, move the points to the error's extremes, repeat. Arithmetic is mpmath's with 50 digits; the result
is rounded to double, which costs nothing at the accuracies needed here (2^-31 and up).

    python tools/minimax.py            # all
    python tools/minimax.py sin log    # some
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf  # type: ignore[import-untyped]

mp.dps = 50

Function = Callable[[Any], Any]


def extremes(error: Function, low: Any, high: Any, count: int) -> list[Any]:
    """`count` points of alternating sign where |error| has its peaks, between consecutive zeros of the error."""
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


def remez(
    f: Function, weight: Function, low: Any, high: Any, upper: int, lower: int = 0
) -> tuple[Any, Any, Any]:
    """P of degree `upper` and Q of degree `lower`, Q(0) = 1, with |weight * (P / Q - f)| least; and that error."""
    low, high = mpf(low), mpf(high)
    count = upper + lower + 2
    points = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)
    ]
    p: list[Any] = []
    q: list[Any] = [mpf(1)]
    level = mpf(0)
    for _ in range(40):
        for _ in range(
            30 if lower else 1
        ):  # linear in the coefficients once the level inside Q's part is fixed
            rows = mp.matrix(count, count)
            right = mp.matrix(count, 1)
            for i, x in enumerate(points):
                sign = (-1) ** i
                for j in range(upper + 1):
                    rows[i, j] = x**j
                for j in range(1, lower + 1):
                    rows[i, upper + j] = -(f(x) + sign * level / weight(x)) * x**j
                rows[i, count - 1] = -sign / weight(x)
                right[i] = f(x)
            solution = mp.lu_solve(rows, right)
            moved = abs(solution[count - 1] - level)
            level = solution[count - 1]
            if moved <= abs(level) * mpf(10) ** -12:
                break
        p = [solution[j] for j in range(upper + 1)]
        q = [mpf(1)] + [solution[upper + j] for j in range(1, lower + 1)]

        def error(x: Any, p: Any = p, q: Any = q) -> Any:
            return weight(x) * (mp.polyval(p[::-1], x) / mp.polyval(q[::-1], x) - f(x))

        found = extremes(error, low, high, count)
        if len(found) < count:
            raise ArithmeticError(f"{len(found)} extremes of {count}")
        points = found
        sizes = [abs(error(x)) for x in points]
        if max(sizes) - min(sizes) < max(sizes) / 1000:
            break
    return p, q, max(sizes)


def series(function: Function, at_zero: Any) -> Function:
    return lambda x: at_zero if x == 0 else function(x)


def root(function: Function) -> Function:
    """The same in the square root of its argument."""
    return lambda z: function(mp.sqrt(z))


def one(_: Any) -> Any:
    return mpf(1)


HALF_LN2 = mp.log(2) / 2 * mpf("1.0001")
QUARTER_TURN = (mp.pi / 4) ** 2 * mpf("1.0001")
HALF_TURN = (mp.pi / 2) ** 2 * mpf("1.0001")
S = mp.sqrt(2)

# name: what, f, weight, low, high, degree of P, degree of Q. The weight turns the error of P / Q into the
# relative error of the function.
FITS: dict[str, tuple[Any, ...]] = {
    "exp": (
        "exp(r) = 1 + r P(r), |r| <= ln(2)/2",
        series(lambda r: mp.expm1(r) / r, mpf(1)), series(lambda r: r / mp.expm1(r), mpf(1)), -HALF_LN2, HALF_LN2, 6,
    ),
    "exp2": (
        "2^r = 1 + r P(r), |r| <= 1/2",
        series(lambda r: mp.expm1(r * mp.log(2)) / r, mp.log(2)),
        series(lambda r: r / mp.expm1(r * mp.log(2)), 1 / mp.log(2)), mpf("-0.50001"), mpf("0.50001"), 6,
    ),
    "cosh": (
        "cosh(r) = 1 + z P(z), z = r^2, |r| <= ln(2)/2",
        root(series(lambda r: (mp.cosh(r) - 1) / r**2, mpf(1) / 2)), lambda z: z / mp.cosh(mp.sqrt(z)) + mpf(10)**-12, 0, HALF_LN2**2, 2,
    ),
    "sinh": (
        "sinh(r) = r (1 + z P(z)), z = r^2, |r| <= ln(2)/2",
        root(series(lambda r: (mp.sinh(r) / r - 1) / r**2, mpf(1) / 6)), lambda z: z + mpf(10)**-12, 0, HALF_LN2**2, 2,
    ),
    "log": (
        "log(1 + f) = f + f^2 P(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
        series(lambda f: (mp.log1p(f) - f) / f**2, mpf(-1) / 2), series(lambda f: f**2 / mp.log1p(f), mpf(10)**-9),
        1 / S - 1, S - 1, 10,
    ),
    "log2": (
        "log2((1 + s) / (1 - s)) = s P(z), z = s^2, sqrt(1/2) <= (1 + s) / (1 - s) <= sqrt(2)",
        root(series(lambda s: mp.log((1 + s) / (1 - s), 2) / s, 2 / mp.log(2))),
        root(series(lambda s: s / mp.log((1 + s) / (1 - s), 2), mp.log(2) / 2)),
        0, ((S - 1) / (S + 1)) ** 2, 5,
    ),
    "sin": (
        "sin(r) = r + r z P(z), z = r^2, |r| <= pi/2",
        root(series(lambda r: (mp.sin(r) / r - 1) / r**2, mpf(-1) / 6)), root(series(lambda r: r**3 / mp.sin(r), mpf(10)**-12)),
        0, HALF_TURN, 4,
    ),
    "sin4": (
        "sin(r) = r + r z P(z), z = r^2, |r| <= pi/4",
        root(series(lambda r: (mp.sin(r) / r - 1) / r**2, mpf(-1) / 6)), root(series(lambda r: r**3 / mp.sin(r), mpf(10)**-12)),
        0, QUARTER_TURN, 3,
    ),
    "cos4": (
        "cos(r) = 1 + z P(z), z = r^2, |r| <= pi/4",
        root(series(lambda r: (mp.cos(r) - 1) / r**2, mpf(-1) / 2)), lambda z: z / mp.cos(mp.sqrt(z)) + mpf(10)**-12,
        0, QUARTER_TURN, 3,
    ),
    "asin": (
        "asin(x) = x + x z P(z), z = x^2 <= 1/4",
        root(series(lambda x: (mp.asin(x) / x - 1) / x**2, mpf(1) / 6)), root(series(lambda x: x**3 / mp.asin(x), mpf(10)**-12)),
        0, mpf("0.2501"), 6,
    ),
    "atan": (
        "atan(x) = x + x z P(z), z = x^2 <= 1",
        root(series(lambda x: (mp.atan(x) / x - 1) / x**2, -mpf(1) / 3)),
        root(series(lambda x: x**3 / mp.atan(x), mpf(10) ** -12)), 0, 1, 10,
    ),
    "erf": (
        "erf(x) = -expm1(-x P(x)), 0 <= x <= 3.93",
        series(lambda x: -mp.log(mp.erfc(x)) / x, 2 / mp.sqrt(mp.pi)),
        series(lambda x: mp.erfc(x) * x / mp.erf(x), mp.sqrt(mp.pi) / 2), 0, mpf("3.93"), 9,
    ),
}  # fmt: skip


def main(names: list[str]) -> None:
    for name in names or FITS:
        text, f, weight, low, high, *degrees = FITS[name]
        p, q, error = remez(f, weight, low, high, *degrees)
        print(f"{name}: {text}, error 2^{float(mp.log(error, 2)):.2f}")
        for title, coefficients in (("P", p), ("Q", q)):
            if len(coefficients) > 1:
                print(f"  {title}:", ", ".join(float(c).hex() for c in coefficients))


if __name__ == "__main__":
    main(sys.argv[1:])
