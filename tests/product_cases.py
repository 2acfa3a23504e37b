"""Products that are added to something: the cases that are compared with torch's stored results."""

from __future__ import annotations

from lib import DTYPES, FLOATS
from op_cases import Case, Spec, close, spec

Shape = tuple[int, ...]

FACTORS = (
    "",
    ", alpha=2",
    ", beta=3",
    ", beta=0.5, alpha=-1.5",
    ", beta=0",
    ", alpha=0",
    ", beta=0, alpha=0",
)


def case(group: str, expression: str, inputs: dict[str, Spec]) -> Case:
    order = 2 if all(s[0] in FLOATS for s in inputs.values()) else 1
    return Case(group, expression, inputs, close(8), close(8), order)


def product_cases() -> list[Case]:
    out: list[Case] = []
    matrices: list[tuple[Shape, str, Shape, str, Shape, str]] = [
        ((2, 4), "c", (2, 3), "c", (3, 4), "c"), ((4,), "c", (2, 3), "c", (3, 4), "c"), ((), "c", (2, 3), "c", (3, 4), "c"),
        ((2, 1), "c", (2, 3), "t", (3, 4), "t"), ((1, 4), "c", (2, 3), "c", (3, 4), "t"), ((1,), "c", (1, 3), "c", (3, 1), "c"),
        ((5, 7), "t", (5, 9), "t", (9, 7), "c"), ((7,), "s", (5, 9), "s", (9, 7), "c"), ((5, 7), "s", (5, 9), "c", (9, 7), "t"),
        ((19,), "c", (17, 40), "c", (40, 19), "t"), ((3,), "c", (1, 20), "c", (20, 3), "c"), ((5, 1), "t", (5, 20), "c", (20, 1), "c"),
        ((4,), "c", (2, 0), "c", (0, 4), "c"), ((4,), "c", (0, 3), "c", (3, 4), "c"), ((2, 0), "c", (2, 3), "c", (3, 0), "c"),
        ((3,), "c", (2, 3), "c", (3, 4), "c"), ((3, 4), "c", (2, 3), "c", (3, 4), "c"), ((1, 2, 4), "c", (2, 3), "c", (3, 4), "c"),
        ((2, 4), "c", (2, 3), "c", (2, 3), "c"), ((4,), "c", (3,), "c", (3, 4), "c"), ((4,), "c", (2, 3), "c", (3,), "c"),
    ]  # fmt: skip
    # torch scales the input by other means where there is nothing to multiply, and then refuses some dtypes.
    for dtype in DTYPES:
        for sx, lx, sa, la, sb, lb in matrices:
            inputs = {"x": spec(dtype, sx, "-2:2", lx), "a": spec(dtype, sa, "-2:2", la), "b": spec(dtype, sb, "-2:2", lb)}  # fmt: skip
            if 0 in sa[-1:] and dtype not in FLOATS:
                continue
            for factors in FACTORS if sx == (4,) and sa == (2, 3) and sb == (3, 4) else FACTORS[:4]:
                out.append(case("addmm", f"torch.addmm(x, a, b{factors})", inputs))
            out.append(case("addmm", "x.clone().addmm_(a, b)", inputs))
    three = {"x": spec("float32", (3, 3)), "a": spec("float32", (3, 3)), "b": spec("float32", (3, 3))}
    for form in (
        "x.addmm(a, b)", "x.addmm(a, b, beta=2, alpha=3)", "x.clone().addmm_(a, b, beta=2, alpha=3)", "torch.addmm(input=x, mat1=a, mat2=b)",
        "torch.addmm(x, a, b, out=torch.empty(3, 3))", "torch.addmm(x, a, b, out=torch.empty(0))", "torch.addmm(x, x, x)", "torch.addmm(x, x.t(), x)",
        "torch.addmm(x[0], a, b.t())", "torch.addmm(x, a, b, alpha=True)", "torch.addmm(x, a, b, alpha=torch.tensor(2.0))",
        "torch.addmm(x, a, b, out=torch.empty(3, 3, dtype=torch.float64))", "torch.addmm(x, a, b, beta='x')", "torch.addmm(x, a)",
        "torch.addmm(x, a, 2)", "x.clone().t().addmm_(a, b)", "torch.addmm(x, a, b, alpha=1e39)",
    ):  # fmt: skip
        out.append(case("addmm forms", form, {n: s for n, s in three.items() if n in form.replace("x=", "")}))
    for mixed in (("float64", "float32", "float32"), ("float32", "float64", "float32"), ("float32", "float32", "float64"), ("float32", "float64", "float64"), ("int64", "float32", "float32")):  # fmt: skip
        inputs = {n: spec(d, (3, 3)) for n, d in zip("xab", mixed, strict=True)}
        out.append(case("addmm types", "torch.addmm(x, a, b)", inputs))
        out.append(case("addmm types", "x.clone().addmm_(a, b)", inputs))
        out.append(case("addmv types", "torch.addmv(x[0], a, b[0])", inputs))
        out.append(case("baddbmm types", "torch.baddbmm(x, a[None], b[None])", inputs))

    vectors: list[tuple[Shape, Shape, str, Shape, str]] = [
        ((2,), (2, 3), "c", (3,), "c"), ((), (2, 3), "t", (3,), "c"), ((1,), (2, 3), "c", (3,), "s"), ((5,), (5, 40), "c", (40,), "c"),
        ((5,), (5, 40), "t", (40,), "s"), ((2,), (2, 0), "c", (0,), "c"), ((0,), (0, 3), "c", (3,), "c"), ((3,), (2, 3), "c", (3,), "c"),
        ((2,), (2, 3), "c", (2,), "c"), ((2, 2), (2, 3), "c", (3,), "c"), ((2,), (3,), "c", (3,), "c"), ((2,), (2, 3), "c", (2, 3), "c"),
    ]  # fmt: skip
    for dtype in DTYPES:
        for sx, sa, la, sb, lb in vectors:
            inputs = {"x": spec(dtype, sx, "-2:2"), "a": spec(dtype, sa, "-2:2", la), "b": spec(dtype, sb, "-2:2", lb)}  # fmt: skip
            if 0 in sa[-1:] and dtype not in FLOATS:
                continue
            for factors in FACTORS if sx == (2,) else FACTORS[:4]:
                out.append(case("addmv", f"torch.addmv(x, a, b{factors})", inputs))
            out.append(case("addmv", "x.clone().addmv_(a, b, alpha=2)", inputs))

    batches: list[tuple[Shape, Shape, str, Shape, str]] = [
        ((5, 2, 4), (5, 2, 3), "c", (5, 3, 4), "c"), ((4,), (5, 2, 3), "t", (5, 3, 4), "c"), ((), (5, 2, 3), "c", (5, 3, 4), "t"),
        ((5, 1, 1), (5, 2, 3), "c", (5, 3, 4), "c"), ((2, 4), (5, 2, 3), "s", (5, 3, 4), "c"), ((4,), (5, 2, 0), "c", (5, 0, 4), "c"),
        ((4,), (0, 2, 3), "c", (0, 3, 4), "c"), ((3,), (5, 2, 3), "c", (5, 3, 4), "c"), ((5, 2, 4), (2, 3), "c", (3, 4), "c"),
        ((5, 2, 4), (5, 2, 3), "c", (5, 2, 4), "c"), ((5, 2, 4), (5, 2, 3), "c", (4, 3, 4), "c"), ((1, 5, 2, 4), (5, 2, 3), "c", (5, 3, 4), "c"),
    ]  # fmt: skip
    for dtype in DTYPES:
        for sx, sa, la, sb, lb in batches:
            inputs = {"x": spec(dtype, sx, "-2:2"), "a": spec(dtype, sa, "-2:2", la), "b": spec(dtype, sb, "-2:2", lb)}  # fmt: skip
            if 0 in sa[-1:] and dtype not in FLOATS:
                continue
            for factors in FACTORS[:5] if len(sx) == 3 else FACTORS[:4]:
                out.append(case("baddbmm", f"torch.baddbmm(x, a, b{factors})", inputs))
            out.append(case("baddbmm", "x.clone().baddbmm_(a, b, beta=2)", inputs))
    seen: dict[str, Case] = {}
    for c in out:
        seen.setdefault(c.key, c)
    return list(seen.values())
