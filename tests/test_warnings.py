"""Warnings: their text, and whether they come every time or once in a process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lib import LIBRARY, run_python

#   code: the beginning of the text, how many of two runs warn
CASES: dict[str, tuple[str, int]] = {
    "torch.ones(3).T": (
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated",
        1,
    ),
    "torch.add(torch.ones(2), 1, out=torch.ones(3))": (
        "An output with one or more elements was resized since it had shape [3], which does not match the "
        "required output shape [2]. This behavior is deprecated",
        2,
    ),
    "torch.tensor(torch.ones(1))": (
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
        2,
    ),
    "(torch.ones(1, requires_grad=True) * 2).grad": (
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
        "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
        "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor "
        "by mistake, make sure",
        2,
    ),
    "float(torch.ones(1, requires_grad=True))": (
        "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
        "Consider using tensor.detach() first.",
        1,
    ),
    "x = torch.ones(1, requires_grad=True); (x * x).backward(create_graph=True); x.grad = None": (
        "Using backward() with create_graph=True will create a reference cycle between the parameter and "
        "its gradient which can cause a memory leak. We recommend using autograd.grad when creating the "
        "graph to avoid this. If you have to use this function, make sure to reset the .grad fields of "
        "your parameters to None",
        1,
    ),
    # No warning: what looks as if there could be one.
    "torch.ones(2, requires_grad=True).tolist()": ("", 0),
    "torch.ones(1, requires_grad=True).item()": ("", 0),
    "torch.add(torch.ones(2), 1, out=torch.empty(0))": ("", 0),
    "torch.ones(2, 2).T": ("", 0),
    "torch.ones(1, requires_grad=True).grad": ("", 0),
    "torch.ones(2) // 2": ("", 0),
    "print(torch.ones(1, requires_grad=True) * 2)": ("", 0),
    "bool(torch.ones(1, requires_grad=True) > 0)": ("", 0),
    "x = torch.ones(1, requires_grad=True); torch.autograd.grad(x * x, x, create_graph=True)": ("", 0),
}

PROGRAM = f"""
import json, sys, warnings
import {LIBRARY} as torch
found = {{}}
for code in json.loads(sys.argv[1]):
    seen = []
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(code, {{"torch": torch}})
        seen += [[w.category.__name__, str(w.message)] for w in caught]
    found[code] = seen
print("=====")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = tmp_path_factory.mktemp("warnings") / "program.py"
    script.write_text(PROGRAM)
    text = run_python(str(script), json.dumps(list(CASES))).stdout
    result: dict[str, Any] = json.loads(text.split("=====\n")[1])
    return result


@pytest.mark.parametrize("code", CASES)
def test_warning(code: str, found: dict[str, Any]) -> None:
    beginning, times = CASES[code]
    assert [category for category, _ in found[code]] == ["UserWarning"] * times
    for _, text in found[code]:
        assert text[: len(beginning)] == beginning
