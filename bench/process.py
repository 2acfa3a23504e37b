"""Rows about whole processes: import time, sizes, memory, and chains too long to time in a loop."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from bench.libraries import module_name
from bench.probe import CHAIN_STEPS
from bench.report import Cell, Row, format_bytes, format_time, judge_limit

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT_S = 600
CHAIN_SHORT, CHAIN_LONG = 100_000, 1_000_000
LINEAR = 3.0  # per-operation growth allowed over ten times the length; quadratic would be 10
FLAT_BYTES = 1_000_000  # allowance for the allocator's own unrest


def threads_environment(threads: int) -> dict[str, str]:
    """What the numeric libraries read when they are loaded."""
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))


ONE_THREAD = threads_environment(1)


def probe(task: str, key: str, subject: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.probe", task, key, subject, *map(str, arguments)]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=dict(os.environ, **ONE_THREAD),
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise RuntimeError(f"exit status {done.returncode}: {last}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def installed(keys: Iterable[str], subject: str) -> list[str]:
    """Those that can be found, without importing them here."""
    found = []
    for key in keys:
        try:
            if importlib.util.find_spec(module_name(key, subject).partition(".")[0]) is not None:
                found.append(key)
        except (ImportError, ValueError):
            continue
    return found


def _cell(measure: Callable[[], float], form: Callable[[float], str]) -> Cell:
    try:
        value = measure()
    except Exception as error:
        return Cell(text="error", error=f"{type(error).__name__}: {error}")
    return Cell() if math.isnan(value) else Cell(value, form(value))


def _judged(row: Row, limit: float, aim: float) -> Row:
    cell = row.cells.get("hinoko", Cell())
    row.verdict = "short" if cell.error else judge_limit(cell.value, limit, aim)
    return row


# Import


def _run_python(code: str, directory: str) -> float:
    start = time.perf_counter_ns()
    subprocess.run(
        [sys.executable, "-c", code], cwd=directory, check=True, capture_output=True, timeout=TIME_LIMIT_S
    )
    return float(time.perf_counter_ns() - start)


def import_time(subject: str, quick: bool) -> Row:
    """Median over interleaved runs of what the import adds to the bare interpreter's run."""
    rounds = 5 if quick else 21
    row = Row("import, above bare python", least="<= 15 ms", aim="<= 6 ms")
    keys = installed(("hinoko", "torch", "numpy"), subject)
    above: dict[str, list[float]] = {key: [] for key in keys}
    with tempfile.TemporaryDirectory() as directory:
        for key in list(keys):  # once unmeasured: fills the disk cache, writes the compiled files
            try:
                _run_python(f"import {module_name(key, subject)}", directory)
            except (subprocess.SubprocessError, OSError) as error:
                row.cells[key] = Cell(text="error", error=f"import failed: {error}")
                keys.remove(key)
        _run_python("pass", directory)
        for round_number in range(rounds):
            bare = _run_python("pass", directory)
            for key in keys:
                if key == "torch" and round_number % 4:
                    continue  # slow, and far from any limit
                above[key].append(_run_python(f"import {module_name(key, subject)}", directory) - bare)
    for key in keys:
        median = statistics.median(above[key])
        row.cells[key] = Cell(median, format_time(median), median=median)
    return _judged(row, 15e6, 6e6)


def import_loads_numpy(subject: str) -> Row:
    row = Row("import loads numpy", least="no", comparable=False)
    for key in installed(("hinoko", "torch"), subject):
        name = module_name(key, subject)
        row.cells[key] = _cell(
            partial(_answer, f"import sys, {name}; print(int('numpy' in sys.modules))"),
            lambda value: "yes" if value else "no",
        )
    return _judged(row, 0, -math.inf)


def _answer(code: str) -> float:
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, check=True, capture_output=True, timeout=TIME_LIMIT_S).stdout)


def import_memory(subject: str) -> Row:
    """Resident memory that the import adds to the bare interpreter."""
    row = Row("resident memory added by import")
    for key in installed(("hinoko", "torch", "numpy"), subject):

        def added(key: str = key) -> float:
            result = probe("import", key, subject)
            return result["after"] - result["before"]

        row.cells[key] = _cell(added, format_bytes)
    return row


# Sizes


def _installed_bytes(name: str) -> float:
    """The sizes that RECORD states; of files without a stated size (compiled ones), the size on disk."""
    files = importlib.metadata.distribution(name).files
    if not files:
        return math.nan
    total = 0
    for file in files:
        if file.size is not None:
            total += file.size
            continue
        try:
            total += os.stat(str(file.locate())).st_size
        except OSError:
            continue
    return float(total)


def installed_size(subject: str) -> Row:
    row = Row("installed size", least="<= 6 MB", aim="<= 3 MB")
    for key in installed(("hinoko", "torch", "numpy"), subject):
        name = module_name(key, subject).partition(".")[0]
        row.cells[key] = _cell(partial(_installed_bytes, name), format_bytes)
    return _judged(row, 6e6, 3e6)


def wheel_size(wheel: Path | None) -> Row:
    """Of the wheel named, of the newest one in the folder named, or of the newest one in dist/."""
    row = Row("wheel", least="<= 2 MB", aim="<= 1 MB")
    place = wheel or ROOT / "dist"
    found = sorted(place.glob("*.whl"), key=lambda file: file.stat().st_mtime) if place.is_dir() else [place]
    if found and found[-1].is_file():
        row.cells["hinoko"] = _cell(lambda: float(found[-1].stat().st_size), format_bytes)
    elif wheel is not None:
        row.cells["hinoko"] = Cell(text="error", error=f"no wheel at {wheel}")
    return _judged(row, 2e6, 1e6)


# Memory and long chains


def recorded_memory(subject: str, step: str, quick: bool) -> Row:
    count = 50_000 if quick else 200_000
    row = Row(f"memory per recorded operation, {step}", least="<= 250 B", aim="<= 160 B")
    keys = ("hinoko", "torch") if step == "exp" else ("hinoko", "torch", "scalar", "micrograd")
    for key in installed(keys, subject):

        def grown(key: str = key) -> float:
            return probe("record", key, subject, step, count)["bytes"]

        row.cells[key] = _cell(grown, format_bytes)
    return _judged(row, 250, 160)


def long_chains(subject: str, quick: bool) -> list[Row]:
    """Per operation at a million operations, and how much more that is than at a tenth of the length."""
    rows = {
        part: Row(f"chain of 1,000,000 y + 1, {title}, per node (growth from 100,000)", least="linear")
        for part, title in (("build", "built"), ("sweep", "swept"), ("drop", "dropped unswept"))
    }
    for key in installed(("hinoko",) if quick else ("hinoko", "torch", "scalar"), subject):
        try:
            short, long = (probe("chain", key, subject, count) for count in (CHAIN_SHORT, CHAIN_LONG))
        except Exception as error:
            for part, row in rows.items():
                note = f"{type(error).__name__}: {error}" if part == "build" else ""
                row.cells[key] = Cell(text="error", error=note)
                row.verdict = "short" if key == "hinoko" else row.verdict
            continue
        for part, row in rows.items():
            growth = long[part] / short[part]
            row.cells[key] = Cell(long[part], f"{format_time(long[part])} ({growth:.1f}x)")
            if key == "hinoko":
                row.verdict = "ok" if growth <= LINEAR else "short"
    return list(rows.values())


def create_graph_memory(subject: str, quick: bool) -> Row:
    count = 20_000 if quick else 100_000
    row = Row(f"memory growth over {count:,} backward(create_graph=True)", least="flat", comparable=False)
    for key in installed(("hinoko", "torch"), subject):

        def grown(key: str = key) -> float:
            return probe("create_graph", key, subject, count)["bytes"]

        row.cells[key] = _cell(grown, format_bytes)
    return _judged(row, FLAT_BYTES, -math.inf)


def measure(subject: str, quick: bool, wheel: Path | None, wanted: Callable[[str], bool]) -> list[Row]:
    """All rows whose name is wanted. Has to run before the libraries are imported into this process."""
    tasks: list[tuple[str, Callable[[], list[Row]]]] = [
        ("import, above bare python", lambda: [import_time(subject, quick)]),
        ("import loads numpy", lambda: [import_loads_numpy(subject)]),
        ("resident memory added by import", lambda: [import_memory(subject)]),
        ("wheel", lambda: [wheel_size(wheel)]),
        ("installed size", lambda: [installed_size(subject)]),
        *(
            (
                f"memory per recorded operation, {step}",
                lambda step=step: [recorded_memory(subject, step, quick)],
            )
            for step in CHAIN_STEPS
        ),
        ("chain of 1,000,000 y + 1, built, swept, dropped unswept", lambda: long_chains(subject, quick)),
        ("memory growth over backward(create_graph=True)", lambda: [create_graph_memory(subject, quick)]),
    ]
    rows: list[Row] = []
    for name, task in tasks:
        if wanted(name):
            print(f"  {name}", file=sys.stderr, flush=True)
            rows += task()
    return rows
