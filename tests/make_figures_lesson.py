"""Stores what real torch prints in every cell of the lesson, and every gradient: run with torch installed.

python tests/make_figures_lesson.py          writes tests/data/lesson_torch.json
python tests/make_figures_lesson.py --print  prints the same figures instead
"""

from __future__ import annotations

import json
import os
import sys

os.environ["HINOKO_TEST_LIBRARY"] = "torch"
os.environ.setdefault("MPLBACKEND", "Agg")

from lesson_replay import replay
from lib import DATA

if __name__ == "__main__":
    only_print = "--print" in sys.argv
    figures = json.dumps(
        {str(cell): found for cell, found in replay("torch", "--no-plot" not in sys.argv).items()}, indent=1
    )
    if only_print:
        print(figures)
    else:
        (DATA / "lesson_torch.json").write_text(figures + "\n")
