"""Measurements that need a process of their own: `python -m bench.probe TASK KEY SUBJECT [ARGUMENT ...]`.

Prints one JSON object. Imports next to nothing, so that what it measures is the library.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from bench.libraries import TENSOR_KEYS, Library, load, module_name

CHAIN_STEPS: dict[str, str] = {"y + 1": "y + 1", "y * x": "y * x", "exp": "torch.exp(y)"}


def resident_bytes() -> float:
    """Resident memory of this process; not a number where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return float("nan")


def imported(key: str, subject: str) -> dict[str, float]:
    """Resident memory before and after a bare import."""
    before = resident_bytes()
    __import__(module_name(key, subject))
    return {"before": before, "after": resident_bytes()}


def _leaf(library: Library) -> Any:
    if library.key in TENSOR_KEYS:
        return library.module.tensor([1.0], requires_grad=True)
    return library.names["Value"](1.0)


def _builder(step: str, library: Library) -> Callable[[Any, int], Any]:
    """A function that records a chain of that many steps and returns its end."""
    source = (
        f"def build(x, count):\n    y = x\n    for _ in range(count):\n        y = {step}\n    return y\n"
    )
    names = dict(library.names)
    exec(source, names)
    build: Callable[[Any, int], Any] = names["build"]
    return build


def recorded(library: Library, step: str, count: int) -> dict[str, float]:
    """Growth of resident memory per recorded operation, only the last tensor kept."""
    build = _builder(CHAIN_STEPS[step], library)
    x = _leaf(library)
    build(x, 10)
    gc.collect()
    before = resident_bytes()
    end = build(x, count)
    growth = resident_bytes() - before
    del end
    return {"bytes": growth / count}


def chain(library: Library, count: int) -> dict[str, float]:
    """Nanoseconds per operation of a chain: recorded, swept, and dropped without a sweep."""
    build = _builder("y + 1", library)
    x = _leaf(library)
    build(x, 1000).backward()
    clock = time.perf_counter_ns
    start = clock()
    y = build(x, count)
    built = clock()
    y.backward()
    swept = clock()
    y = build(x, count)
    before_drop = clock()
    del y
    dropped = clock()
    return {
        "build": (built - start) / count,
        "sweep": (swept - built) / count,
        "drop": (dropped - before_drop) / count,
    }


def create_graph(library: Library, count: int) -> dict[str, float]:
    """Growth of resident memory, in bytes, over `count` sweeps that record themselves, after a warm-up."""
    x = _leaf(library)

    def sweep(times: int) -> float:
        for _ in range(times):
            (x * x).backward(create_graph=True)
            x.grad = None
        gc.collect()
        return resident_bytes()

    before = sweep(max(count // 10, 1))
    return {"bytes": sweep(count) - before}


def _peak_bytes() -> float:
    """The most that was ever resident, or was so since the last reset."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return float("nan")


def peak(library: Library, case_name: str) -> dict[str, float]:
    """The most that is resident during a few runs of a case, its inputs included, beyond the bare library.

    Counted from before the inputs are made: what a library keeps of the memory that making them took counts.
    """
    from bench.large_cases import large_cases
    from bench.timing import compile_case, run_steps

    case = next(case for case in large_cases() if case.name == case_name)
    gc.collect()
    before = resident_bytes()
    sampler, _ = compile_case(case.tensor, library)
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # resets the peak to what is resident now
    except OSError:
        return {"bytes": float("nan")}
    run_steps(sampler, 3)
    return {"bytes": _peak_bytes() - before}


def loops(library: Library, steps: int, case_names: list[str]) -> dict[str, Any]:
    """Runs cases `steps` and then twice that many times, for an instruction counter outside.

    The counter notes its figure at each call of getppid(): before and after every run. Says which cases ran.
    """
    from bench.cases import CASES
    from bench.timing import compile_case, run_steps

    known = {case.name: case for case in CASES}
    samplers = []
    errors: dict[str, str] = {}
    for name in case_names:
        case = known[name]
        code = case.code(library.key)
        if code is None:
            continue
        try:
            sampler, _ = compile_case(code, library)
            run_steps(sampler, 100 if case.per == 1 else 1)
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"
            continue
        samplers.append((name, sampler, max(steps // case.per, 1)))
    gc.collect()
    gc.disable()  # a collection would fall into one count and not into the other
    for _, sampler, count in samplers:
        os.getppid()
        run_steps(sampler, count)
        os.getppid()
        run_steps(sampler, 2 * count)
        os.getppid()
    return {"steps": {name: count for name, _, count in samplers}, "errors": errors}


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    task, key, subject, *rest = arguments
    result: dict[str, Any]
    if task == "import":
        result = imported(key, subject)
    else:
        library = load(key, subject)
        if task == "record":
            result = recorded(library, rest[0], int(rest[1]))
        elif task == "chain":
            result = chain(library, int(rest[0]))
        elif task == "create_graph":
            result = create_graph(library, int(rest[0]))
        elif task == "peak":
            result = peak(library, rest[0])
        elif task == "loops":
            result = loops(library, int(rest[0]), rest[1:])
        else:
            raise ValueError(f"unknown task {task!r}")
    import json

    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
