"""`python -m bench`: hinoko beside torch, and in small cases beside numpy, pure Python and micrograd."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import large, limits, process, report
from bench.cases import CASES, Case
from bench.libraries import Library, load_all
from bench.report import Cell, Row, judge, worst
from bench.timing import FULL, QUICK, CaseTimer, Measured, select


def _row(case: Case, measured: dict[str, Measured]) -> Row:
    row = Row(case.name)
    for key, result in measured.items():
        if result.error:
            row.cells[key] = Cell(text="error", error=result.error)
        else:
            row.cells[key] = Cell(result.best, report.format_time(result.best), median=result.median)
    prefixes = ["" if target.against == "torch" else f"{target.against} " for target in case.targets]
    row.least = ", ".join(f"{p}{target.least:g}x" for p, target in zip(prefixes, case.targets, strict=True))
    row.aim = ", ".join(f"{p}{target.aim:g}x" for p, target in zip(prefixes, case.targets, strict=True))
    row.verdict = worst([judge(row.ratio(t.against), t.least, t.aim) for t in case.targets])
    if case.targets and row.cells.get("hinoko", Cell()).error:
        row.verdict = "short"
    return row


def _time_cases(cases: list[Case], libraries: dict[str, Library], quick: bool) -> list[Row]:
    effort = QUICK if quick else FULL
    timers = [CaseTimer(case, libraries, effort) for case in cases]
    for number in range(effort.passes):
        for timer in timers:
            print(f"  pass {number + 1} of {effort.passes}: {timer.case.name}", file=sys.stderr, flush=True)
            timer.run()
    return [_row(timer.case, timer.results()) for timer in timers]


def _lesson(arguments: argparse.Namespace, command: str) -> dict[str, Any]:
    """The lesson's table: single operations, training steps, whole processes."""
    # Processes first: this one is still small, and starts others quickly.
    process_rows = process.measure(
        arguments.subject,
        arguments.quick,
        arguments.wheel,
        lambda name: re.search(arguments.only, name) is not None,
    )
    cases = select(CASES, arguments.only)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        libraries, missing = load_all(arguments.subject)
    rows = _time_cases(cases, libraries, arguments.quick) + process_rows
    if not rows:
        return {}
    block = report.markdown_block(rows, libraries, command)
    if arguments.markdown:
        print(block)
    else:
        call = limits.call_cost()
        lines = report.table(rows, libraries)
        lines[0].append("reached")
        for line, row in zip(lines[1:], rows, strict=True):
            best = math.nan if row in process_rows else row.cells.get("hinoko", Cell()).value
            line.append(limits.in_calls(best, call))
        print(report.as_text(lines))
        print(f"\n{report.machine()}\n{report.versions(libraries)}\n{report.summary(rows)}")
        print(f'An empty call, as it is counted in "reached": {call:.0f} ns')
    for note in report.problems(rows, missing):
        print(f"note: {note}", file=sys.stderr)
    _update_readme(arguments, "lesson", block)
    return report.as_json(rows, libraries, missing)


def _large(arguments: argparse.Namespace, command: str) -> dict[str, Any]:
    """The table from a thousand elements to ten million."""
    threads = [int(count) for count in arguments.threads.split(",")]
    found = large.measure(arguments.subject, arguments.quick, arguments.only, threads)
    if found is None:
        return {}
    block = large.markdown_block(found, command)
    if arguments.markdown:
        print(block)
    else:
        print(report.as_text(large.table(found)))
        print(f"\n{large.context(found)}\n{large.summary(found)}")
        print("\n".join([*large.limits_text(found), "", *large.findings(found)]))
    for note in large.problems(found):
        print(f"note: {note}", file=sys.stderr)
    _update_readme(arguments, "large", block)
    return large.as_json(found)


def _update_readme(arguments: argparse.Namespace, group: str, block: str) -> None:
    readme = process.ROOT / "README.md"
    if arguments.update_readme and not report.update_readme(readme, group, block):
        print(f"note: no {' ... '.join(report.marks(group))} in {readme.name}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--group", choices=(*GROUPS, "all"), default="all", help="which table (default both)")
    parser.add_argument("--threads", metavar="N,N", default="1,2", help="of the large group (default 1,2)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, for a first look")
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows whose name this regex finds")
    parser.add_argument("--subject", metavar="MODULE", default="hinoko", help="module in hinoko's place")
    parser.add_argument("--wheel", metavar="PATH", type=Path, help="the wheel, or its folder (default dist/)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write all figures there")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--update-readme", action="store_true", help="put the tables into README.md")
    return parser.parse_args()


# Those that start processes first: this one is still small then.
GROUPS: dict[str, Callable[[argparse.Namespace, str], dict[str, Any]]] = {"large": _large, "lesson": _lesson}


def main() -> None:
    arguments = _arguments()
    os.environ.update(process.ONE_THREAD)  # read by the numeric libraries when they are loaded
    print("measuring:", file=sys.stderr)
    documents = {}
    for name, run in GROUPS.items():
        if arguments.group in (name, "all"):
            command = f"python -m bench --group {name}" + (" --quick" if arguments.quick else "")
            documents[name] = run(arguments, command)
    if not any(documents.values()):
        print(f"no row matches {arguments.only!r}")
    elif arguments.json:
        report.write_json(arguments.json, documents)


if __name__ == "__main__":
    main()
