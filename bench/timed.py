"""Times the large cases in a process of its own, with a given number of threads in every library.

`python -m bench.timed THREADS SUBJECT EFFORT PATTERN` prints one JSON object. The environment has to name the
number of threads too, for what reads it when it is loaded (see process.threads_environment).
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import warnings

from bench import limits
from bench.large_cases import large_cases
from bench.libraries import TENSOR_KEYS, load_all
from bench.timing import FULL, QUICK, CaseTimer, Effort, Measured, select

REST_S = 0.004  # threads of a pool that wait for work keep a core busy for a while


def effort(name: str, threads: int) -> Effort:
    chosen = {"full": FULL, "quick": QUICK}[name]
    return dataclasses.replace(chosen, rest_s=REST_S) if threads > 1 else chosen


def main(arguments: list[str]) -> None:
    threads, subject, effort_name, pattern = int(arguments[0]), *arguments[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        libraries, missing = load_all(subject, TENSOR_KEYS, threads)
    chosen = effort(effort_name, threads)
    timers = []
    for case in select(large_cases(), pattern):
        print(f"  {threads} threads: {case.name}, inputs", file=sys.stderr, flush=True)
        timers.append(CaseTimer(case, libraries, chosen))
    for number in range(chosen.passes):
        print(f"  {threads} threads: pass {number + 1} of {chosen.passes}", file=sys.stderr, flush=True)
        for timer in timers:
            timer.run()
    results = {timer.case.name: timer.results() for timer in timers}
    del timers  # with all inputs
    document = {
        "limits": dataclasses.asdict(limits.measure(threads)),
        "versions": {library.title: library.version for library in libraries.values()},
        "missing": missing,
        "cases": {name: {key: _plain(m) for key, m in each.items()} for name, each in results.items()},
    }
    print(json.dumps(document), flush=True)


def _plain(measured: Measured) -> dict[str, float | str]:
    """Without what JSON can't say."""
    fields = dataclasses.asdict(measured)
    return {name: value for name, value in fields.items() if isinstance(value, str) or not math.isnan(value)}


if __name__ == "__main__":
    main(sys.argv[1:])
