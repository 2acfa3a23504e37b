"""Seeded draws: each case is a seed and expressions drawn one after the other from the global generator."""

from __future__ import annotations

from typing import Any

CASES: list[list[Any]] = [
    # The cached second normal survives other draws, and large draws neither use nor clear it.
    [7, "torch.randn(1)", "torch.rand(2)", "torch.randn(1)", "torch.randn(2)"],
    [7, "torch.randn(3)", "torch.randn(16)", "torch.randn(1)"],
    [7, "torch.randn(5)", "torch.randn(17,dtype=torch.float64)", "torch.randn(1,dtype=torch.float64)"],
    [7, "torch.randn(1,dtype=torch.float64)", "torch.randn(1)", "torch.randn(3)"],
    [
        3,
        "torch.randn(2,3)",
        "torch.randn(())",
        "torch.randn(4,4)",
        "torch.rand(0)",
        "torch.randn(0)",
        "torch.rand(2,2)",
    ],
    [3, "torch.randn(33)", "torch.randn(48)", "torch.randn(1000)[-20:]"],
    [3, "torch.rand((3,2))", "torch.rand([2])", "torch.rand(torch.Size([2]))", "torch.rand(size=(2,))"],
    [
        11,
        "torch.rand_like(torch.zeros(3))",
        "torch.rand_like(torch.zeros(3,dtype=torch.int64),dtype=torch.float64)",
    ],
    [
        11,
        "torch.randn_like(torch.zeros(2,9))",
        "torch.randn_like(torch.zeros(3))",
        "torch.randn_like(torch.zeros(20,dtype=torch.float64))",
    ],
    [
        11,
        "torch.randn_like(torch.zeros(4,5).T)",
        "torch.rand_like(torch.zeros(4,5).T)",
        "torch.randn_like(torch.zeros(3,2).T)",
    ],
    [2147483647, "torch.randn(4)", "torch.rand(3)"],
    [2**63 - 1, "torch.rand(3)"],
    [2**63, "torch.rand(3)"],
    [2**64 - 1, "torch.rand(3)"],
    [-1, "torch.rand(3)"],
    [-(2**63), "torch.rand(3)"],
    [2**32 + 5, "torch.rand(3)"],
    [5, "torch.rand(3)"],
    [True, "torch.rand(2)"],
    [1, "torch.rand(700)[-4:]", "torch.rand(700,dtype=torch.float64)[-4:]"],
    [1, "torch.randn(2,8,requires_grad=True)"],
    [1, "torch.rand(3,out=torch.empty(0))", "torch.randn(3,out=torch.empty(3))"],
]


def run(torch: Any, case: list[Any]) -> list[Any]:
    seed, *expressions = case
    torch.manual_seed(seed)
    return [eval(expression, {"torch": torch}) for expression in expressions]
