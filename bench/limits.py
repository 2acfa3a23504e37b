"""What this machine can do at most, measured without any of the libraries under measurement.

Memory: numpy's copy and sum of two arrays that no cache holds, in as many Python threads as asked for.
Arithmetic: numpy's float32 product of 1024x1024 matrices, on as many threads as its BLAS was started with.
Calls: built-in functions of no and of one argument, which do next to nothing.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.cases import Case, Code
from bench.large_cases import LargeCase
from bench.libraries import Library
from bench.timing import calibrate, compile_case, run_steps

ELEMENTS = 10_000_000
SIDE = 1024
SAMPLE_NS = 3_000_000


@dataclass(frozen=True)
class Limits:
    """Not a number where it could not be measured."""

    copy: float = math.nan  # bytes per second, read and written ones together
    triad: float = math.nan  # the same of c = a + b
    flops: float = math.nan  # per second
    call: float = math.nan  # nanoseconds, loop included, as in the cases
    call_one: float = math.nan

    @property
    def stream(self) -> float:
        return max(self.copy, self.triad)

    def text(self) -> str:
        return (
            f"memory {self.copy / 1e9:.1f} GB/s copying, {self.triad / 1e9:.1f} GB/s adding; "
            f"float32 products {self.flops / 1e9:.0f} GFLOP/s (numpy's BLAS); "
            f"an empty call {self.call:.0f} ns, {self.call_one:.0f} ns with an argument"
        )


def _best_seconds(run: Callable[[], Any], rounds: int) -> float:
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter_ns()
        run()
        best = min(best, (time.perf_counter_ns() - start) / 1e9)
    return best


def _memory(np: Any, threads: int, elements: int, rounds: int) -> tuple[float, float]:
    parts = [
        [np.full(elements // threads, value, dtype=np.float32) for value in (1, 2, 0)] for _ in range(threads)
    ]

    def copy(part: list[Any]) -> None:
        np.copyto(part[2], part[0])

    def add(part: list[Any]) -> None:
        np.add(part[0], part[1], out=part[2])

    with ThreadPoolExecutor(threads) as pool:

        def everywhere(work: Callable[[list[Any]], None]) -> None:
            list(pool.map(work, parts))

        copied, added = (_best_seconds(partial(everywhere, work), rounds) for work in (copy, add))
    return 8 * elements / copied, 12 * elements / added


def _arithmetic(np: Any, side: int, rounds: int) -> float:
    a = np.full((side, side), 0.5, dtype=np.float32)
    b, out = a.copy(), a.copy()
    return 2 * side**3 / _best_seconds(lambda: np.matmul(a, b, out=out), rounds)


def _call(statement: str, setup: str) -> float:
    nothing = Library("python", "python", "", math, {})
    sampler, _ = compile_case(Code(statement, setup), nothing)
    steps = calibrate(sampler, SAMPLE_NS)
    return min(run_steps(sampler, steps) for _ in range(8)) / steps


def call_cost() -> float:
    return _call("f()", "import gc\nf = gc.isenabled")


def measure(threads: int, elements: int = ELEMENTS, side: int = SIDE, rounds: int = 12) -> Limits:
    calls = call_cost(), _call("f(1)", "f = callable")
    try:
        np = importlib.import_module("numpy")
    except ImportError:
        return Limits(call=calls[0], call_one=calls[1])
    copied, added = _memory(np, threads, elements, rounds)
    return Limits(copied, added, _arithmetic(np, side, rounds), *calls)


def reached(case: Case, nanoseconds: float, limits: Limits) -> str:
    """How near a case comes to what limits it: calls for a short one, else memory or arithmetic."""
    if not nanoseconds > 0:
        return ""
    if isinstance(case, LargeCase) and nanoseconds > 5_000:
        if case.flops and limits.flops > 0:
            rate = case.flops / nanoseconds * 1e9
            return f"{rate / 1e9:.1f} GFLOP/s, {rate / limits.flops:.0%}"
        if case.traffic and limits.stream > 0:
            rate = case.traffic / nanoseconds * 1e9
            return f"{rate / 1e9:.1f} GB/s, {rate / limits.stream:.0%}"
    return in_calls(nanoseconds, limits.call)


def in_calls(nanoseconds: float, call: float) -> str:
    return f"{nanoseconds / call:.1f} calls" if nanoseconds > 0 and call > 0 else ""
