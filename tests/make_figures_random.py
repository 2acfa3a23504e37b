"""Stores further figures of torch's generator, beside data/rng.json: run with torch installed.

python tests/make_figures_random.py    writes tests/data/rng_more.json
"""

from __future__ import annotations

import json
import os

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from lib import DATA, encode, torch
from random_cases import CASES, run

if __name__ == "__main__":
    lines = [json.dumps([case, [encode(t) for t in run(torch, case)]]) for case in CASES]
    (DATA / "rng_more.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
