"""Which type comes out: every pair of dtypes as tensors, 0-d tensors and Python numbers."""

from __future__ import annotations

import itertools
from typing import Any

from lib import DTYPES, dtype_name, first_sentence

OPERATIONS = {
    "a + b": "+", "a - b": "-", "a * b": "*", "a / b": "/", "a // b": "//", "a % b": "%", "a ** b": "**",
    "a == b": "==", "a < b": "<", "torch.maximum(a, b)": "maximum", "torch.where(c, a, b)": "where", "torch.add(a, b)": "add",
    "torch.cat([a.reshape(-1), b.reshape(-1)])": "cat", "torch.result_type(a, b)": "result_type",
    "torch.add(a, b, alpha=2)": "alpha", "torch.div(a, b, rounding_mode='floor')": "floor", "inplace_add(a, b)": "+=",
    "inplace_div(a, b)": "/=", "inplace_pow(a, b)": "**=", "a.clone().copy_(b)": "copy",
}  # fmt: skip
KINDS = [f"{dtype}{rank}" for rank in ("[1]", "[]") for dtype in DTYPES] + ["True", "3", "2.5"]


def operand(torch: Any, kind: str) -> Any:
    if "[" not in kind:
        return eval(kind)
    dtype, rank = kind[:-1].split("[")
    return torch.ones((1,) if rank else (), dtype=getattr(torch, dtype))


def inplace_add(a: Any, b: Any) -> Any:
    a += b
    return a


def inplace_div(a: Any, b: Any) -> Any:
    a /= b
    return a


def inplace_pow(a: Any, b: Any) -> Any:
    a **= b
    return a


def combinations(expression: str) -> list[tuple[str, str]]:
    pairs = [p for p in itertools.product(KINDS, KINDS) if "[" in p[0] or "[" in p[1]]
    if "inplace" in expression or "copy_" in expression:
        return [p for p in pairs if "[" in p[0]]
    if "cat" in expression:
        return [p for p in pairs if "[" in p[0] and "[" in p[1]]
    if "maximum" in expression:
        return [p for p in pairs if "[" in p[0] and "[" in p[1]]
    if "add(" in expression or "div(" in expression:
        return [p for p in pairs if "[" in p[0]]
    return pairs


def result(torch: Any, expression: str, first: str, second: str) -> str:
    """The dtype, or the exception."""
    space = {
        "torch": torch,
        "inplace_add": inplace_add,
        "inplace_div": inplace_div,
        "inplace_pow": inplace_pow,
    }
    names = {"a": operand(torch, first), "b": operand(torch, second), "c": torch.tensor([True])}
    try:
        return dtype_name(eval(expression, space, names))
    except Exception as error:
        return f"{type(error).__name__}: {first_sentence(str(error))}"
