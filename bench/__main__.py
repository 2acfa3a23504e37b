"""`python -m bench`: one table of hinoko beside torch, numpy, pure Python and micrograd."""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from pathlib import Path

from bench import process, report
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, for a first look")
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows whose name this regex finds")
    parser.add_argument("--subject", metavar="MODULE", default="hinoko", help="module in hinoko's place")
    parser.add_argument("--wheel", metavar="PATH", type=Path, help="the wheel, or its folder (default dist/)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write all figures there")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    os.environ.update(process.ONE_THREAD)  # read by the numeric libraries when they are loaded
    pattern = re.compile(arguments.only)
    subject: str = arguments.subject
    print("measuring:", file=sys.stderr)
    # Processes first: this one is still small, and starts others quickly.
    process_rows = process.measure(
        subject, arguments.quick, arguments.wheel, lambda name: pattern.search(name) is not None
    )
    cases = select(CASES, arguments.only)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        libraries, missing = load_all(subject)
    rows = _time_cases(cases, libraries, arguments.quick) + process_rows
    if not rows:
        print(f"no row matches {arguments.only!r}")
        return

    command = "python -m bench" + (" --quick" if arguments.quick else "")
    lines = report.table(rows, libraries)
    if arguments.markdown:
        print(report.markdown_block(rows, libraries, command))
    else:
        print(report.as_text(lines))
        print(f"\n{report.machine()}\n{report.versions(libraries)}\n{report.summary(rows)}")
    for note in report.problems(rows, missing):
        print(f"note: {note}", file=sys.stderr)
    if arguments.json:
        report.write_json(arguments.json, rows, libraries, missing)
    if arguments.update_readme:
        readme = process.ROOT / "README.md"
        if not report.update_readme(readme, report.markdown_block(rows, libraries, command)):
            print(
                f"note: no {report.BEGIN} ... {report.END} in {readme.name}, nothing updated", file=sys.stderr
            )


if __name__ == "__main__":
    main()
