"""Stores torch's results for every case of op_cases.py: run with torch installed.

python tests/make_figures.py    writes tests/data/ops.json.gz
"""

from __future__ import annotations

import os
import warnings
from typing import Any

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

from lib import encode, first_sentence, store, torch
from op_cases import Case, all_cases
from op_replay import Results, replay


def figure(case: Case) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            results: Results = replay(torch, case)
        except Exception as error:
            return {"e": [type(error).__name__, first_sentence(str(error))]}
    out: dict[str, Any] = {"y": [encode(t) for t in results.outputs]}
    for key, gradients in (("g", results.first), ("h", results.second)):
        if gradients is not None:
            out[key] = {n: None if g is None else encode(g) for n, g in gradients.items()}
    if results.recorded is not None:
        out["r"] = results.recorded
    if results.error is not None:
        out["ge"] = results.error
    return out


if __name__ == "__main__":
    torch.set_num_threads(1)
    cases = all_cases()
    store("ops.json.gz", {case.key: figure(case) for case in cases})
    print(len(cases), "cases")
