"""Stores torch's exceptions for the mistakes of error_cases.py: run with torch installed.

python tests/make_figures_errors.py    writes tests/data/errors.json
"""

from __future__ import annotations

import json
import os
import warnings

os.environ["HINOKO_TEST_LIBRARY"] = "torch"

import numpy
from error_cases import CASES, TENSORS, names, state
from lib import DATA, first_sentence, torch


def main() -> None:
    warnings.simplefilter("ignore")
    lines = []
    for case in CASES:
        space = names(torch, numpy)
        tensors = {name: space[name] for name in TENSORS}
        before = {name: state(t) for name, t in tensors.items()}
        try:
            exec(case, space)
        except Exception as error:
            found = [type(error).__name__, first_sentence(str(error)), str(error)]
        else:
            raise SystemExit(f"no error: {case}")
        name, sentence, whole = found
        if "DefaultCPUAllocator" in whole:
            sentence = whole[whole.index("DefaultCPUAllocator") :].split(" bytes")[0] + " bytes"
        changed = [name for name, t in tensors.items() if state(t) != before[name]]
        lines.append(json.dumps([case, name, sentence, changed]))
    (DATA / "errors.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
