"""Replays the lesson's cells and records, cell by cell, the text printed and every gradient made."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import struct
from typing import Any

from lib import load, pack

SEPARATOR = "=== cell {} ==="


def cells(with_plot: bool = True) -> list[dict[str, Any]]:
    """The lesson; without its last cell where there is no matplotlib."""
    found: list[dict[str, Any]] = load("lesson_cells.json")
    return found if with_plot else [cell for cell in found if "matplotlib" not in cell["code"]]


def source(code: str, library: str) -> str:
    """The cell as a user of `library` writes it: only the two import lines differ."""
    if library == "torch":
        return code
    return code.replace("import torch\n", f"import {library} as torch\n").replace(
        "from torch ", f"from {library} "
    )


def replay(library: str, with_plot: bool = True) -> dict[int, dict[str, Any]]:
    """{cell: {"text": what it printed, "gradients": {name: hexadecimal float32 values}}}."""
    torch: Any = importlib.import_module(library)
    names: dict[str, Any] = {"__name__": "__main__"}
    made: list[Any] = []
    grad = torch.autograd.grad

    def recording_grad(*args: Any, **kwargs: Any) -> Any:
        result = grad(*args, **kwargs)
        made.extend(result)
        return result

    out: dict[int, dict[str, Any]] = {}
    torch.autograd.grad = recording_grad
    try:
        for cell in cells(with_plot):
            made.clear()
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                exec(compile(source(cell["code"], library), f"cell {cell['cell']}", "exec"), names)
            gradients = {f"grad {i}": pack(g) for i, g in enumerate(made)}
            holders = {
                "model.w": getattr(names.get("model"), "w", None),
                "model.b": getattr(names.get("model"), "b", None),
            }
            for name, value in sorted({**names, **holders}.items()):
                if isinstance(value, torch.Tensor) and value.is_leaf and value.grad is not None:
                    gradients[f"{name}.grad"] = pack(value.grad)
            out[cell["cell"]] = {"text": text.getvalue(), "gradients": gradients}
    finally:
        torch.autograd.grad = grad
        made.clear()
        names.clear()
    return out


def script(with_plot: bool = True) -> str:
    """The unmodified cells as one script, with a line between them that tells where a cell's text begins."""
    return "\n".join(f"print({SEPARATOR.format(c['cell'])!r})\n{c['code']}" for c in cells(with_plot))


def notebook(with_plot: bool = True) -> str:
    """The same as a notebook, with markdown cells and stored outputs that must be ignored."""
    page: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# The lesson\n", "print(1/0)\n"]}
    ]
    for cell in cells(with_plot):
        for code in (f"print({SEPARATOR.format(cell['cell'])!r})", cell["code"]):
            page.append(
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [{"name": "stdout", "output_type": "stream", "text": ["old text\n"]}],
                    "source": code.splitlines(keepends=True),
                }
            )
    return json.dumps({"cells": page, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def split(text: str) -> dict[int, str]:
    """The text of each cell out of the output of `script` or `notebook`."""
    parts = re.split(r"^=== cell (\d+) ===\n", text, flags=re.MULTILINE)
    assert parts[0] == "", f"text before the first cell: {parts[0]!r}"
    return {int(number): part for number, part in zip(parts[1::2], parts[2::2], strict=True)}


_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d*(?:e[+-]\d+)?")


def normalised(text: str) -> str:
    """Numbers as float32 bits, names without a trailing 0: the notebook's text is from an early torch."""

    def bits(match: re.Match[str]) -> str:
        return struct.pack("<f", float(match[0])).hex()

    return re.sub(r"(grad_fn=<\w+?)0?>", r"\1>", _NUMBER.sub(bits, text))
