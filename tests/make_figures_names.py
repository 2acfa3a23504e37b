"""Stores the names that torch gives to nodes and to nodes of gradients: run with torch installed.

python tests/make_figures_names.py    writes tests/data/grad_fn_names.json
"""

from __future__ import annotations

import json
import os

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from grad_fn_cases import EXPRESSIONS, describe
from lib import DATA, torch

if __name__ == "__main__":
    lines = [f"{json.dumps(e)}: {json.dumps(describe(torch, e))}" for e in EXPRESSIONS]
    (DATA / "grad_fn_names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
