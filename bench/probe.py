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


def loop(library: Library, case_name: str, steps: int) -> dict[str, float]:
    """Runs a case a given number of times, for an instruction counter outside."""
    from bench.cases import CASES
    from bench.timing import compile_case, run_steps

    code = next(case for case in CASES if case.name == case_name).code(library.key)
    if code is None:
        raise ValueError(f"case {case_name!r} does not run in {library.title}")
    sampler, _ = compile_case(code, library)
    run_steps(sampler, 10)
    gc.collect()
    gc.disable()  # a collection would fall into one count and not into the other
    run_steps(sampler, steps)
    return {"steps": steps}


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    task, key, subject, *rest = arguments
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
        elif task == "loop":
            result = loop(library, rest[0], int(rest[1]))
        else:
            raise ValueError(f"unknown task {task!r}")
    import json

    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
