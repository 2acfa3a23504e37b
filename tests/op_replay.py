"""Runs one case of op_cases.py: forward, first and second derivative."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lib import first_sentence
from op_cases import Case, evaluate, weights


@dataclass
class Results:
    outputs: list[Any]
    recording_outputs: list[Any] = field(default_factory=list)
    first: dict[str, Any] | None = None  # gradient of each floating-point input, None where it is unused
    recorded: dict[str, bool] | None = None  # does that gradient require grad under create_graph
    second: dict[str, Any] | None = None
    error: list[str] | None = None  # what the backward pass raises


def replay(torch: Any, case: Case) -> Results:
    """Exceptions of the forward pass are passed on."""
    outputs, _ = evaluate(torch, case, requires_grad=False)
    results = Results(outputs)
    if (
        case.backward is None
        or not any(s[0].startswith("float") for s in case.inputs.values())
        or "out=" in case.expression
    ):
        return results
    results.recording_outputs, inputs = evaluate(torch, case, requires_grad=True)
    sources = {n: t for n, t in inputs.items() if t.requires_grad}
    targets = [t for t in results.recording_outputs if t.requires_grad]
    if not targets:
        return results

    def gradients(of: list[Any], create_graph: bool, shift: int) -> dict[str, Any]:
        seeds = [weights(t, torch, shift) for t in of]
        found = torch.autograd.grad(
            of, list(sources.values()), seeds, create_graph=create_graph, allow_unused=True
        )
        return dict(zip(sources, found, strict=True))

    try:
        if case.order == 1:
            results.first = gradients(targets, False, 0)
            return results
        results.first = gradients(targets, True, 0)
    except RuntimeError as error:
        results.error = [type(error).__name__, first_sentence(str(error))]
        return results
    results.recorded = {n: bool(g is not None and g.requires_grad) for n, g in results.first.items()}
    again = [g for g in results.first.values() if g is not None and g.requires_grad]
    if again:
        results.second = gradients(again, False, 5)
    return results
