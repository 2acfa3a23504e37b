"""Names of nodes, their edges, and the names of gradients under create_graph, to the second order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from grad_fn_cases import EXPRESSIONS, describe
from lib import load, torch

FIGURES: dict[str, Any] = load("grad_fn_names.json")


def test_figures_cover_the_cases() -> None:
    assert list(FIGURES) == EXPRESSIONS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_names(expression: str) -> None:
    assert describe(torch, expression) == FIGURES[expression]


def test_node_objects() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * 3
    node = y.grad_fn
    assert re.fullmatch(r"<MulBackward0 object at 0x[0-9a-f]+>", repr(node))
    assert node is y.grad_fn
    assert node.name() == "MulBackward0"
    assert isinstance(node.next_functions, tuple)
    (accumulate, zero), *rest = node.next_functions
    assert type(accumulate).__name__ == "AccumulateGrad" and zero == 0
    assert accumulate.name() == "torch::autograd::AccumulateGrad"
    assert accumulate.variable is x
    assert accumulate.next_functions == ()
    assert rest == [(None, 0)]
    assert x.grad_fn is None


def test_node_is_shared_by_its_readers() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x.exp()
    z = y + y
    (first, _), (second, _) = z.grad_fn.next_functions
    assert first is second and first is y.grad_fn


def test_second_output_has_its_number() -> None:
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    values = x.max(1).values
    assert (values * 2).grad_fn.next_functions[0] == (values.grad_fn, 0)


def test_printed_name_of_a_gradient() -> None:
    x = torch.tensor([0.5], requires_grad=True)
    (dx,) = torch.autograd.grad(x.tanh(), x, create_graph=True)
    assert repr(dx) == "tensor([0.7864], grad_fn=<TanhBackwardBackward0>)"
