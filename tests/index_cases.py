"""Indexing, reading and writing, as cases for the table of op_cases.py."""

from __future__ import annotations

from lib import DTYPES, FLOATS
from op_cases import Case, close, spec

# The keys are for a tensor of shape (3, 4); t is torch.tensor.
KEYS = (
    """
0|-1|1, 2|-1, -4|slice(None)|slice(1, None)|slice(None, -1)|slice(0, 3, 2)|slice(None, None, 3)|slice(5, 9)|slice(-2, None)|slice(2, 1)|slice(-9, 9)|(slice(None), 1)|(slice(None), slice(1, 3))|(slice(1, 2), slice(None, None, 2))
...|(..., 0)|(0, ...)|(..., slice(1, 3))|(0, ..., 1)|(..., ...) if 0 else ...|None|(None, 0)|(slice(None), None)|(..., None)|(None, slice(1, None), None, 2)|()|(None, None)
[0, 2]|[0, -1, 0]|[1]|[]|([0, 2], [1, 3])|([0, 2], 1)|(1, [0, 3])|(slice(None), [0, 3])|([0, 1], slice(1, 3))|(..., [1, 1])|([[0, 1], [2, 0]],)|([0, 1, 2], [0])|([[0], [2]], [[1, 3]])|(None, [0, 2])|([0, 2], None)|([0, 1], None, [1, 2])|([1, 2], slice(None), None)
torch.tensor([0, 2])|torch.tensor([-1, 0, 1, 1])|torch.tensor(1)|torch.tensor([[0, 1], [2, 2]])|(torch.tensor([0, 1]), torch.tensor([1, 2]))|(slice(None), torch.tensor([3, 0]))|(torch.tensor(0), torch.tensor(2))|(torch.tensor([2, 0], dtype=torch.int32),)|(0, torch.tensor([1, 1]))|torch.tensor([], dtype=torch.int64)|(torch.tensor(1), slice(1, 3))|(torch.tensor([0, 1]), ...)
torch.tensor([True, False, True])|torch.tensor([[True, False, True, False]] * 3)|[True, False, True]|(slice(None), torch.tensor([True, False, False, True]))|(torch.tensor([True, True, False]), 1)|(torch.tensor([True, False, True]), torch.tensor([1, 2]))|torch.tensor([False, False, False])|torch.tensor(True)|torch.tensor(False)|True|False|(0, torch.tensor([True, False, True, True]))|(torch.tensor([True, False, True]), [True, False, True, False])|(torch.tensor([True, False, True]), None)
range(2)|(range(0, 3, 2), 1)|(slice(None), range(2))|(0, slice(None), None)|([0, 1], ..., [0, 1])|(slice(None, None, 2), [1, 2])|([2], [3])|(torch.tensor([1]), 0)
""".strip()
    .replace("\n", "|")
    .split("|")
)

# Keys for a tensor of shape (2, 3, 4): where the indexed dimension goes.
DEEP_KEYS = """
([0, 1], slice(None), [1, 2])|(slice(None), [0, 1], [1, 2])|(0, slice(None), [1, 2])|([0, 1], 1)|(..., [0, 2])|(slice(None), [[0, 1], [1, 2]])|(slice(None), 0, [1, 2])|(1, 2)|(..., 1, slice(None, None, 2))|([0], None, slice(None), [1])|(slice(None), torch.tensor([[True, False, True, False]] * 3))|(torch.tensor([True, False]), slice(None), 0)|(0, [0, 1], slice(1, 3))|(slice(0, 1), [2, 0], slice(1, 3))|([1, 0], [2, 1], [3, 0])
""".strip().split("|")

VALUES = ["5", "2.5", "True", "v", "torch.tensor(3)", "torch.tensor([7])"]


def index_cases() -> list[Case]:
    out: list[Case] = []
    for dtype in ("float32", "int64", "bool", "float64"):
        full = dtype == "float32"
        for key in KEYS if full else KEYS[::4]:
            out.append(Case("index", f"a[{key}]", {"a": spec(dtype, (3, 4))}, backward=close(2), order=2))
        for key in DEEP_KEYS if full else DEEP_KEYS[::4]:
            out.append(Case("index", f"a[{key}]", {"a": spec(dtype, (2, 3, 4))}, backward=close(2)))
            out.append(
                Case("index", f"a.permute(1, 2, 0)[{key}]", {"a": spec(dtype, (4, 2, 3))}, backward=close(2))
            )
    for key in KEYS:
        if key in ("[0, -1, 0]", "([0, 2], [1, 3])") or "1, 1]" in key or "2, 2]" in key:
            continue  # the same element written twice: which value stays is nobody's promise
        inputs = {"a": spec("float32", (3, 4)), "v": spec("float32", ())}
        out.append(Case("index write", f"written(a, {_tuple(key)}, v)", inputs, backward=close(2), order=2))
        out.append(
            Case(
                "index write",
                f"written(a, {_tuple(key)}, 5)",
                {"a": spec("float32", (3, 4))},
                backward=close(2),
            )
        )
        out.append(
            Case(
                "index write",
                f"written(a.T.clone().T, {_tuple(key)}, a[{key}] * 2)",
                {"a": spec("float32", (3, 4))},
                backward=close(2),
            )
        )
    for dtype in DTYPES:
        for value in VALUES:
            for key in (
                "0",
                "(1, 2)",
                "slice(0, 2)",
                "[0, 2]",
                "a > 0",
                "(slice(None), [1, 3])",
                "torch.tensor(1)",
                "...",
            ):
                inputs = {"a": spec(dtype, (3, 4))}
                if value == "v":
                    inputs["v"] = spec("float32", ())
                rule = (
                    close(2) if dtype in FLOATS else None
                )  # torch fails inside on a gradient through whole numbers
                out.append(Case("index write types", f"written(a, {key}, {value})", inputs, backward=rule))
        out.append(
            Case(
                "index write types",
                "written(a, 0, v)",
                {"a": spec(dtype, (3, 4)), "v": spec("float64", (4,))},
                backward=rule,
            )
        )
        out.append(
            Case(
                "index write types",
                "written(a, [0, 1], v)",
                {"a": spec(dtype, (3, 4)), "v": spec("float64", (4,))},
                backward=rule,
            )
        )
        out.append(
            Case(
                "index write types",
                "written(a, (slice(None), 1), v)",
                {"a": spec(dtype, (3, 4)), "v": spec(dtype, (3,))},
                backward=rule,
            )
        )
    for form in ("written(a, (slice(None), [0, 2]), v[:, :2])", "written(a, 1, v[0])", "written(a, a > 0, v[0, 0])", "written(a, ..., v)",
                 "written(a, slice(1, None), v[:2])", "written(a, None, v)", "written(a, (None, 0), v[0])", "written(a, ([0, 1], [1, 2]), v[0, :2])",
                 "written(a, slice(None, None, 2), v[0])", "written(a, (slice(None), slice(1, 3)), v[:, :1])", "written(a[:, 1], [0, 2], v[0, :2])",
                 "written(a, torch.tensor([True, False, True]), v[:2])", "written(a, [2], v[:1])", "written(a, ([[0], [2]], [1, 3]), v[:2, :2])"):  # fmt: skip
        out.append(
            Case(
                "index write",
                form,
                {"a": spec("float64", (3, 4)), "v": spec("float64", (3, 4))},
                backward=close(2),
                order=2,
            )
        )
    for form in (
        "a[0][1]",
        "a[1:][0, ::2]",
        "a[a > 0].sum()",
        "a[:, 1] * a[:, 2]",
        "a[[0, 0, 1]] ** 2",
        "a[:, None] * a[None]",
        "a.T[1]",
        "a[..., -1].sum()",
    ):
        out.append(Case("index", form, {"a": spec("float64", (3, 4))}, backward=close(4), order=2))
    return out


def _tuple(key: str) -> str:
    return f"({key})" if "," in key and not key.startswith(("(", "[", "torch", "slice", "range")) else key
