"""Every operation against torch's stored results: values, types, shapes, gradients, exceptions.

One test is one expression over all its inputs. `+ - * / sqrt`, comparisons, integer powers and all that only
moves elements must give the same bits; other functions are allowed the units in the last place of their row.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from lib import difference, first_sentence, load, torch
from op_cases import Case, all_cases
from op_replay import replay

FIGURES: dict[str, Any] = load("ops.json.gz")
CASES = all_cases()
EXPRESSIONS: dict[str, list[Case]] = {}
for _case in CASES:
    EXPRESSIONS.setdefault(f"{_case.group}: {_case.expression}", []).append(_case)

_LOOSE = ("received an invalid combination", "TensorBase")


def problems(case: Case, figures: dict[str, Any] = FIGURES) -> list[str]:
    figure = figures[case.key]
    try:
        results = replay(torch, case)
    except Exception as error:
        if "e" not in figure:
            return [f"raises {type(error).__name__}: {error}"]
        kind, sentence = figure["e"]
        if type(error).__name__ != kind:
            return [f"raises {type(error).__name__}: {error}; torch raises {kind}: {sentence}"]
        if not any(text in sentence for text in _LOOSE) and first_sentence(str(error)) != sentence:
            return [f"says {first_sentence(str(error))!r}; torch says {sentence!r}"]
        return []
    if "e" in figure:
        return [f"no error; torch raises {figure['e'][0]}: {figure['e'][1]}"]
    out: list[str] = []

    def check(what: str, expected: Any, actual: Any, tolerance: Any) -> None:
        if expected is None or actual is None:
            if (expected is None) != (actual is None):
                out.append(f"{what}: {'a tensor' if expected is None else 'None'}, expected otherwise")
            return
        text = difference(expected, actual, tolerance)
        if text:
            out.append(f"{what}: {text}")

    if len(results.outputs) != len(figure["y"]):
        return [f"{len(results.outputs)} outputs, expected {len(figure['y'])}"]
    for number, (expected, actual) in enumerate(zip(figure["y"], results.outputs, strict=True)):
        check(f"output {number}", expected, actual, case.forward)
    for number, (expected, actual) in enumerate(zip(figure["y"], results.recording_outputs, strict=False)):
        check(f"output {number} with a graph", expected, actual, case.forward)
    for what, key, found in (("gradient", "g", results.first), ("second gradient", "h", results.second)):
        want = figure.get(key)
        if (want is None) != (found is None):
            out.append(f"{what}: {'none' if found is None else 'some'}, expected otherwise")
        elif want is not None and found is not None:
            for name in want:
                check(f"{what} of {name}", want[name], found[name], case.backward)
    if results.recorded != figure.get("r"):
        out.append(f"gradients that require grad: {results.recorded}, expected {figure.get('r')}")
    if results.error != figure.get("ge"):
        out.append(f"backward raises {results.error}, expected {figure.get('ge')}")
    return out


def test_figures_cover_the_cases() -> None:
    assert list(FIGURES) == [case.key for case in CASES]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_operation(expression: str) -> None:
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in EXPRESSIONS[expression]:
            found += [f"{case.key}\n    {text}" for text in problems(case)]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


def test_comparison_notices_differences() -> None:
    one = ["float32", [1], "0000803f"]
    assert difference(one, torch.tensor([1.0])) is None
    assert difference(one, torch.tensor([1.0 + 2**-23])) is not None
    assert difference(one, torch.tensor([1.0 + 2**-23]), ("ulp", 1)) is None
    assert difference(one, torch.tensor([1.0 + 2**-22]), ("ulp", 1)) is not None
    assert difference(one, torch.tensor(1.0)) is not None
    assert difference(one, torch.tensor([1.0], dtype=torch.float64)) is not None
    assert difference(["float32", [1], "00000080"], torch.tensor([0.0])) is not None
    assert difference(["float32", [1], "0000c07f"], torch.tensor([float("nan")])) is None
    assert difference(["float32", [1], "0000c07f"], torch.tensor([0.0]), ("close", 4)) is not None
