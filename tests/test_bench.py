"""The benchmark's cases run, on tiny sizes, and what is made of their figures is right."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from lib import LIBRARY, torch

from bench import instructions, large, large_cases, libraries, limits, plots, probe, process, report, timing
from bench.cases import CASES, Case

ROOT = Path(__file__).resolve().parents[1]
SMALL = tuple(case for case in CASES if case.per == 1)
TINY = large_cases.large_cases(most=4)
SHORT = timing.Effort(sample_ns=1, passes=1, rounds=2, case_ns=1)


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """The benchmark sets the number of threads: later tests shall find it as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def subject() -> dict[str, libraries.Library]:
    return {"hinoko": libraries.load("hinoko", LIBRARY)}


def outcome(case: Case, subject: dict[str, libraries.Library]) -> timing.Measured:
    timer = timing.CaseTimer(case, subject, SHORT)
    timer.run()
    return timer.results()["hinoko"]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_small_case_runs(case: Case, subject: dict[str, libraries.Library]) -> None:
    measured = outcome(case, subject)
    assert not measured.error
    assert measured.best > 0


@pytest.mark.parametrize("case", TINY, ids=lambda case: case.name)
def test_large_case_runs(case: Case, subject: dict[str, libraries.Library]) -> None:
    measured = outcome(case, subject)
    if measured.error.startswith(timing.ABSENT):
        pytest.skip(measured.error)
    assert not measured.error
    assert measured.best > 0


def test_large_cases_have_names_and_targets_of_their_own() -> None:
    full = large_cases.large_cases()
    assert [case.name for case in full] == [case.name for case in TINY]
    assert len({case.name for case in full}) == len(full)
    for case in full:
        (target,) = case.targets
        assert target.against == "torch"
        assert 0 < target.least <= target.aim
        assert case.traffic > 0 or case.flops > 0


def test_guarded_cases_exist() -> None:
    names = {case.name for case in CASES}
    assert set(instructions.GUARDED) <= names
    for baseline in json.loads(instructions.BASELINE.read_text(encoding="utf-8")):
        assert set(baseline["counts"]) == set(instructions.GUARDED)


@pytest.mark.parametrize(
    ("now", "verdict", "good"),
    [(100.0, "ok", True), (103.9, "ok", True), (104.1, "more", False), (90.0, "less: store it", True)],
)
def test_instruction_counts_are_compared(now: float, verdict: str, good: bool) -> None:
    lines, passed = instructions.compare({"a case": now}, {"a case": 100})
    assert lines[1][-1] == verdict
    assert passed is good


def test_a_guarded_case_must_be_counted() -> None:
    assert not instructions.compare({}, {"a case": 100})[1]
    assert instructions.compare({"a case": 100.0}, {})[1]


def test_loops_name_the_cases_that_ran(
    subject: dict[str, libraries.Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[None] = []
    monkeypatch.setattr(probe.os, "getppid", lambda: marks.append(None))
    monkeypatch.setattr(probe.gc, "disable", lambda: None)
    ran = probe.loops(subject["hinoko"], 3, ["x.item()", "float(x)"])
    assert ran == {"steps": {"x.item()": 3, "float(x)": 3}, "errors": {}}
    assert len(marks) == 6


def row(case: int, mine: float, others: float, error: str = "") -> large.LargeRow:
    timed = {"hinoko": timing.Measured(mine, mine, error), "torch": timing.Measured(others, others)}
    return large.LargeRow(TINY[case], {1: timed})


def found(*rows: large.LargeRow) -> large.Large:
    return large.Large(list(rows), {1: limits.Limits(call=20.0)}, {}, {}, 0.0)


def test_the_worst_number_of_threads_decides() -> None:
    case = row(0, 10.0, 1000.0)
    assert case.verdict() == "aim"
    case.timed[2] = {"hinoko": timing.Measured(10.0), "torch": timing.Measured(60.0)}
    assert (case.verdict(), case.lowest()) == ("ok", 6.0)
    case.timed[2]["torch"] = timing.Measured(9.0)
    assert case.verdict() == "short"


def test_a_busy_machine_is_not_to_hinokos_credit() -> None:
    case = row(0, 10.0, 20.0)
    case.timed[2] = {"hinoko": timing.Measured(10.0), "torch": timing.Measured(90.0)}
    assert math.isnan(case.ratio(2))
    assert (case.verdict(), case.lowest()) == ("short", 2.0)
    result = found(case)
    result.limits[2] = result.limits[1]
    assert large.table(result)[1][6] == "busy"
    assert "the machine was busy" in large.problems(result)[0]


def test_an_absent_function_is_named_and_does_not_crash() -> None:
    missing = row(0, math.nan, 5.0, f"{timing.ABSENT}: module 'torch' has no attribute 'erf'")
    result = found(missing, row(1, 8.0, 4.0))
    assert missing.verdict() == timing.ABSENT
    assert large.table(result)[1][1] == timing.ABSENT
    text = "\n".join(large.findings(result))
    assert f"Absent: 1\n  {TINY[0].name}" in text
    assert "Slower than torch: 1" in text
    assert large.problems(result) == []
    assert "1 short, 1 absent" in large.markdown_block(result, "the command")


def test_a_name_that_is_missing_makes_a_case_absent(subject: dict[str, libraries.Library]) -> None:
    for statement in ("torch.no_such_function()", "torch.tensor(1.).no_such_method()"):
        measured = outcome(Case("a case", timing.Code(statement)), subject)
        assert measured.error.startswith(timing.ABSENT)
    assert outcome(Case("a case", timing.Code("1/0")), subject).error.startswith("ZeroDivisionError")


def test_memory_may_not_exceed_torch() -> None:
    case = row(0, 1.0, 2.0)
    case.memory = {"hinoko": report.Cell(40e6, "40 MB"), "torch": report.Cell(40e6, "40 MB")}
    assert case.memory_verdict() == "ok"
    case.memory["hinoko"] = report.Cell(80e6, "80 MB")
    assert case.memory_verdict() == "short"
    assert "More peak memory than torch: 1" in large.findings(found(case))


def test_limits_are_measured() -> None:
    measured = limits.measure(2, elements=1000, side=8, rounds=2)
    assert all(value > 0 for value in vars(measured).values())
    product = next(case for case in large_cases.large_cases() if case.flops)
    assert limits.reached(product, 1e9, measured).startswith("0.0 GFLOP/s")
    assert limits.reached(product, 100.0, limits.Limits(call=20.0)) == "5.0 calls"


def test_readme_tables_are_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    first, last = report.marks("large")
    readme.write_text(f"before\n{first}\nold\n{last}\nafter\n", encoding="utf-8")
    assert report.update_readme(readme, "large", "new")
    assert readme.read_text(encoding="utf-8") == f"before\n{first}\nnew\n{last}\nafter\n"
    assert not report.update_readme(readme, "lesson", "new")


def test_readme_has_both_tables_and_the_picture() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for group in ("lesson", "large"):
        assert all(text.count(mark) == 1 for mark in report.marks(group))
    picture = plots.PICTURE.relative_to(ROOT)
    assert str(picture) in text
    assert plots.PICTURE.stat().st_size < 150_000


def test_the_picture_depends_on_the_figures_alone(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curves: plots.Curves = {
        title: {"hinoko": [(1, 50.0), (10, 60.0)], "torch": [(1, 1000.0), (10, 1100.0)]}
        for title in plots.OPERATIONS
    }
    pictures = []
    for name in ("one.svg", "two.svg"):
        plots.draw(curves, "a machine", tmp_path / name)
        pictures.append((tmp_path / name).read_text(encoding="utf-8"))
    assert pictures[0] == pictures[1]
    assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")
    assert "date" not in pictures[0]


def test_the_plotted_operations_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "TENSOR_KEYS", ("hinoko",))
    curves, _ = plots.measure(LIBRARY, SHORT, most=1)
    sizes = {title: [elements for elements, _ in lines["hinoko"]] for title, lines in curves.items()}
    assert sizes == {title: [1] for title in plots.OPERATIONS}


def test_peak_memory_of_a_case() -> None:
    grown = process.probe("peak", "hinoko", LIBRARY, "x + x, 1e7")["bytes"]
    if math.isnan(grown):
        pytest.skip("the system does not tell")
    assert 75e6 < grown < 300e6  # sanitizers hold freed memory back
