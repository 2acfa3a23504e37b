"""Stores torch's results for every case of product_cases.py: run with torch installed.

python tests/make_figures_products.py    writes tests/data/products.json.gz
"""

from __future__ import annotations

import os

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from lib import store, torch
from make_figures import figure
from product_cases import product_cases

if __name__ == "__main__":
    torch.set_num_threads(1)
    store("products.json.gz", {case.key: figure(case) for case in product_cases()})
