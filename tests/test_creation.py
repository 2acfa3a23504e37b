"""Making tensors: tensor() in all its forms, and the functions that fill.

Values of the filling functions are in the table of op_cases.py.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
from lib import LIBRARY, dtype_name, run_python, torch

NAN = float("nan")


class Index:
    def __index__(self) -> int:
        return 7


class Sequence:
    """Indexable and sized, but no list."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, k: int) -> float:
        if k >= 3:
            raise IndexError
        return k + 0.5


#   data, dtype, shape
FORMS: list[tuple[Any, str, tuple[int, ...]]] = [
    (1, "int64", ()),
    (-3, "int64", ()),
    (2**40, "int64", ()),
    (1.5, "float32", ()),
    (True, "bool", ()),
    (float("inf"), "float32", ()),
    ([], "float32", (0,)),
    ([[]], "float32", (1, 0)),
    ([[], []], "float32", (2, 0)),
    ((), "float32", (0,)),
    ([1, 2], "int64", (2,)),
    ((1, 2, 3), "int64", (3,)),
    ([1, 2.5], "float32", (2,)),
    ([True, False], "bool", (2,)),
    ([True, 2], "int64", (2,)),
    ([True, 2.5], "float32", (2,)),
    ([[1, 2], [3, 4]], "int64", (2, 2)),
    ([(1, 2), [3.0, 4]], "float32", (2, 2)),
    ([[[1]]], "int64", (1, 1, 1)),
    ([[[True], [False]]], "bool", (1, 2, 1)),
    ([[1.0] * 3] * 4, "float32", (4, 3)),
    (range(4), "int64", (4,)),
    ([range(2), range(2)], "int64", (2, 2)),
    (Sequence(), "float32", (3,)),
]


@pytest.mark.parametrize("index", range(len(FORMS)))
def test_forms(index: int) -> None:
    data, dtype, shape = FORMS[index]
    t = torch.tensor(data)
    assert (dtype_name(t), tuple(t.shape)) == (dtype, shape)
    expected = [list(row) for row in data] if shape and len(shape) == 2 else list(data) if shape else data
    if len(shape) < 3:
        assert t.tolist() == expected
    assert t.is_leaf and not t.requires_grad and t.is_contiguous()


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "float32", "float64"])
def test_given_dtype(dtype: str) -> None:
    kind = getattr(torch, dtype)
    for data in ([0, 1, 2], [0.0, 1.5, -2.7], [True, False, True], [1, 2.5, False]):
        t = torch.tensor(data, dtype=kind)
        assert t.dtype is kind
        convert = {"b": bool, "i": int, "f": float}[dtype[0]]
        assert t.tolist() == pytest.approx([convert(v) for v in data])


def test_python_types_as_dtype() -> None:
    assert torch.tensor([1.5], dtype=float).dtype is torch.float64
    assert torch.tensor([1.5], dtype=int).tolist() == [1]
    assert torch.tensor([1.5], dtype=bool).tolist() == [True]


def test_numbers_are_rounded_once() -> None:
    assert torch.tensor(0.1).item() == 0.10000000149011612
    assert torch.tensor(0.1, dtype=torch.float64).item() == 0.1
    assert torch.tensor(2**24 + 1, dtype=torch.float32).item() == 2**24
    assert torch.tensor(2**53 + 1).item() == 2**53 + 1
    assert torch.tensor(1e39).item() == math.inf
    assert math.isnan(torch.tensor(NAN).item())
    assert torch.tensor([-0.0]).tolist()[0] == 0 and math.copysign(1, torch.tensor([-0.0]).tolist()[0]) == -1
    assert torch.tensor([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]


def test_objects_with_index() -> None:
    assert torch.tensor([1, Index()], dtype=torch.int64).tolist() == [1, 7]


def test_requires_grad_and_other_options() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    assert x.requires_grad and x.is_leaf and x.grad_fn is None
    y = torch.tensor([1.0], dtype=torch.float64, device="cpu", requires_grad=True, pin_memory=False)
    assert y.dtype is torch.float64 and str(y.device) == "cpu"
    assert torch.tensor([1.0], device=torch.device("cpu")).device == torch.device("cpu")
    assert torch.tensor(data=[1]).tolist() == [1]


def test_lists_of_one_element_tensors() -> None:
    w = torch.tensor([4.0], requires_grad=True)
    g = torch.tensor([0.5])
    new = torch.tensor([w.detach() - 0.1 * g], requires_grad=True)
    assert new.tolist() == [pytest.approx(3.95)] and new.requires_grad and new.is_leaf
    assert torch.tensor([torch.tensor(1), torch.tensor(2)]).dtype is torch.int64
    assert torch.tensor([torch.tensor(1.0), torch.tensor(2)]).tolist() == [1.0, 2.0]
    assert torch.tensor([torch.tensor(1.0, dtype=torch.float64), 2]).dtype is torch.float64
    assert torch.tensor([[torch.tensor(1), 2], [3.5, torch.tensor(True)]]).tolist() == [
        [1.0, 2.0],
        [3.5, 1.0],
    ]
    assert torch.tensor([torch.tensor([1])], dtype=torch.float64).tolist() == [1.0]
    with pytest.raises(
        TypeError, match=r"^only integer tensors of a single element can be converted to an index"
    ):
        torch.tensor([torch.tensor([1.5])], dtype=torch.int64)


def test_shape_of_lists_of_tensors() -> None:
    """A tensor in a list counts as a number, whatever its number of dimensions."""
    assert tuple(torch.tensor([torch.tensor([1.0]), torch.tensor([2.0])]).shape) == (2,)
    assert tuple(torch.tensor([torch.tensor(1.0), 2.0]).shape) == (2,)


def test_tensor_of_a_tensor_warns() -> None:
    t = torch.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(
        UserWarning,
        match=r"^To copy construct from a tensor, it is recommended to use sourceTensor\.detach",
    ):
        copy = torch.tensor(t)
    assert copy.tolist() == [1.0, 2.0] and not copy.requires_grad and copy.data_ptr() != t.data_ptr()
    with pytest.warns(UserWarning, match=r"^To copy construct"):
        assert torch.tensor(t, dtype=torch.int64).dtype is torch.int64


def test_a_list_with_grad_warns_once() -> None:
    """Reading a number out of a tensor that requires grad: torch warns once per process."""
    code = (
        f"import {LIBRARY} as torch, warnings\n"
        "warnings.simplefilter('always')\n"
        "x = torch.tensor([2.], requires_grad=True)\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    print(float(x), int(x), torch.tensor([x * 2]).tolist())\n"
        "for w in seen:\n"
        "    print(w.category.__name__, str(w.message)[:134])\n"
    )
    lines = run_python(code=code).stdout.splitlines()
    assert lines[0] == "2.0 2 [4.0]"
    assert [line for line in lines if "Warning" in line] == [
        "UserWarning Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior."
    ]


def test_item_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.tensor([2.0], requires_grad=True).item() == 2.0


def test_copies_not_views() -> None:
    data = [1.0, 2.0]
    t = torch.tensor(data)
    data[0] = 9
    assert t.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_sizes(name: str) -> None:
    make = getattr(torch, name)
    for size in [(), (0,), (3,), (2, 0, 3), (2, 3, 4), (1,) * 12]:
        for t in (
            (make(*size), make(size), make(list(size)), make(torch.Size(size)), make(size=size))
            if size
            else (make(()), make([]))
        ):
            assert (
                tuple(t.shape) == size
                and t.dtype is torch.float32
                and t.is_contiguous()
                and not t.requires_grad
            )
    t = make(2, dtype=torch.float64, requires_grad=True)
    assert t.requires_grad and t.is_leaf and t.dtype is torch.float64
    n = torch.tensor(3)
    assert tuple(make(n, 2).shape) == (3, 2)
    assert tuple(make(t.shape).shape) == (2,)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"])
def test_like(name: str) -> None:
    make = getattr(torch, name)
    source = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    t = make(source)
    assert tuple(t.shape) == (2, 3) and t.dtype is torch.float64 and not t.requires_grad and t.is_leaf
    t = make(source, dtype=torch.float32, requires_grad=True)
    assert t.dtype is torch.float32 and t.requires_grad
    assert make(source.T).stride() == (1, 3)
    assert make(source[:, :1].expand(2, 5)).stride() in ((1, 0), (5, 1), (1, 2))


def test_full() -> None:
    assert torch.full((2,), 1).dtype is torch.int64 and torch.full((2,), 1.0).dtype is torch.float32
    assert torch.full((2,), True).dtype is torch.bool
    assert torch.full((1,), torch.tensor(2.5)).tolist() == [2.5]
    assert torch.full_like(torch.tensor([1, 2]), 7).tolist() == [7, 7]
    assert torch.full((2,), 3.0, requires_grad=True).requires_grad


def test_arange_types() -> None:
    assert torch.arange(3).dtype is torch.int64 and torch.arange(3.0).dtype is torch.float32
    assert torch.arange(0, 1, 0.5).dtype is torch.float32 and torch.arange(0, 3, step=2).tolist() == [0, 2]
    assert (
        torch.arange(0.0, 1.0, 0.1).numel() == 10 and torch.arange(1.0, 1.3, 0.1).numel() == 4
    )  # (1.3 - 1) / 0.1 > 3
    assert torch.arange(3, requires_grad=False).tolist() == [0, 1, 2]
    assert torch.arange(3.0, requires_grad=True).requires_grad


def test_eye_and_linspace() -> None:
    assert torch.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert torch.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0]
    assert torch.linspace(0, 1, 3, requires_grad=True).requires_grad


def test_unknown_keyword_makes_nothing() -> None:
    with pytest.raises(TypeError):
        torch.zeros(2, nonsense=True)
    with pytest.raises(TypeError):
        torch.tensor([1.0], nonsense=True)


def test_default_dtype_is_refused_for_integers() -> None:
    with pytest.raises(TypeError, match=r"^only floating-point types are supported as the default type"):
        torch.set_default_dtype(torch.int64)
    assert torch.get_default_dtype() is torch.float32
