"""Stores the text that torch prints for the cases of print_cases.py: run with torch installed.

python tests/make_figures_print.py    writes tests/data/print_cases.json
"""

from __future__ import annotations

import json
import os

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from lib import DATA, torch
from print_cases import CASES, text

if __name__ == "__main__":
    lines = [json.dumps([options, e, text(torch, options, e)]) for options, e in CASES]
    (DATA / "print_cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
