"""Times the cases: every library in turn, round after round, in this one process.

The statement runs in a function whose names are locals, as in the standard library's timeit. The collector of
cycles stays on with its usual thresholds, so that a library pays for the cycles it makes; what was alive
before is frozen, so that no library pays for another one's modules, and garbage is collected between samples.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import re
import statistics
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.cases import Case, Code
from bench.libraries import Library

Sampler = Callable[[Iterator[None], Callable[[], int]], int]
AnyCase = TypeVar("AnyCase", bound=Case)

ABSENT = "absent"  # how the error of a case begins whose function the library does not have


@dataclass(frozen=True)
class Effort:
    sample_ns: int  # how long one sample takes at least
    passes: (
        int  # times that all cases are gone through: a busy spell of the machine hits one pass, not a case
    )
    rounds: int  # samples of each library in a pass
    case_ns: int  # a case's rounds of a pass end early, after at least two, when they took that long
    rest_s: float = 0.0  # pause before a sample, in which another library's waiting threads go to sleep


FULL = Effort(8_000_000, 4, 7, 2_500_000_000)
QUICK = Effort(3_000_000, 2, 4, 1_000_000_000)


@dataclass(frozen=True)
class Measured:
    """Nanoseconds per operation, or what went wrong."""

    best: float = math.nan
    median: float = math.nan
    error: str = ""


@dataclass
class _Runner:
    key: str
    sampler: Sampler
    steps: int
    samples: list[float]


def compile_case(code: Code, library: Library) -> tuple[Sampler, Callable[[], float | None]]:
    """The timed loop, and a function that runs the statement once and returns its `result`."""
    source = (
        "def _sample(_steps, _clock):\n"
        + textwrap.indent(code.setup + "\n", "    ")
        + "    _begin = _clock()\n"
        + "    for _step in _steps:\n"
        + textwrap.indent(code.statement + "\n", "        ")
        + "    return _clock() - _begin\n"
        + "def _check():\n"
        + textwrap.indent(f"{code.setup}\n{code.statement}\n", "    ")
        + f"    return {code.result or None}\n"
    )
    names = dict(library.names, __name__=f"bench.case.{library.key}")
    exec(compile(code.prelude + "\n" + source, f"<case for {library.title}>", "exec"), names)
    return names["_sample"], names["_check"]


def run_steps(sampler: Sampler, steps: int) -> int:
    return sampler(itertools.repeat(None, steps), time.perf_counter_ns)


def select(cases: Sequence[AnyCase], pattern: str) -> list[AnyCase]:
    return [case for case in cases if re.search(pattern, case.name)]


def _described(error: Exception) -> str:
    """What a result's `error` says; a name that the library lacks is no fault of the case."""
    lines = str(error).splitlines() or [""]
    if isinstance(error, AttributeError) and "has no attribute" in lines[0]:
        return f"{ABSENT}: {lines[0]}"
    return f"{type(error).__name__}: {error}"


class CaseTimer:
    """One case, ready to be timed in every library that it runs in."""

    def __init__(self, case: Case, libraries: dict[str, Library], effort: Effort) -> None:
        self.case = case
        self._effort = effort
        self._runners: list[_Runner] = []
        self._errors: dict[str, str] = {}
        answers: dict[str, float] = {}
        with _quiet():
            for key, library in libraries.items():
                code = case.code(key)
                if code is None:
                    continue
                try:
                    sampler, check = compile_case(code, library)
                    answer = check()
                    if answer is not None:
                        answers[key] = float(answer)
                    self._runners.append(_Runner(key, sampler, calibrate(sampler, effort.sample_ns), []))
                except Exception as error:
                    self._errors[key] = _described(error)
        for key, wanted in _disagreeing(answers).items():
            self._errors[key] = f"wrong result {answers[key]}, not {wanted}"

    def run(self) -> None:
        """One pass: samples in turn, everybody first in its turn."""
        with _quiet():
            begin = time.perf_counter_ns()
            for round_number in range(self._effort.rounds if self._runners else 0):
                first = round_number % len(self._runners)
                for runner in self._runners[first:] + self._runners[:first]:
                    try:
                        if self._effort.rest_s:
                            time.sleep(self._effort.rest_s)
                            if runner.steps > 1:
                                run_steps(runner.sampler, 1)  # wakes the library's own threads
                        runner.samples.append(run_steps(runner.sampler, runner.steps) / runner.steps)
                        # Calibrated in a busy moment, it would stay with a sample too short for good.
                        wanted = math.ceil(self._effort.sample_ns / max(runner.samples[-1], 1))
                        runner.steps = max(runner.steps, wanted)
                    except Exception as error:  # shown in its cell; the others go on
                        self._errors[runner.key] = _described(error)
                    gc.collect()
                if round_number >= 1 and time.perf_counter_ns() - begin > self._effort.case_ns:
                    break

    def results(self) -> dict[str, Measured]:
        results: dict[str, Measured] = {}
        for runner in self._runners:
            if not runner.samples:
                continue
            scaled = [sample / self.case.per for sample in runner.samples]
            results[runner.key] = Measured(min(scaled), statistics.median(scaled))
        for key, error in self._errors.items():
            results[key] = Measured(error=error)
        return results


def calibrate(sampler: Sampler, sample_ns: int) -> int:
    """The number of steps that fills a sample; on the way everything is run once and warmed up."""
    steps = 1
    while True:
        taken = max(run_steps(sampler, steps), 1)
        if taken >= sample_ns:  # perhaps only because something ran for the first time
            taken = max(min(taken, run_steps(sampler, steps)), 1)
        if taken >= sample_ns:
            return steps
        steps = max(steps + 1, min(steps * 10, math.ceil(1.1 * steps * sample_ns / taken)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, and whatever is alive by now is out of the collector's sight."""
    gc.collect()
    gc.freeze()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gc.unfreeze()


def _disagreeing(answers: dict[str, float]) -> dict[str, float]:
    """Libraries whose result is not the reference's, torch's where present; with the reference."""
    if not answers:
        return {}
    wanted = answers.get("torch", next(iter(answers.values())))
    return {
        key: wanted
        for key, answer in answers.items()
        if not math.isclose(answer, wanted, rel_tol=1e-4, abs_tol=1e-6)
    }
