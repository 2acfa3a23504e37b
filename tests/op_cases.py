"""The table of operations that are compared with torch's stored results.

A case is a group, an expression, and the specifications of its inputs. An input is (dtype, shape, values, layout):
values is a range "lo:hi", "int", or a list of numbers; layout tells how the same elements lie in memory.
Nothing here depends on a library's random numbers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from lib import DTYPES, FLOATS

INF, NAN = float("inf"), float("nan")
SPECIAL = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-40, 3e38, -3e38, 1e-7, 88.7, -90.0, 2.5, -2.5]
SPECIAL_PAIR = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 2.5, -2.5, 3.0, -7.0, 1e-40, 3e38]
SPECIAL_INT = [0, 1, -1, 2, -2, 3, -7, 7, 100, -(2**31) + 1, 2**31 - 1]

Spec = tuple[str, tuple[int, ...], Any, str]
EXACT = "exact"


@dataclass(frozen=True)
class Case:
    group: str
    expression: str
    inputs: dict[str, Spec] = field(default_factory=dict)
    forward: Any = EXACT
    backward: Any = EXACT
    order: int = 1  # how many derivatives are stored

    @property
    def key(self) -> str:
        return self.expression + "".join(f" {n}={','.join(map(str, s))}" for n, s in self.inputs.items())


def spec(dtype: str, shape: tuple[int, ...] = (2, 3), values: Any = "-3:3", layout: str = "c") -> Spec:
    return (dtype, shape, values, layout)


def numbers(dtype: str, count: int, values: Any, seed: str) -> list[Any]:
    if isinstance(values, list):
        found: list[Any] = [values[i % len(values)] for i in range(count)]
    else:
        low, high = (float(v) for v in values.split(":"))
        source = random.Random(seed)
        # Multiples of 1/1024: exact in every floating type.
        found = [round((low + (high - low) * source.random()) * 1024) / 1024 for _ in range(count)]
        found = [v if v != 0 or low <= 0 else low for v in found]
    if dtype == "bool":
        return [bool(v > 0) for v in found]
    if dtype.startswith("int"):
        return [int(v) if v == v and abs(v) != INF else 0 for v in found]
    return [float(v) for v in found]


def make(torch: Any, case: Case, name: str) -> Any:
    """The input as the specification says; the layouts hold the same elements."""
    dtype, shape, values, layout = case.inputs[name]
    count = 1
    for size in shape:
        count *= size
    dtype_object = getattr(torch, dtype)
    flat_values = numbers(dtype, count, values, f"{case.expression}{name}{shape}{layout}")
    if layout == "c":
        return torch.tensor(flat_values, dtype=dtype_object).reshape(shape)
    if layout == "t":  # the last two dimensions lie transposed
        return (
            torch.tensor(flat_values, dtype=dtype_object)
            .reshape(*shape[:-2], shape[-1], shape[-2])
            .transpose(-1, -2)
        )
    if layout == "s":  # every second element of twice as many
        wide = [v for v in flat_values for _ in (0, 1)]
        return torch.tensor(wide, dtype=dtype_object).reshape(*shape[:-1], 2 * shape[-1])[..., ::2]
    if layout == "o":  # not at the beginning of its memory
        return torch.tensor(flat_values[:1] * 3 + flat_values, dtype=dtype_object)[3:].reshape(shape)
    assert layout == "e"  # one row for all rows
    row = torch.tensor(flat_values[: shape[-1]], dtype=dtype_object)
    return row.expand(shape)


def weights(tensor: Any, torch: Any, shift: int = 0) -> Any:
    """Exact numbers, different for each element, to weigh an output's elements with."""
    count = tensor.numel()
    values = [((37 * (k + shift) + 11) % 17 - 8) / 4 + 0.125 for k in range(count)]
    return torch.tensor(values, dtype=tensor.dtype).reshape(tensor.shape)


def ulp(n: int) -> tuple[str, int]:
    return ("ulp", n)


def close(n: int) -> tuple[str, int]:
    return ("close", n)


#         name         forward  backward  domain
UNARY: dict[str, tuple[Any, Any, str]] = {
    "exp": (ulp(2), close(4), "-3:3"),
    "log": (ulp(2), close(4), "0.01:4"),
    "sin": (ulp(2), close(4), "-4:4"),
    "cos": (ulp(2), close(4), "-4:4"),
    "tan": (ulp(2), close(16), "-1:1"),
    "tanh": (ulp(3), close(8), "-3:3"),
    "sigmoid": (ulp(3), close(8), "-4:4"),
    "exp2": (ulp(2), close(4), "-3:3"),
    "expm1": (ulp(2), close(4), "-3:3"),
    "log2": (ulp(2), close(4), "0.01:4"),
    "log10": (ulp(2), close(4), "0.01:4"),
    "log1p": (ulp(2), close(4), "-0.9:4"),
    "asin": (ulp(2), close(16), "-0.9:0.9"),
    "acos": (ulp(2), close(16), "-0.9:0.9"),
    "atan": (ulp(2), close(4), "-4:4"),
    "sinh": (ulp(2), close(4), "-3:3"),
    "cosh": (ulp(2), close(4), "-3:3"),
    "erf": (ulp(2), close(8), "-3:3"),
    "rsqrt": (ulp(2), close(8), "0.01:4"),
    "relu": (EXACT, EXACT, "-3:3"),
    # Ours is correctly rounded (test_ops_numeric); that of torch depends on the CPU and is not always.
    "sqrt": (ulp(1), close(2), "0.01:4"),
    "abs": (EXACT, EXACT, "-3:3"),
    "neg": (EXACT, EXACT, "-3:3"),
    "reciprocal": (EXACT, EXACT, "0.2:4"),
    "square": (EXACT, EXACT, "-3:3"),
}


def unary_cases() -> list[Case]:
    out: list[Case] = []
    for name, (forward, backward, domain) in UNARY.items():
        group = f"unary {name}"
        for dtype in DTYPES:
            for shape, layout in [((), "c"), ((1,), "c"), ((5,), "c"), ((0,), "c"), ((2, 0, 3), "c")]:
                out.append(
                    Case(
                        group,
                        f"torch.{name}(a)",
                        {"a": spec(dtype, shape, domain, layout)},
                        forward,
                        backward,
                        2,
                    )
                )
            for shape, layout in [((3, 4), "t"), ((7,), "s"), ((5,), "o"), ((2, 3, 5), "t"), ((3, 5), "e")]:
                out.append(
                    Case(
                        group,
                        f"torch.{name}(a)",
                        {"a": spec(dtype, shape, domain, layout)},
                        forward,
                        backward,
                    )
                )
            values: list[Any] = SPECIAL if dtype in FLOATS else SPECIAL_INT
            out.append(
                Case(group, f"torch.{name}(a)", {"a": spec(dtype, (len(values),), values)}, forward, backward)
            )
            forms = [f"a.{name}()", f"a.clone().{name}_()", f"torch.{name}_(a.clone())"]
            if name != "relu":
                forms.append(f"torch.{name}(a, out=torch.empty(0))")
                forms.append(f"torch.{name}(a, out=torch.zeros(a.shape, dtype=torch.float64))")
            for form in forms:
                # A float64 `out` of another dtype holds a float32 result.
                rule = (
                    (*forward, "float32")
                    if "float64" in form and dtype != "float64" and forward != EXACT
                    else forward
                )
                out.append(Case(group, form, {"a": spec(dtype, (2, 3), domain)}, rule, backward))
        for dtype in FLOATS:
            out.append(
                Case(group, f"torch.{name}(a)", {"a": spec(dtype, (37,), domain)}, forward, backward, 2)
            )
            out.append(Case(group, f"torch.{name}(a)", {"a": spec(dtype, (259,), domain)}, forward, backward))
    for dtype in DTYPES:
        for form in ("-a", "abs(a)", "+a"):
            out.append(Case("unary operators", form, {"a": spec(dtype, (5,))}, order=2))
    return out


ARITHMETIC = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "floor_divide": "//",
    "remainder": "%",
    "pow": "**",
}
COMPARISON = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_SHAPES: list[tuple[tuple[int, ...], str, tuple[int, ...], str]] = [
    ((5,), "c", (5,), "c"),
    ((), "c", (), "c"),
    ((1,), "c", (1,), "c"),
    ((2, 3), "c", (3,), "c"),
    ((3,), "c", (2, 3), "c"),
    ((2, 1), "c", (1, 3), "c"),
    ((), "c", (4,), "c"),
    ((4,), "c", (), "c"),
    ((0,), "c", (1,), "c"),
    ((2, 0), "c", (1, 1), "c"),
    ((3, 4), "t", (3, 4), "c"),
    ((4, 3), "c", (4, 3), "t"),
    ((7,), "s", (7,), "o"),
    ((3, 5), "e", (3, 5), "c"),
    ((37,), "c", (37,), "c"),
    ((2, 3, 4), "c", (3, 1), "c"),
]


def domains(name: str, dtype: str) -> tuple[str, str]:
    if name == "pow":
        return ("0.1:3", "-2:2") if dtype in FLOATS else ("-4:4", "0:6")
    if name in ("div", "floor_divide", "remainder"):
        return ("-9:9", "0.3:4" if dtype in FLOATS else "1:5")
    return ("-3:3", "-3:3")


def binary_cases() -> list[Case]:
    out: list[Case] = []
    for name, sign in {**ARITHMETIC, **COMPARISON, "maximum": "", "minimum": ""}.items():
        group = f"binary {name}"
        # The larger of 0 and -0 is either of them in torch, by place in the vector.
        forward: Any = ulp(2) if name == "pow" else close(0) if name in ("maximum", "minimum") else EXACT
        backward: Any = close(8) if name == "pow" else EXACT
        for dtype in DTYPES:
            da, db = domains(name, dtype)
            for sa, la, sb, lb in _SHAPES:
                expression = f"a {sign} b" if sign else f"torch.{name}(a, b)"
                inputs = {"a": spec(dtype, sa, da, la), "b": spec(dtype, sb, db, lb)}
                order = 2 if name in ("mul", "div", "pow", "add") and sa in ((5,), (2, 1)) else 1
                out.append(
                    Case(group, expression, inputs, forward, backward if sa == sb else close(8), order)
                )
            values: list[Any] = SPECIAL_PAIR if dtype in FLOATS else SPECIAL_INT
            others = values
            if dtype not in FLOATS and name in ("floor_divide", "remainder"):
                others = [v for v in values if v not in (0, -1)]
            if dtype not in FLOATS and name == "pow":
                others = [0, 1, 2, 3, 7, 31]
            inputs = {"a": spec(dtype, (len(values), 1), values), "b": spec(dtype, (1, len(others)), others)}
            out.append(Case(group, f"torch.{name}(a, b)", inputs, forward, None))
            forms = [
                f"torch.{name}(a, b)",
                f"a.{name}(b)",
                f"a.clone().{name}_(b)",
                f"torch.{name}(a, b, out=torch.empty(0))",
            ]
            forms += [
                f"torch.{name}(a, b, out=torch.zeros(2, 3, dtype=torch.float64))",
                f"torch.{name}(input=a, other=b)",
            ]
            if name in ARITHMETIC:
                forms.append(f"inplace('{sign}', a, b)")
            if name in ("maximum", "minimum"):
                forms.remove(f"a.clone().{name}_(b)")
                forms += [f"torch.{name[:3]}(a, b)", f"a.{name[:3]}(b)"]
            if name == "pow":
                forms[-2] = "torch.pow(a, exponent=b)"
            for form in forms:
                inputs = {"a": spec(dtype, (2, 3), da), "b": spec(dtype, (2, 3), db)}
                out.append(Case(group, form, inputs, forward, backward))
            inputs = {"a": spec(dtype, (2, 3), da), "b": spec(dtype, (3,), db)}
            if name not in ("maximum", "minimum"):
                out.append(Case(group, f"a.clone().{name}_(b)", inputs, forward, close(8)))
            if name in ("maximum", "minimum"):
                continue
            for scalar in ("2", "2.5", "-3", "True", "0.5", "1"):
                if dtype not in FLOATS and name == "pow" and scalar == "-3":
                    continue
                reversed_domain = "0.3:4" if dtype in FLOATS else "1:5"
                out.append(Case(group, f"a {sign} {scalar}", {"a": spec(dtype, (5,), da)}, forward, backward))
                exponents = reversed_domain if name != "pow" or dtype in FLOATS else "0:5"
                rule: Any = (
                    None if (name, scalar) == ("pow", "True") else backward
                )  # torch fails inside there
                out.append(
                    Case(group, f"{scalar} {sign} a", {"a": spec(dtype, (5,), exponents)}, forward, rule)
                )
                out.append(
                    Case(group, f"torch.{name}(a, {scalar})", {"a": spec(dtype, (), da)}, forward, backward)
                )
                if name in ARITHMETIC:
                    out.append(
                        Case(
                            group,
                            f"inplace('{sign}', a, {scalar})",
                            {"a": spec(dtype, (3,), da)},
                            forward,
                            backward,
                        )
                    )
    for dtype in FLOATS:
        for exponent in ("2", "3", "-1", "-2", "0.5", "1", "0", "2.0", "4", "-0.5", "1.5", "-3"):
            tolerance: Any = ulp(2) if exponent in ("4", "-0.5", "0.5", "1.5", "-3") else EXACT
            rule = close(8) if exponent in ("4", "-0.5", "0.5", "1.5", "-1", "-2", "-3") else EXACT
            for form in ("a ** {}", "torch.pow(a, {})", "a.clone().pow_({})"):
                inputs = {"a": spec(dtype, (5,), "0.1:3")}
                out.append(Case("pow scalar", form.format(exponent), inputs, tolerance, rule, 2))
            inputs = {"a": spec(dtype, (len(SPECIAL),), SPECIAL)}
            out.append(Case("pow scalar", f"a ** {exponent}", inputs, tolerance, rule))
            inputs = {"a": spec(dtype, (5,), "-3:3")}
            out.append(Case("pow scalar", f"a ** {exponent}", inputs, tolerance, rule))
        for base in ("2", "0.5", "0", "1", "-2", "10."):
            inputs = {"a": spec(dtype, (5,), "-2:2")}
            out.append(Case("pow scalar", f"{base} ** a", inputs, ulp(2), close(8), 2))
            out.append(
                Case(
                    "pow scalar",
                    f"{base} ** a",
                    {"a": spec(dtype, (4,), [0.0, 1.0, 2.0, -1.0])},
                    ulp(2),
                    close(8),
                )
            )
    for dtype in DTYPES:
        two = {"a": spec(dtype, (5,), "-9:9"), "b": spec(dtype, (5,), "1:4")}
        for form in (
            "torch.add(a, b, alpha=2)",
            "torch.sub(a, b, alpha=3)",
            "a.add(b, alpha=2)",
            "a.clone().add_(b, alpha=-2)",
        ):
            out.append(Case("binary options", form, two, order=2))
        for form in (
            "torch.add(a, 3, alpha=2)",
            "torch.div(a, 2)",
            "torch.true_divide(a, b)",
            "a.clone().sub_(b, alpha=2)",
        ):
            out.append(Case("binary options", form, two))
        for mode in ("'floor'", "'trunc'", "None"):
            out.append(Case("binary options", f"torch.div(a, b, rounding_mode={mode})", two))
            out.append(Case("binary options", f"a.div(2, rounding_mode={mode})", two))
        three = {"c": ("bool", (2, 3), "-1:1", "c"), "a": spec(dtype, (2, 3)), "b": spec(dtype, (3,))}
        out.append(Case("where", "torch.where(c, a, b)", three, EXACT, close(4)))
        out.append(Case("where", "a.where(c, b)", three, EXACT, close(4)))
        out.append(Case("where", "torch.where(c, a, 2)", three))
        out.append(Case("where", "torch.where(c, 2.5, a)", three))
        out.append(Case("where", "torch.where(a > 0, a.abs(), -b)", three, EXACT, close(4)))
        out.append(Case("where", "torch.where(c, torch.tensor(1), a)", three))
        out.append(Case("where", "torch.where(c, 1, 0)", three))
        out.append(Case("where", "torch.where(c, 1.5, 0)", three))
    nan = {"a": spec("float32", (4,), [1.0, NAN, -1.0, 4.0])}
    out.append(Case("where", "torch.where(a > 0, torch.log(a), a * 2)", nan, ulp(2), close(4)))
    out.append(Case("where", "torch.where(a > 0)", nan))
    out.append(Case("where", "torch.where(a)", {"a": spec("int64", (2, 3), [0, 1, 2, 0, 0, 3])}))
    return out


def reduction_cases() -> list[Case]:
    out: list[Case] = []
    arguments = [
        "",
        "0",
        "-1",
        "dim=0, keepdim=True",
        "1",
        "(0, 1)",
        "dim=(1,), keepdim=True",
        "dim=None",
        "dim=[]",
    ]
    arguments += [
        "0, True",
        "dtype=torch.float64",
        "0, dtype=torch.float32",
        "dim=None, keepdim=True",
        "dtype=torch.int64",
    ]
    shapes: list[tuple[tuple[int, ...], str]] = [
        ((2, 3), "c"),
        ((3, 4), "t"),
        ((2, 3, 4), "c"),
        ((), "c"),
        ((0,), "c"),
    ]
    shapes += [((2, 0), "c"), ((0, 2), "c"), ((1,), "c"), ((7,), "s"), ((4, 5), "e")]
    for name in ("sum", "mean"):
        group = f"reduction {name}"
        for dtype in DTYPES:
            for shape, layout in shapes:
                for argument in arguments:
                    if shape not in ((2, 3), (2, 0)) and argument not in (
                        "",
                        "0",
                        "-1",
                        "dim=0, keepdim=True",
                    ):
                        continue
                    inputs = {"a": spec(dtype, shape, "-3:3", layout)}
                    out.append(Case(group, f"a.{name}({argument})", inputs, close(4), close(4), 2))
            inputs = {"a": spec(dtype, (2, 3))}
            for form in (f"torch.{name}(a)", f"torch.{name}(a, 1)", f"torch.{name}(a, dim=0, keepdim=True)"):
                out.append(Case(group, form, inputs, close(4), close(4)))
            out.append(
                Case(
                    group,
                    f"torch.{name}(a, 0, out=torch.empty(0, dtype=(a.{name}(0)).dtype))",
                    inputs,
                    close(4),
                    close(4),
                )
            )
            out.append(Case(group, f"torch.{name}(input=a, axis=1)", inputs, close(4), close(4)))
        for dtype in FLOATS:
            out.append(Case(group, f"a.{name}()", {"a": spec(dtype, (4000,), "0:1")}, close(8), close(4)))
            out.append(Case(group, f"a.{name}(0)", {"a": spec(dtype, (100, 33), "-1:1")}, close(8), close(4)))
            out.append(Case(group, f"a.{name}(1)", {"a": spec(dtype, (33, 100), "-1:1")}, close(8), close(4)))
            out.append(Case(group, f"a.{name}()", {"a": spec(dtype, (4,), [INF, 1.0, 2.0, 3.0])}))
            out.append(Case(group, f"a.{name}()", {"a": spec(dtype, (4,), [INF, -INF, 2.0, 3.0])}))
            out.append(Case(group, f"a.{name}()", {"a": spec(dtype, (2,), [-0.0, -0.0])}, close(1)))
            out.append(Case(group, f"a.{name}()", {"a": spec(dtype, (4,), [1e8, 1.0, -1e8, 1.0])}, close(1)))
    for name in ("max", "min"):
        group = f"reduction {name}"
        for dtype in DTYPES:
            for shape, layout in shapes:
                for argument in ("", "0", "-1", "dim=0, keepdim=True", "1"):
                    out.append(
                        Case(
                            group, f"a.{name}({argument})", {"a": spec(dtype, shape, "-3:3", layout)}, order=2
                        )
                    )
            for form in (f"torch.{name}(a)", f"torch.{name}(a, 1)", f"torch.{name}(a, dim=0, keepdim=True)"):
                out.append(Case(group, form, {"a": spec(dtype, (2, 3))}))
            form = (
                f"torch.{name}(a, 0, out=(torch.empty(0, dtype=a.dtype), torch.empty(0, dtype=torch.int64)))"
            )
            out.append(Case(group, form, {"a": spec(dtype, (2, 3))}))
            ties = {"a": spec(dtype, (2, 4), [1.0, 3.0, 3.0, -2.0, -2.0, -2.0, 3.0, 3.0])}
            for argument in ("", "1", "0"):
                out.append(Case(group, f"a.{name}({argument})", ties, EXACT, close(1)))
        for dtype in FLOATS:
            for values in ([1.0, NAN, 2.0], [NAN, NAN, 1.0], [INF, 1.0, -INF], [0.0, -0.0], [-0.0, 0.0]):
                for argument in ("", "0"):
                    inputs = {"a": spec(dtype, (len(values),), values)}
                    out.append(Case(group, f"a.{name}({argument})", inputs, close(1), None))
            for argument in ("", "0", "1"):
                out.append(Case(group, f"a.{name}({argument})", {"a": spec(dtype, (33, 100), "-1:1")}))
        pair = {
            "a": spec("float32", (4,), [1.0, 2.0, 3.0, 3.0]),
            "b": spec("float32", (4,), [1.0, 3.0, 2.0, 3.0]),
        }
        out.append(Case(group, f"torch.{name}imum(a, b)", pair))  # a tie gives each side half
    return out


def matmul_cases() -> list[Case]:
    out: list[Case] = []
    pairs: list[tuple[tuple[int, ...], str, tuple[int, ...], str]] = [
        ((2, 3), "c", (3, 4), "c"), ((3, 2), "t", (2, 4), "t"), ((3,), "c", (3,), "c"), ((2, 3), "c", (3,), "c"),
        ((3,), "c", (3, 2), "c"), ((4, 2, 3), "c", (3, 2), "c"), ((4, 2, 3), "c", (4, 3, 2), "c"),
        ((2, 3), "c", (4, 3, 2), "c"), ((2, 1, 2, 3), "c", (4, 3, 2), "c"), ((3,), "c", (4, 3, 2), "c"),
        ((4, 2, 3), "c", (3,), "c"), ((0, 3), "c", (3, 2), "c"), ((2, 0), "c", (0, 3), "c"), ((0,), "c", (0,), "c"),
        ((1, 1), "c", (1, 1), "c"), ((5, 7), "e", (7, 3), "c"), ((17, 19), "c", (19, 23), "c"), ((3, 4), "t", (4,), "s"),
        ((2, 3), "c", (2, 3), "c"), ((2,), "c", (3,), "c"), ((), "c", (3,), "c"), ((2, 2, 3), "t", (2, 3, 2), "t"),
    ]  # fmt: skip
    for dtype in DTYPES:
        for sa, la, sb, lb in pairs:
            inputs = {"a": spec(dtype, sa, "-2:2", la), "b": spec(dtype, sb, "-2:2", lb)}
            out.append(
                Case(
                    "matmul", "a @ b", inputs, close(8), close(8), 2 if dtype in FLOATS and len(sa) < 3 else 1
                )
            )
        square = {
            "a": spec(dtype, (3, 3)),
            "b": spec(dtype, (3, 3)),
            "v": spec(dtype, (3,)),
            "w": spec(dtype, (3,)),
        }
        for form in (
            "torch.matmul(a, b)", "a.matmul(b)", "torch.mm(a, b)", "a.mm(b)", "torch.mv(a, v)", "a.mv(v)", "torch.dot(v, w)",
            "v.dot(w)", "a @ v", "v @ a", "torch.mm(a, b, out=torch.empty(3, 3, dtype=a.dtype))", "a.mm(a)", "v.dot(v)",
            "torch.matmul(a, b, out=torch.empty(0, dtype=a.dtype))", "torch.mv(a, v, out=torch.empty(3, dtype=a.dtype))",
            "torch.dot(v, w, out=torch.empty((), dtype=a.dtype))", "torch.mm(input=a, mat2=b)", "inplace('@', a, b)",
        ):  # fmt: skip
            used = {
                n: s
                for n, s in square.items()
                if f"({n}" in form or f"{n}." in form or f" {n}" in form or f"={n}" in form
            }
            used = {n: s for n, s in square.items() if n in used or form.startswith(n)}
            out.append(Case("matmul forms", form, used, close(8), close(8), 2 if dtype in FLOATS else 1))
    return out


def all_cases() -> list[Case]:
    from index_cases import index_cases  # these use the names above
    from shape_cases import composite_cases, creation_cases, shape_cases

    cases = unary_cases() + binary_cases() + reduction_cases() + matmul_cases() + shape_cases()
    cases += creation_cases() + composite_cases() + index_cases()
    seen: dict[str, Case] = {}
    for case in cases:
        seen.setdefault(case.key, case)
    return list(seen.values())


def inplace(sign: str, a: Any, b: Any) -> Any:
    """The statement `a sign= b` on a copy of a."""
    a = a.clone()
    space = {"a": a, "b": b}
    exec(f"a {sign}= b", space)
    if sign != "@":
        assert space["a"] is a, "an in-place operator made a new tensor"
    return space["a"]


def evaluate(torch: Any, case: Case, requires_grad: bool) -> tuple[list[Any], dict[str, Any]]:
    """The outputs and the inputs; outputs of several tensors as a list."""
    inputs = {name: make(torch, case, name) for name in case.inputs}
    if requires_grad:
        inputs = {n: t.requires_grad_() if t.dtype.is_floating_point else t for n, t in inputs.items()}
    value = eval(case.expression, {"torch": torch, "inplace": inplace, "written": written}, inputs)
    return (list(value) if isinstance(value, tuple) else [value]), inputs


def written(tensor: Any, key: Any, value: Any) -> Any:
    """A copy in which tensor[key] = value."""
    tensor = tensor.clone()
    tensor[key] = value
    return tensor
