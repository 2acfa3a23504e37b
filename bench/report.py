"""The table: its rows, their verdicts, and how it is written as text, Markdown and JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.libraries import KEYS, Library


def marks(group: str) -> tuple[str, str]:
    """What stands before and after a group's table in the README."""
    return f"<!-- bench-{group}:begin -->", f"<!-- bench-{group}:end -->"


# Worst first: a row with several targets shows the worst of its verdicts.
VERDICTS = ("short", "ok", "aim")


@dataclass
class Cell:
    value: float = math.nan
    text: str = "-"
    error: str = ""
    median: float = math.nan  # timings show the best; the median goes into the JSON file


@dataclass
class Row:
    name: str
    cells: dict[str, Cell] = field(default_factory=dict)
    least: str = ""
    aim: str = ""
    verdict: str = ""
    comparable: bool = True  # whether a ratio between libraries means anything

    def ratio(self, against: str) -> float:
        """How many times more `against` needs than hinoko."""
        mine, other = self.cells.get("hinoko"), self.cells.get(against)
        if not self.comparable or mine is None or other is None or not mine.value > 0 or not other.value > 0:
            return math.nan
        return other.value / mine.value


def worst(verdicts: list[str]) -> str:
    return min((v for v in verdicts if v), key=VERDICTS.index, default="")


def judge(value: float, least: float, aim: float) -> str:
    """For figures that should be high; nothing to judge where one side is missing."""
    if math.isnan(value):
        return ""
    return "aim" if value >= aim else "ok" if value >= least else "short"


def judge_limit(value: float, limit: float, aim: float) -> str:
    """For figures that should be low."""
    if math.isnan(value):
        return ""
    return "aim" if value <= aim else "ok" if value <= limit else "short"


def format_time(nanoseconds: float) -> str:
    for limit, divisor, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if abs(nanoseconds) < limit:
            return f"{_three_digits(nanoseconds / divisor)} {unit}"
    return f"{_three_digits(nanoseconds / 1e9)} s"


def format_bytes(size: float) -> str:
    if abs(size) < 1e4:
        return f"{size:.0f} B"
    if abs(size) < 1e6:
        return f"{_three_digits(size / 1e3)} kB"
    return f"{_three_digits(size / 1e6)} MB"


def format_ratio(ratio: float) -> str:
    return "-" if math.isnan(ratio) else f"{_three_digits(ratio)}x"


def _three_digits(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def table(rows: list[Row], libraries: dict[str, Library]) -> list[list[str]]:
    """Header and body; a library that is not installed has no column."""
    keys = [key for key in KEYS if key in libraries or key == "hinoko"]
    ratios = [key for key in ("torch", "micrograd") if key in libraries]
    title = "hinoko" if "hinoko" not in libraries else libraries["hinoko"].title
    titles = [title if key == "hinoko" else libraries[key].title for key in keys]
    lines = [["case", *titles, *(f"{key}/{title}" for key in ratios), "at least", "aim", "verdict"]]
    for row in rows:
        cells = [row.cells.get(key, Cell()).text for key in keys]
        lines.append(
            [
                row.name,
                *cells,
                *(format_ratio(row.ratio(key)) for key in ratios),
                row.least,
                row.aim,
                row.verdict,
            ]
        )
    return lines


def as_text(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    written = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([written[0], "-" * max(map(len, written)), *written[1:]])


def as_markdown(lines: list[list[str]]) -> str:
    rule = ["---", *["--:"] * (len(lines[0]) - 1)]
    escaped = [[text.replace("|", "\\|") for text in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [escaped[0], rule, *escaped[1:]])


def problems(rows: list[Row], missing: dict[str, str]) -> list[str]:
    notes = [f"{key} left out: {reason}" for key, reason in missing.items()]
    for row in rows:
        notes += [f"{row.name}, {key}: {cell.error}" for key, cell in row.cells.items() if cell.error]
    return notes


def summary(rows: list[Row]) -> str:
    judged = [row.verdict for row in rows if row.verdict]
    counts = ", ".join(f"{judged.count(verdict)} {verdict}" for verdict in reversed(VERDICTS))
    return f"{len(judged)} rows judged: {counts}"


def versions(libraries: dict[str, Library]) -> str:
    named = [f"{library.title} {library.version}" for library in libraries.values() if library.version]
    return ", ".join([python_version(), *named])


def python_version() -> str:
    return f"Python {platform.python_version()}"


def machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    count = os.cpu_count() or 1
    return f"{platform.system()} {platform.machine()}, {model}, {count} core{'s' if count > 1 else ''}"


def markdown_block(rows: list[Row], libraries: dict[str, Library], command: str) -> str:
    return (
        f"{as_markdown(table(rows, libraries))}\n\n"
        f"`{command}` on {machine()}; {versions(libraries)}; one thread. {summary(rows)}. "
        "Best of interleaved rounds: only the ratios carry over to another machine."
    )


def update_readme(readme: Path, group: str, block: str) -> bool:
    """Replaces the text between the group's marks; False where they are missing."""
    first, last = marks(group)
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError:
        return False
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        return False
    readme.write_text(f"{head}{first}\n{block}\n{last}{tail}", encoding="utf-8")
    return True


def as_json(rows: list[Row], libraries: dict[str, Library], missing: dict[str, str]) -> dict[str, Any]:
    def known(number: float) -> float | None:
        return None if math.isnan(number) else number

    body = []
    for row in rows:
        entry = asdict(row)
        entry["cells"] = {
            key: {
                "value": known(cell.value),
                "median": known(cell.median),
                "text": cell.text,
                "error": cell.error,
            }
            for key, cell in row.cells.items()
        }
        entry["ratios"] = {key: known(row.ratio(key)) for key in KEYS if key in row.cells and key != "hinoko"}
        body.append(entry)
    return {
        "versions": {library.title: library.version for library in libraries.values()},
        "missing": missing,
        "rows": body,
    }


def write_json(path: Path, groups: dict[str, Any]) -> None:
    document = {"machine": machine(), "python": sys.version, **groups}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
