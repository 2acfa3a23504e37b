"""Reverse-mode automatic differentiation of scalars in pure Python, to any order: the benchmark's baseline.

A `Scalar` remembers the operands that made it and the rule that differentiates it. The rules are written in
plain arithmetic, so one sweep serves both orders: given floats it yields numbers, given Scalars it yields a
graph that can be differentiated again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T", float, "Scalar")
Rule = Callable[..., tuple[Any, ...]]  # (gradient, result, *operands) -> gradient of each operand

_order = itertools.count()


class Scalar:
    """A number that remembers how it was computed."""

    __slots__ = ("constant", "data", "grad", "operands", "order", "rule")

    def __init__(
        self, data: float, operands: tuple[Scalar, ...] = (), rule: Rule | None = None, constant: float = 0.0
    ) -> None:
        self.data = data
        self.grad: float = 0.0
        self.operands = operands
        self.rule = rule
        self.constant = constant  # the exponent of a power
        self.order = next(_order)

    def __add__(self, other: Scalar | float) -> Scalar:
        if isinstance(other, Scalar):
            return Scalar(self.data + other.data, (self, other), _add)
        return Scalar(self.data + other, (self,), _shift)

    def __mul__(self, other: Scalar | float) -> Scalar:
        if isinstance(other, Scalar):
            return Scalar(self.data * other.data, (self, other), _multiply)
        return Scalar(self.data * other, (self,), _scale, other)

    def __pow__(self, exponent: float) -> Scalar:
        return Scalar(self.data**exponent, (self,), _power, exponent)

    def __neg__(self) -> Scalar:
        return self * -1.0

    def __sub__(self, other: Scalar | float) -> Scalar:
        return self + -other

    def __rsub__(self, other: float) -> Scalar:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def relu(self) -> Scalar:
        return Scalar(self.data if self.data > 0 else 0.0, (self,), _relu)

    def backward(self) -> None:
        """Adds the derivative of this value to `grad` of every leaf it depends on."""
        for leaf, gradient in _sweep(self, 1.0, False):
            leaf.grad += gradient

    def __repr__(self) -> str:
        return f"Scalar({self.data})"


def exp(x: _T) -> _T:
    if isinstance(x, Scalar):
        return Scalar(math.exp(x.data), (x,), _exp)
    return math.exp(x)


def grad(result: Scalar, leaf: Scalar, create_graph: bool = False) -> Scalar:
    """The derivative of `result` by `leaf`; with `create_graph` it can be differentiated again."""
    seed: Any = Scalar(1.0) if create_graph else 1.0
    for node, gradient in _sweep(result, seed, create_graph):
        if node is leaf:
            return gradient if create_graph else Scalar(gradient)
    return Scalar(0.0)


def _sweep(root: Scalar, seed: Any, create_graph: bool) -> list[tuple[Scalar, Any]]:
    """Pairs of leaf and gradient. Without recursion: a chain of any length can be swept."""
    nodes, pending = {root}, [root]
    while pending:
        for operand in pending.pop().operands:
            if operand not in nodes:
                nodes.add(operand)
                pending.append(operand)
    gradients: dict[Scalar, Any] = {root: seed}
    leaves: list[tuple[Scalar, Any]] = []
    for node in sorted(nodes, key=lambda made: made.order, reverse=True):  # results before their operands
        gradient = gradients.pop(node)
        if node.rule is None:
            leaves.append((node, gradient))
            continue
        values = node.operands if create_graph else [operand.data for operand in node.operands]
        for operand, part in zip(node.operands, node.rule(gradient, node, *values), strict=True):
            known = gradients.get(operand)
            gradients[operand] = part if known is None else known + part
    return leaves


def _add(g: _T, node: Scalar, a: _T, b: _T) -> tuple[_T, _T]:
    return g, g


def _shift(g: _T, node: Scalar, a: _T) -> tuple[_T]:
    return (g,)


def _multiply(g: _T, node: Scalar, a: _T, b: _T) -> tuple[_T, _T]:
    return g * b, g * a


def _scale(g: _T, node: Scalar, a: _T) -> tuple[_T]:
    return (g * node.constant,)


def _power(g: _T, node: Scalar, a: _T) -> tuple[_T]:
    return (g * (a ** (node.constant - 1) * node.constant),)


def _exp(g: _T, node: Scalar, a: _T) -> tuple[_T]:
    return (g * exp(a),)


def _relu(g: _T, node: Scalar, a: _T) -> tuple[_T]:
    return (g * (1.0 if node.data > 0 else 0.0),)
