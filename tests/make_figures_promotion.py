"""Stores torch's type promotion: run with torch installed.

python tests/make_figures_promotion.py    writes tests/data/promotion.json
"""

from __future__ import annotations

import json
import os
import warnings

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from lib import DATA, torch
from promotion_cases import OPERATIONS, combinations, result

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    lines = []
    for expression in OPERATIONS:
        # One line per result: the pairs that give it.
        table: dict[str, list[str]] = {}
        for a, b in combinations(expression):
            table.setdefault(result(torch, expression, a, b), []).append(f"{a} {b}")
        lines.append(f"{json.dumps(expression)}: {json.dumps(table)}")
    (DATA / "promotion.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
