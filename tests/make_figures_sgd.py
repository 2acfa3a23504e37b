"""Writes data/sgd.json, the bits of SGD after many steps, with PyTorch; the tests share everything but main.

Gradients come from a linear congruential generator, so no random numbers of the library under test enter.
"""

from __future__ import annotations

import json
import pathlib
import struct
import zlib
from typing import Any

STEPS = 1000
CHECKPOINTS = (1, 2, 10, 100)
SIZES = (1, 3, 8, 33)
DTYPES = ("float32", "float64")
LR = 0.013
DATA = pathlib.Path(__file__).parent / "data" / "sgd.json"


def combinations() -> list[dict[str, Any]]:
    """Every combination of options that SGD accepts."""
    return [
        {
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        for momentum in (0, 0.9)
        for dampening in (0, 0.3)
        for weight_decay in (0, 0.05)
        for nesterov in (False, True)
        for maximize in (False, True)
        if not nesterov or (momentum and not dampening)
    ]


def label(options: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in options.items())


class Numbers:
    """Numbers in [-1, 1) that the dtype represents exactly."""

    def __init__(self, dtype: str) -> None:
        self.bits = 24 if dtype == "float32" else 53
        self.seed = 12345

    def take(self, n: int) -> list[float]:
        values = []
        for _ in range(n):
            self.seed = (6364136223846793005 * self.seed + 1442695040888963407) % 2**64
            values.append((self.seed >> (64 - self.bits)) / 2.0 ** (self.bits - 1) - 1.0)
        return values


def make_inputs(torch: Any, dtype: str) -> tuple[list[list[float]], list[list[Any]]]:
    """Start values for each size, and for each step the gradients for each size."""
    numbers = Numbers(dtype)
    start = [numbers.take(n) for n in SIZES]
    gradients = [
        [torch.tensor(numbers.take(n), dtype=getattr(torch, dtype)) for n in SIZES] for _ in range(STEPS)
    ]
    return start, gradients


def bits(tensors: list[Any], dtype: str) -> str:
    """The elements as little-endian hexadecimal bytes."""
    values = [x for t in tensors for x in t.tolist()]
    return struct.pack(f"<{len(values)}{'f' if dtype == 'float32' else 'd'}", *values).hex()


def train(torch: Any, dtype: str, options: dict[str, Any], inputs: Any, **more: Any) -> dict[str, Any]:
    """Runs all steps; the result is what data/sgd.json stores for this combination."""
    start, gradients = inputs
    params = [torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True) for values in start]
    optimizer = torch.optim.SGD(params, lr=LR, **options, **more)

    def snapshot() -> list[str]:
        buffers = [optimizer.state[p]["momentum_buffer"] for p in params] if options["momentum"] else []
        return [bits(params, dtype), bits(buffers, dtype)]

    checksums = []
    for step, grads in enumerate(gradients, 1):
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        optimizer.step()
        if step in CHECKPOINTS:
            checksums.append(zlib.crc32("".join(snapshot()).encode()))
    return {"checksums": checksums, "final": snapshot()}


def main() -> None:
    import torch

    figures = {
        dtype: {label(o): train(torch, dtype, o, inputs) for o in combinations()}
        for dtype in DTYPES
        for inputs in [make_inputs(torch, dtype)]
    }
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(figures, indent=0) + "\n")


if __name__ == "__main__":
    main()
