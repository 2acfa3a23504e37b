"""Time against size, operation by operation: `python -m bench.plots` draws docs/img/time-by-size.svg."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from bench import report
from bench.cases import Case
from bench.large_cases import COMPOSITE, code_of
from bench.libraries import TENSOR_KEYS, load_all
from bench.process import ONE_THREAD, ROOT
from bench.timing import QUICK, CaseTimer, Effort

PICTURE = ROOT / "docs" / "img" / "time-by-size.svg"
SIZES = tuple(10**power for power in range(8))
SIDES = (1, 3, 10, 32, 100, 316, 1000)  # of matrices: ten times the elements each
PLOT = Effort(3_000_000, 3, 5, 600_000_000)

_X = {"x": "torch.rand({n}) + 0.5"}
MATRICES = "a @ b, square"
# Title -> statement and inputs.
OPERATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "x + x": ("x + x", _X),
    "x * y": ("x * y", {**_X, "y": "torch.rand({n})"}),
    "exp(x)": ("torch.exp(x)", _X),
    "sin(x)": ("torch.sin(x)", _X),
    "log(x)": ("torch.log(x)", _X),
    "tanh(x)": ("torch.tanh(x)", _X),
    "x.sum()": ("x.sum()", _X),
    "x.max()": ("x.max()", _X),
    MATRICES: ("a @ b", {"a": "torch.rand({n}, {n})", "b": "torch.rand({n}, {n})"}),
    "(sin(x)*exp(-x*x) + x**2).sum()\nand backward": (
        f"x.grad = None\n{COMPOSITE}.backward()",
        {"x": "torch.rand({n}).requires_grad_()"},
    ),
}

COLORS = {"hinoko": "#d9480f", "torch": "#495057"}
Curves = dict[str, dict[str, list[tuple[int, float]]]]  # operation -> library -> elements and nanoseconds


def measure(subject: str, effort: Effort, most: int | None = None) -> tuple[Curves, str]:
    """Best times, and where they were measured. `most` leaves out the larger sizes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        libraries, _ = load_all(subject, TENSOR_KEYS)
    curves: Curves = {}
    for title, (statement, inputs) in OPERATIONS.items():
        print(f"  {title.splitlines()[0]}", file=sys.stderr, flush=True)
        square = title == MATRICES
        for size in SIDES if square else SIZES:
            elements = size * size if square else size
            if most is not None and elements > most:
                continue
            made = {name: expression.format(n=size) for name, expression in inputs.items()}
            result = "total(x.grad)" if "backward" in statement else f"total({statement})"
            case = Case(title, code_of(statement, made, result))
            timer = CaseTimer(case, libraries, effort)
            for _ in range(effort.passes):
                timer.run()
            for key, measured in timer.results().items():
                if not measured.error:
                    curves.setdefault(title, {}).setdefault(key, []).append((elements, measured.best))
    return curves, f"{report.machine()}; {report.versions(libraries)}; one thread"


def draw(curves: Curves, context: str, path: Path) -> None:
    """The same figures give the same file."""
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    ticker: Any = importlib.import_module("matplotlib.ticker")
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "hinoko",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#868e96",
        "xtick.color": "#495057",
        "ytick.color": "#495057",
    }
    columns = 5
    rows = -(-len(OPERATIONS) // columns)
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(2.5 * columns, 2.35 * rows + 0.7), sharex=True, sharey=True
        )
        for axis, title in zip(axes.flat, OPERATIONS, strict=False):
            for key in reversed(TENSOR_KEYS):
                points = curves.get(title, {}).get(key, [])
                axis.plot(
                    [elements for elements, _ in points],
                    [nanoseconds for _, nanoseconds in points],
                    color=COLORS[key],
                    label=key,
                    linewidth=1.6,
                    marker="o",
                    markersize=2.6,
                )
            axis.set_title(title, fontsize=9)
            axis.set(xscale="log", yscale="log")
            axis.xaxis.set_major_locator(ticker.LogLocator(numticks=9))
            axis.xaxis.set_major_formatter(ticker.FuncFormatter(_elements))
            axis.yaxis.set_major_locator(ticker.LogLocator(numticks=9))
            axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _plain_time(value)))
            axis.minorticks_off()
            axis.grid(color="#e9ecef", linewidth=0.6)
            axis.set_axisbelow(True)
        for axis in axes[-1]:
            axis.set_xlabel("elements")
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(
            handles[::-1], labels[::-1], loc="upper left", ncols=len(labels), frameon=False, fontsize=10
        )
        figure.text(0.992, 0.975, context, ha="right", va="top", fontsize=7, color="#868e96")
        figure.tight_layout(rect=(0, 0, 1, 0.95))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
        pyplot.close(figure)
    text = "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    path.write_text(text + "\n", encoding="utf-8")


def _elements(value: float, _: object) -> str:
    """Every second power of ten."""
    power = len(f"{value:.0f}") - 1
    return "" if power % 2 or value < 1 else f"{value:.0f}" if power < 3 else f"1e{power}"


def _plain_time(nanoseconds: float) -> str:
    for limit, divisor, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if nanoseconds < limit:
            return f"{nanoseconds / divisor:.0f} {unit}"
    return f"{nanoseconds / 1e9:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plots", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--subject", metavar="MODULE", default="hinoko", help="module in hinoko's place")
    parser.add_argument("--out", metavar="FILE", type=Path, default=PICTURE, help="the picture")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    parser.add_argument("--redraw", metavar="FILE", type=Path, help="draw figures written by --json")
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)
    if arguments.redraw:
        document = json.loads(arguments.redraw.read_text(encoding="utf-8"))
    else:
        curves, context = measure(arguments.subject, QUICK if arguments.quick else PLOT)
        document = {"context": context, "curves": curves}
    if arguments.json:
        text = json.dumps(document, indent=1, ensure_ascii=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    draw(document["curves"], document["context"], arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
