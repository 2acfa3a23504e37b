"""The lesson, cell by cell: what it prints and the gradients it makes, through every door.

A cell's text is compared twice: with the lesson's page as a person reads it (numbers as float32 values, names
without a trailing 0; the page is from an early torch) and byte for byte with what torch prints.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from lesson_replay import cells, normalised, notebook, replay, script, split
from lib import DATA, IS_TORCH, LIBRARY, load, run_python, torch

WITH_PLOT = importlib.util.find_spec("matplotlib") is not None
FIGURES = load("lesson_torch.json")
CELLS = {cell["cell"]: cell for cell in cells()}
PLOT = max(CELLS)

each_cell = pytest.mark.parametrize("cell", CELLS)


def needs(cell: int) -> None:
    if cell == PLOT and not WITH_PLOT:
        pytest.skip("matplotlib is not installed")


def check_text(cell: int, text: str) -> None:
    needs(cell)
    assert normalised(text) == normalised(CELLS[cell]["output"])
    assert text == FIGURES[str(cell)]["text"]


@pytest.fixture(scope="module")
def in_process() -> dict[int, dict[str, Any]]:
    return replay(LIBRARY, WITH_PLOT)


@pytest.fixture(scope="module")
def by_script(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    path: Path = tmp_path_factory.mktemp("lesson") / "lesson.py"
    path.write_text(script(WITH_PLOT))
    return split(run_python(*([] if IS_TORCH else ["-m", "hinoko"]), str(path)).stdout)


@pytest.fixture(scope="module")
def by_notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    path: Path = tmp_path_factory.mktemp("lesson") / "lesson.ipynb"
    path.write_text(notebook(WITH_PLOT))
    return split(run_python("-m", "hinoko", str(path)).stdout)


@pytest.fixture(scope="module")
def by_torch(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    path: Path = tmp_path_factory.mktemp("lesson") / "lesson.py"
    path.write_text(script(WITH_PLOT))
    return split(run_python(str(path)).stdout)


@each_cell
def test_text_in_process(cell: int, in_process: dict[int, dict[str, Any]]) -> None:
    needs(cell)
    check_text(cell, in_process[cell]["text"])


@each_cell
def test_gradients(cell: int, in_process: dict[int, dict[str, Any]]) -> None:
    needs(cell)
    assert in_process[cell]["gradients"] == FIGURES[str(cell)]["gradients"]


@each_cell
def test_text_of_script(cell: int, by_script: dict[int, str]) -> None:
    needs(cell)
    check_text(cell, by_script[cell])


@pytest.mark.hinoko_only
@each_cell
def test_text_of_notebook(cell: int, by_notebook: dict[int, str]) -> None:
    needs(cell)
    check_text(cell, by_notebook[cell])


@pytest.mark.torch
@each_cell
def test_text_of_torch(cell: int, by_torch: dict[int, str]) -> None:
    needs(cell)
    check_text(cell, by_torch[cell])


@pytest.mark.torch
def test_stored_figures_are_those_of_torch() -> None:
    made = run_python(
        str(DATA.parent / "make_figures_lesson.py"), "--print", *([] if WITH_PLOT else ["--no-plot"])
    )
    figures = json.loads(made.stdout)
    assert figures == {cell: FIGURES[cell] for cell in figures}
    assert len(figures) == len(cells(WITH_PLOT))


def test_replay_sees_the_gradients() -> None:
    """The figures are about something: known derivatives are among them."""

    def value(digits: str) -> float:
        return float(struct.unpack("<f", bytes.fromhex(digits))[0])

    assert [value(FIGURES["5"]["gradients"][f"grad {i}"]) for i in range(3)] == [17.0, 14.0, 6.0]
    assert value(FIGURES["9"]["gradients"]["w1.grad"]) == 12.0
    assert {"model.w.grad", "model.b.grad"} <= set(FIGURES["16"]["gradients"])


def test_second_gradient_of_cell_4() -> None:
    """The line that the cell's comment warns about."""
    x = torch.tensor([3.0], requires_grad=True)
    y = x**2 + x * 2 + 2
    torch.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match=r"^Trying to backward through the graph a second time"):
        torch.autograd.grad(y, x)


def test_comparison_notices_differences() -> None:
    """Numbers are compared as float32, not loosely; names lose only a trailing 0."""
    assert normalised("loss = 0.2656331658363423") == normalised("loss = 0.26563316583633423")
    assert normalised("loss = 0.265633") != normalised("loss = 0.26563316583633423")
    assert normalised("grad_fn=<ExpBackward>") == normalised("grad_fn=<ExpBackward0>")
    assert normalised("grad_fn=<ExpBackward>") != normalised("grad_fn=<ExpBackward1>")
    assert normalised("tensor([2.])") != normalised("tensor([2])")
