"""The cases from a thousand elements to ten million: what has to hold beside torch on one thread and on more.

Inputs are made once, at module level (`prelude`); `setup` only makes them locals of the timed function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.cases import Case, Code, Target


@dataclass(frozen=True)
class LargeCase(Case):
    line: str = ""  # the line of the README's table, which shows the worst of its cases
    memory: bool = True  # whether peak memory is measured too
    traffic: int = 0  # bytes that have to be read and written at least
    flops: int = 0  # floating-point operations of the matrix products


# One number for a whole result, NaNs, infinities and tiny values included by their share alone.
_TOTAL = """
import math
def total(y):
    found = y.detach().flatten()[:20000].tolist()
    values = [v for v in found if 1e-37 < abs(v) < 1e37]
    share, positive = len(values) / len(found), sum(v > 0 for v in values) / len(found)
    return share + positive + sum(math.log2(abs(v)) for v in values) / max(len(values), 1)
torch.manual_seed(7)
"""


def code_of(statement: str, inputs: dict[str, str], result: str) -> Code:
    """`inputs` are expressions by name; `result` may use total() on a tensor."""
    made = "".join(f"_{name} = {expression}\n" for name, expression in inputs.items())
    bound = "".join(f"{name} = _{name}\n" for name in inputs)
    return Code(statement, bound, _TOTAL + made, result)


def _targets(least: float, aim: float) -> tuple[Target, ...]:
    return (Target("torch", least, aim),)


def _named(count: int) -> str:
    return f"1e{len(str(count)) - 1}"


Cap = Callable[[int], int]  # the size in place of the nominal one

COMPOSITE = "(torch.sin(x)*torch.exp(-x*x) + x**2).sum()"


def _composite(cap: Cap) -> Iterator[LargeCase]:
    wanted = ((10**3, 5, 12), (10**4, 1.5, 3), (10**6, 1.5, 3), (10**7, 3, 6))
    for count, least, aim in wanted:
        yield LargeCase(
            f"(sin(x)*exp(-x*x) + x**2).sum() and backward, {_named(count)}",
            code_of(
                f"x.grad = None\ny = {COMPOSITE}\ny.backward()",
                {"x": f"torch.randn({cap(count)}).requires_grad_()"},
                "total(x.grad) + y.item() / x.numel()",
            ),
            targets=_targets(least, aim),
            traffic=8 * count,
        )


def _basic(cap: Cap) -> Iterator[LargeCase]:
    """Operations whose cost is memory's at one end and the call's at the other."""
    fresh = [("x + x", "x + x", 8), ("exp(x)", "torch.exp(x)", 8)]
    for count in (10**7, 10**3, 10**4):
        cases = fresh if count == 10**7 else [*fresh, ("x.sum()", "x.sum()", 4)]
        for name, expression, size in cases:
            yield LargeCase(
                f"{name}, {_named(count)}",
                code_of(expression, {"x": f"torch.rand({cap(count)}) + 0.5"}, f"total({expression})"),
                targets=_targets(2, 3) if count == 10**7 else _targets(1.5, 4),
                traffic=size * count,
            )


FUNCTIONS = ("sin", "exp", "log", "log1p", "tanh", "sigmoid", "erf", "atan", "sqrt", "pow")
INPUTS = {
    "": "torch.rand({n})*4 + 0.01",
    ", negative too": "torch.randn({n})*3",
    ", denormal": "(torch.rand({n}) + 0.5)*1e-39",
    ", huge": "(torch.rand({n}) + 0.5)*1e30",
}


def _functions(cap: Cap) -> Iterator[LargeCase]:
    count = 10**5
    for function in FUNCTIONS:
        for variant, made in INPUTS.items():
            inputs = {"x": made.format(n=cap(count))}
            if function == "pow":
                inputs["y"] = f"torch.rand({cap(count)})*6 - 3"
            call = f"torch.{function}({', '.join(inputs)})"
            yield LargeCase(
                f"{function}, 1e5{variant}",
                code_of(call, inputs, f"total({call})"),
                targets=_targets(1, 1.5),
                line=f"{function}, 1e5, worst of {len(INPUTS)} kinds of input",
                memory=not variant,
                traffic=4 * count * (len(inputs) + 1),
            )


def _reductions(cap: Cap) -> Iterator[LargeCase]:
    shape = (256, 256, 64)
    made = f"torch.randn({', '.join(str(cap(size)) for size in shape)})"
    elements = shape[0] * shape[1] * shape[2]
    for name in ("sum", "mean", "max"):
        for dim, place in ((2, "last"), (0, "first"), (1, "middle")):
            call = f"x.{name}({dim})"
            yield LargeCase(
                f"{name} over the {place} dimension of 256x256x64",
                code_of(call, {"x": made}, f"total({call}{'[0]' if name == 'max' else ''})"),
                targets=_targets(1, 1.5),
                line=f"{name} over a dimension of 256x256x64, worst of 3",
                traffic=4 * elements + (12 if name == "max" else 4) * elements // shape[dim],
            )


def _products(cap: Cap) -> Iterator[LargeCase]:
    wanted = (
        ("8x8", 8, 8, 8, 4, 6),
        ("64x64", 64, 64, 64, 1, 1.2),
        ("256x256", 256, 256, 256, 0.9, 1),
        ("1024x1024", 1024, 1024, 1024, 0.9, 1),
        ("64x784 and 784x128", 64, 784, 128, 1, 1.2),
    )
    for name, m, k, n, least, aim in wanted:
        yield LargeCase(
            f"a @ b, {name}",
            code_of(
                "a @ b",
                {"a": f"torch.randn({cap(m)}, {cap(k)})", "b": f"torch.randn({cap(k)}, {cap(n)})"},
                "total(a @ b)",
            ),
            targets=_targets(least, aim),
            flops=2 * m * k * n,
        )


def _network(cap: Cap, batch: int, widths: tuple[int, ...], activation: str) -> tuple[Code, int]:
    """A whole training step: forward, mean squared error, backward, SGD, item."""
    sizes = [cap(width) for width in widths]
    rows = cap(batch)
    inputs = {"x": f"torch.randn({rows}, {sizes[0]})", "t": f"torch.randn({rows}, {sizes[-1]})"}
    lines, last, flops = [], "x", 0
    layers = range(1, len(sizes))
    for i in layers:
        inputs[f"w{i}"] = f"(torch.randn({sizes[i - 1]}, {sizes[i]})*{sizes[i - 1] ** -0.5}).requires_grad_()"
        inputs[f"b{i}"] = f"torch.zeros({sizes[i]}, requires_grad=True)"
        product = f"{last} @ w{i} + b{i}"
        lines.append(f"h{i} = {product if i == layers[-1] else f'{activation}({product})'}")
        last = f"h{i}"
        # The gradient of the first layer's input is not wanted.
        flops += (4 if i == 1 else 6) * batch * widths[i - 1] * widths[i]
    parameters = ", ".join(f"_w{i}, _b{i}" for i in layers)
    inputs["optimizer"] = (
        f"optim.SGD([{parameters}], lr=1e-6)"  # so small that the numbers stay what they are
    )
    lines += [
        f"loss = (({last} - t)**2).mean()",
        "optimizer.zero_grad()",
        "loss.backward()",
        "optimizer.step()",
        "value = loss.item()",
    ]
    return code_of("\n".join(lines), inputs, "value + total(w1.grad)"), flops


def _networks(cap: Cap) -> Iterator[LargeCase]:
    wanted: tuple[tuple[int, tuple[int, ...], str, float, float], ...] = (
        (1, (2, 8, 2), "torch.tanh", 12, 30),
        (32, (2, 16, 16, 2), "torch.tanh", 8, 17),
        (64, (784, 128, 10), "torch.relu", 1.3, 2),
        (128, (784, 512, 512, 10), "torch.relu", 1, 1.1),
    )
    for batch, widths, activation, least, aim in wanted:
        code, flops = _network(cap, batch, widths, activation)
        yield LargeCase(
            f"training step, {'-'.join(map(str, widths))}, batch {batch}",
            code,
            targets=_targets(least, aim),
            flops=flops,
        )


def large_cases(most: int | None = None) -> tuple[LargeCase, ...]:
    """All of them; `most` caps every dimension, for a run that only has to show that they work."""

    def cap(size: int) -> int:
        return size if most is None else min(size, most)

    families = (_composite, _basic, _functions, _reductions, _products, _networks)
    return tuple(case for family in families for case in family(cap))
