"""The large cases beside torch: timed for each number of threads, and their peak memory."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from bench import process, report
from bench.large_cases import LargeCase, large_cases
from bench.libraries import TENSOR_KEYS
from bench.limits import Limits, reached
from bench.report import Cell, format_bytes, format_ratio, format_time, judge, worst
from bench.timing import ABSENT, Measured, select

# How many times slower torch may be on more threads before its time is put down to a busy machine.
DISTURBED = 2.0
# Pages of code and the system's own counting make a difference of nothing unequal to zero.
MEMORY_SLACK_BYTES, MEMORY_SLACK_SHARE = 300_000, 1.01


@dataclass
class LargeRow:
    case: LargeCase
    timed: dict[int, dict[str, Measured]] = field(default_factory=dict)  # threads -> library
    memory: dict[str, Cell] = field(default_factory=dict)

    def best(self, threads: int, key: str) -> float:
        return self.timed.get(threads, {}).get(key, Measured()).best

    def error(self, threads: int, key: str) -> str:
        return self.timed.get(threads, {}).get(key, Measured()).error

    def disturbed(self, threads: int) -> bool:
        """Whether torch had to wait for cores that others used: far slower than on the fewest threads."""
        return self.best(threads, "torch") > DISTURBED * self.best(min(self.timed), "torch")

    def ratio(self, threads: int) -> float:
        """How many times more torch needs than hinoko; not a number where that would say nothing."""
        if self.disturbed(threads):
            return math.nan
        return self.best(threads, "torch") / self.best(threads, "hinoko")

    def lowest(self) -> float:
        """The ratio with the least favourable number of threads."""
        return min((r for r in map(self.ratio, self.timed) if not math.isnan(r)), default=math.nan)

    def absent(self) -> bool:
        return any(self.error(threads, "hinoko").startswith(ABSENT) for threads in self.timed)

    def verdict(self) -> str:
        if self.absent():
            return ABSENT
        if any(self.error(threads, "hinoko") for threads in self.timed):
            return "short"
        (target,) = self.case.targets
        return worst([judge(self.ratio(threads), target.least, target.aim) for threads in self.timed])

    def memory_ratio(self) -> float:
        mine, other = self.memory.get("hinoko", Cell()).value, self.memory.get("torch", Cell()).value
        return mine / other if other > 0 else math.nan

    def memory_verdict(self) -> str:
        mine, other = self.memory.get("hinoko", Cell()).value, self.memory.get("torch", Cell()).value
        if math.isnan(mine) or math.isnan(other):
            return ""
        return "ok" if mine <= other * MEMORY_SLACK_SHARE + MEMORY_SLACK_BYTES else "short"


@dataclass
class Large:
    rows: list[LargeRow]
    limits: dict[int, Limits]
    versions: dict[str, str]
    missing: dict[str, str]
    load: float  # of the machine, before

    @property
    def threads(self) -> list[int]:
        return list(self.limits)


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return math.nan


def _timed(threads: int, subject: str, quick: bool, pattern: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "bench.timed",
        str(threads),
        subject,
        "quick" if quick else "full",
        pattern,
    ]
    environment = dict(os.environ, **process.threads_environment(threads))
    done = subprocess.run(
        command, check=True, cwd=process.ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def _peaks(case: LargeCase, subject: str) -> dict[str, Cell]:
    cells = {}
    for key in process.installed(TENSOR_KEYS, subject):
        try:
            size = process.probe("peak", key, subject, case.name)["bytes"]
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            cells[key] = Cell(text="error", error=str(error))
        else:
            cells[key] = Cell() if math.isnan(size) else Cell(size, format_bytes(size))
    return cells


def measure(subject: str, quick: bool, pattern: str, threads: list[int]) -> Large | None:
    """None where no case's name is found by the pattern. Quick: without peak memory."""
    rows = {case.name: LargeRow(case) for case in select(large_cases(), pattern)}
    if not rows:
        return None
    found = Large(list(rows.values()), {}, {}, {}, _load())
    for count in threads:
        document = _timed(count, subject, quick, pattern)
        found.limits[count] = Limits(**document["limits"])
        found.versions, found.missing = document["versions"], document["missing"]
        for name, results in document["cases"].items():
            rows[name].timed[count] = {key: Measured(**result) for key, result in results.items()}
    for row in found.rows:
        if row.case.memory and not quick and not row.absent():
            print(f"  peak memory: {row.case.name}", file=sys.stderr, flush=True)
            row.memory = _peaks(row.case, subject)
    return found


# As text


def _header(found: Large) -> list[str]:
    header = ["case"]
    for count in found.threads:
        header += [f"hinoko, {_threads(count)}", "torch", "torch/hinoko"]
    return [*header, "at least", "aim", "verdict", "peak memory", "torch's"]


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _time_text(row: LargeRow, threads: int, key: str) -> str:
    error = row.error(threads, key)
    if error:
        return ABSENT if error.startswith(ABSENT) else "error"
    best = row.best(threads, key)
    return "-" if math.isnan(best) else format_time(best)


def _line(row: LargeRow, threads: list[int], name: str) -> list[str]:
    line = [name]
    for count in threads:
        line += [_time_text(row, count, key) for key in TENSOR_KEYS] + [
            "busy" if row.disturbed(count) else format_ratio(row.ratio(count))
        ]
    (target,) = row.case.targets
    return [*line, f"{target.least:g}x", f"{target.aim:g}x", row.verdict()]


def _memory_texts(row: LargeRow) -> list[str]:
    mark = " (more)" if row.memory_verdict() == "short" else ""
    mine, other = (row.memory.get(key, Cell()).text for key in TENSOR_KEYS)
    return [mine + mark, other]


def table(found: Large) -> list[list[str]]:
    """Every case; what the best time of one thread comes to beside the machine's limits."""
    lines = [[*_header(found), "reached"]]
    first = found.threads[0]
    for row in found.rows:
        near = reached(row.case, row.best(first, "hinoko"), found.limits[first])
        lines.append([*_line(row, found.threads, row.case.name), *_memory_texts(row), near])
    return lines


def _lines(found: Large) -> dict[str, list[LargeRow]]:
    lines: dict[str, list[LargeRow]] = {}
    for row in found.rows:
        lines.setdefault(row.case.line or row.case.name, []).append(row)
    return lines


def compact_table(found: Large) -> list[list[str]]:
    """A line for each of the README's: the worst of its cases, and the most memory beside torch's."""
    lines = [_header(found)]
    for name, rows in _lines(found).items():
        slowest = min(rows, key=lambda row: -1 if math.isnan(row.lowest()) else row.lowest())
        weighed = [row for row in rows if not math.isnan(row.memory_ratio())]
        hungriest = max(weighed, key=LargeRow.memory_ratio) if weighed else slowest
        lines.append([*_line(slowest, found.threads, name), *_memory_texts(hungriest)])
    return lines


def problems(found: Large) -> list[str]:
    notes = [f"{key} left out: {reason}" for key, reason in found.missing.items()]
    for row in found.rows:
        for threads in row.timed:
            for key in row.timed[threads]:
                error = row.error(threads, key)
                if error and not error.startswith(ABSENT):
                    notes.append(f"{row.case.name}, {key}, {_threads(threads)}: {error}")
        for threads in filter(row.disturbed, row.timed):
            notes.append(f"{row.case.name}, {_threads(threads)}: not judged, the machine was busy")
        notes += [f"{row.case.name}, {key}, memory: {c.error}" for key, c in row.memory.items() if c.error]
    return notes


def findings(found: Large) -> list[str]:
    """What asks for attention, by how bad it is."""
    short: list[tuple[float, str]] = []
    slower: list[tuple[float, str]] = []
    for row in found.rows:
        (target,) = row.case.targets
        for count in found.threads:
            ratio = row.ratio(count)
            text = f"{row.case.name}, {_threads(count)}: {format_ratio(ratio)}"
            if ratio < target.least:
                short.append((ratio / target.least, f"{text} of at least {target.least:g}x"))
            if ratio < 1:
                slower.append((ratio, text))
    lines = []
    for title, listed in (("Below the least that is required", short), ("Slower than torch", slower)):
        lines += [f"{title}: {len(listed)}", *(f"  {text}" for _, text in sorted(listed))]
    greedy = [row for row in found.rows if row.memory_verdict() == "short"]
    lines.append(f"More peak memory than torch: {len(greedy)}")
    lines += [
        f"  {row.case.name}: {' against '.join(row.memory[key].text for key in TENSOR_KEYS)}"
        for row in greedy
    ]
    absent = [row.case.name for row in found.rows if row.absent()]
    lines.append(f"Absent: {len(absent)}")
    lines += [f"  {name}" for name in absent]
    return lines


def summary(found: Large) -> str:
    verdicts = [row.verdict() for row in found.rows]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("aim", "ok", "short", ABSENT))
    return f"{len(verdicts)} cases judged: {counts}"


def limits_text(found: Large) -> list[str]:
    return [f"Limits, {_threads(count)}: {found.limits[count].text()}" for count in found.threads]


def context(found: Large) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    load = f"; load average {found.load:.1f} when it began" if found.load > 0.5 else ""
    return f"{report.machine()}; {report.python_version()}, {versions}{load}"


def markdown_block(found: Large, command: str) -> str:
    limits = ". ".join(limits_text(found))
    return (
        f"{report.as_markdown(compact_table(found))}\n\n"
        f"`{command}` on {context(found)}. {summary(found)}. {limits}."
    )


def as_json(found: Large) -> dict[str, Any]:
    def known(number: float) -> float | None:
        return None if math.isnan(number) else number

    return {
        "limits": {
            str(count): {name: known(value) for name, value in vars(limits).items()}
            for count, limits in found.limits.items()
        },
        "rows": [
            {
                "name": row.case.name,
                "least": row.case.targets[0].least,
                "aim": row.case.targets[0].aim,
                "verdict": row.verdict(),
                "threads": {
                    str(count): {
                        "ratio": known(row.ratio(count)),
                        **{
                            key: {"best": known(m.best), "median": known(m.median), "error": m.error}
                            for key, m in row.timed[count].items()
                        },
                    }
                    for count in row.timed
                },
                "memory": {key: known(cell.value) for key, cell in row.memory.items()},
            }
            for row in found.rows
        ],
    }
