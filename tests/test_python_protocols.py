"""Tensors, sizes, dtypes and devices as Python objects."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import textwrap
from typing import Any

import pytest
from lib import LIBRARY, run_python, torch

# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_one_element_is_a_number(shape: tuple[int, ...]) -> None:
    t = torch.full(shape, 2.75)
    assert float(t) == 2.75 and int(t) == 2 and bool(t) is True and t.item() == 2.75
    assert complex(t) == 2.75 + 0j
    i = torch.full(shape, 3)
    assert operator.index(i) == 3 and "abcd"[i] == "d" and type(i.item()) is int and float(i) == 3.0
    assert type(torch.full(shape, True).item()) is bool
    assert bool(torch.full(shape, 0.0)) is False and bool(torch.full(shape, math.nan)) is True
    assert list(range(i)) == [0, 1, 2]


def test_int_truncates() -> None:
    assert (
        int(torch.tensor(-2.9)) == -2 and int(torch.tensor(2**40)) == 2**40 and int(torch.tensor(True)) == 1
    )
    assert math.floor(torch.tensor(-2.5).item()) == -3
    assert math.sqrt(torch.tensor(4.0)) == 2.0


def test_bool_of_nothing_and_of_many() -> None:
    for t in (torch.zeros(0), torch.ones(2), torch.ones(2, 1)):
        with pytest.raises(RuntimeError, match=r"^Boolean value of Tensor with"):
            bool(t)
    if torch.tensor([0.5]) > 0.4 and not torch.tensor([False]):
        return
    raise AssertionError


def test_tolist() -> None:
    assert torch.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert (
        torch.tensor(1.5).tolist() == 1.5
        and torch.zeros(0).tolist() == []
        and torch.zeros(2, 0).tolist() == [[], []]
    )
    assert type(torch.tensor([True]).tolist()[0]) is bool and type(torch.tensor([1]).tolist()[0]) is int
    assert torch.tensor([0.1]).tolist() == [0.10000000149011612]


def test_len_and_iteration() -> None:
    t = torch.tensor([[1, 2], [3, 4], [5, 6]])
    assert len(t) == 3 and [row.tolist() for row in t] == [[1, 2], [3, 4], [5, 6]]
    assert [v.item() for v in torch.tensor([1, 2])] == [1, 2] and list(torch.zeros(0)) == []
    assert [row.tolist() for row in reversed(t)] == [[5, 6], [3, 4], [1, 2]]
    assert sum(torch.tensor([1.0, 2.0])).item() == 3.0
    assert max(torch.tensor([1.0, 5.0, 2.0])).item() == 5.0
    assert sorted([torch.tensor(2), torch.tensor(1)])[0].item() == 1
    assert [
        (a.item(), b.item()) for a, b in zip(torch.tensor([1, 2]), torch.tensor([3, 4]), strict=True)
    ] == [
        (1, 3),
        (2, 4),
    ]
    a, (b, c) = torch.tensor(5), torch.tensor([6, 7])
    assert (a + b + c).item() == 18


def test_contains() -> None:
    t = torch.tensor([1.0, 2.0])
    assert 2 in t and 3 not in t and torch.tensor(1.0) in t


def test_format() -> None:
    t = torch.tensor(1.23456)
    assert f"{t:.2f}" == "1.23" and f"{t:>8.1f}" == "     1.2" and f"{t:e}" == "1.234560e+00"
    assert f"{torch.tensor(7):03d}" == "007" and f"{torch.tensor(0.5):.0%}" == "50%"
    assert f"{torch.tensor([1.5, 2.0])}" == "tensor([1.5000, 2.0000])" and f"{t}" == "1.2345600128173828"
    assert f"{torch.tensor([2])}" == "tensor([2])"
    x = torch.tensor(2.0, requires_grad=True)
    assert f"{x:.1f}" == "2.0" and f"{x}" == "2.0" and f"{x!r}" == "tensor(2., requires_grad=True)"


# --- identity and comparison ----------------------------------------------------------------------


def test_hash_is_identity() -> None:
    a, b = torch.tensor([1.0]), torch.tensor([1.0])
    assert hash(a) == id(a) and hash(a) != hash(b)
    table = {a: "a", b: "b"}
    assert table[a] == "a" and table[b] == "b" and len({a, b, a}) == 2


def test_comparison_with_strangers() -> None:
    a = torch.tensor([1.0])
    assert (a == None) is False and (a != None) is True  # noqa: E711
    assert (a == "x") is False and (a != "x") is True
    assert (a == object()) is False
    assert a in [a] and [a].index(a) == 0


def test_comparison_chain() -> None:
    t = torch.tensor([1.0, 5.0])
    assert (t == torch.tensor([1.0, 4.0])).tolist() == [True, False]
    assert (t < 3).tolist() == [True, False] and (t >= 3).tolist() == [False, True]
    assert 0 < torch.tensor(1.0) < 2


def test_same_object() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    y = x * 2
    (x * 3).backward()
    assert x.grad is x.grad and y.grad_fn is y.grad_fn and x.data is not x
    x.tag = "kept"
    (node, _) = y.grad_fn.next_functions[0]
    assert node.variable is x and node.variable.tag == "kept"


def test_attributes_of_ones_own() -> None:
    t = torch.ones(2)
    t.name_of_mine = [1]
    assert t.name_of_mine == [1]
    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'name_of_yours'"):
        t.name_of_yours
    with pytest.raises(AttributeError):
        t.shape = (1,)


def test_wrappers_come_and_go() -> None:
    """Attributes stay with a tensor that only a graph holds."""
    import gc

    x = torch.tensor([1.0], requires_grad=True)
    x.tag = "kept"
    y = x * x
    del x
    gc.collect()
    assert y.grad_fn.next_functions[0][0].variable.tag == "kept"


def test_weak_reference() -> None:
    import weakref

    t = torch.ones(2)
    reference = weakref.ref(t)
    assert reference() is t
    del t
    assert reference() is None


# --- copying --------------------------------------------------------------------------------------


def test_copy_and_deepcopy() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert (
        twin.tolist() == x.tolist()
        and twin.requires_grad
        and twin.is_leaf
        and twin.data_ptr() != x.data_ptr()
    )
    assert twin.grad.tolist() == [2.0, 4.0] and twin.grad is not x.grad
    shared = copy.copy(x)
    assert shared is not x and shared.data_ptr() == x.data_ptr() and shared.requires_grad
    with pytest.raises(RuntimeError, match=r"^Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_deepcopy_keeps_what_is_shared() -> None:
    t = torch.arange(4.0)
    a, b, c = copy.deepcopy([t, t, t[:2]])
    assert a is b and a is not t
    a[0] = 9
    assert c[0].item() == 9 and t[0].item() == 0


def test_deepcopy_of_a_model() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = torch.ones(2, requires_grad=True)
            self.parameters = [self.w]

    model = Model()
    twin = copy.deepcopy(model)
    assert twin.w is twin.parameters[0] and twin.w is not model.w and twin.w.requires_grad


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol: int) -> None:
    for t in (
        torch.tensor([[1.0, 2.5], [3.0, float("nan")]]),
        torch.tensor([1, -2]),
        torch.tensor([True, False]),
        torch.tensor(2.5, dtype=torch.float64),
        torch.tensor([1], dtype=torch.int32),
        torch.zeros(0, 3),
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(10)[3:7:2],
    ):
        back = pickle.loads(pickle.dumps(t, protocol))
        assert (
            repr(back) == repr(t)
            and back.dtype is t.dtype
            and back.shape == t.shape
            and back.stride() == t.stride()
        )
    x = torch.tensor([3.0], requires_grad=True)
    assert repr(pickle.loads(pickle.dumps(x, protocol))) == "tensor([3.], requires_grad=True)"
    y = pickle.loads(pickle.dumps(x * 2, protocol))
    assert y.tolist() == [6.0] and y.requires_grad and y.is_leaf
    for thing in (torch.float32, torch.int64, torch.Size([2, 3]), torch.device("cpu")):
        assert pickle.loads(pickle.dumps(thing, protocol)) == thing
    assert pickle.loads(pickle.dumps(torch.float64, protocol)) is torch.float64
    assert type(pickle.loads(pickle.dumps(torch.Size([2]), protocol))) is torch.Size


@pytest.mark.hinoko_only
def test_pickle_needs_no_torch() -> None:
    code = (
        "import pickle, sys, hinoko\n"
        "data = pickle.dumps([hinoko.ones(2), hinoko.float32, hinoko.Size([1]), hinoko.device('cpu')])\n"
        "print(pickle.loads(data), 'torch' in sys.modules)\n"
    )
    assert (
        run_python(code=code).stdout
        == "[tensor([1., 1.]), torch.float32, torch.Size([1]), device(type='cpu')] False\n"
    )


# --- sizes, dtypes, devices -----------------------------------------------------------------------


def test_size() -> None:
    size = torch.zeros(2, 3).shape
    assert (
        isinstance(size, tuple)
        and isinstance(size, torch.Size)
        and size == (2, 3)
        and size == torch.Size([2, 3])
    )
    assert repr(size) == "torch.Size([2, 3])" and str(torch.Size([])) == "torch.Size([])"
    assert (
        size[0] == 2
        and size[-1] == 3
        and len(size) == 2
        and size.numel() == 6
        and torch.Size([]).numel() == 1
    )
    assert type(size[:1]) is torch.Size and size[1:] == (3,)
    longer = size + (4,)  # noqa: RUF005
    assert type(longer) is torch.Size and longer == (2, 3, 4)
    assert type(size * 2) is torch.Size and list(size) == [2, 3] and hash(size) == hash((2, 3))
    rows, columns = size
    assert (
        (rows, columns) == (2, 3) and torch.Size((2, 3)) == size and torch.Size([2, 3]) != torch.Size([3, 2])
    )
    assert size.index(3) == 1 and 2 in size and type(size[0]) is int
    assert (
        torch.zeros(2, 3).size() == size
        and torch.zeros(2, 3).size(-1) == 3
        and torch.zeros(2, 3).size(dim=0) == 2
    )


def test_counts() -> None:
    t = torch.zeros(2, 3, 4)
    assert (
        t.dim() == t.ndim == 3
        and t.numel() == t.nelement() == 24
        and torch.numel(t) == 24
        and t.itemsize == 4
    )
    assert t.nbytes == 96


def test_dtype() -> None:
    assert repr(torch.float32) == str(torch.float32) == "torch.float32"
    assert (
        torch.float is torch.float32
        and torch.double is torch.float64
        and torch.long is torch.int64
        and torch.int is torch.int32
    )
    assert (
        torch.float32.is_floating_point and not torch.int64.is_floating_point and not torch.float32.is_complex
    )
    assert torch.bool.itemsize == 1 and torch.float64.itemsize == 8 and torch.int32.itemsize == 4
    assert torch.int32.is_signed and not torch.bool.is_signed
    assert (
        torch.float32 == torch.float32
        and torch.float32 != torch.float64
        and len({torch.float, torch.float32}) == 1
    )
    assert isinstance(torch.float32, torch.dtype) and type(torch.float32).__name__ == "dtype"
    assert (
        torch.ones(1).is_floating_point()
        and torch.is_floating_point(torch.ones(1))
        and not torch.ones(1).long().is_floating_point()
    )
    assert copy.deepcopy(torch.float32) is torch.float32


def test_device() -> None:
    cpu = torch.device("cpu")
    assert repr(cpu) == "device(type='cpu')" and str(cpu) == "cpu" and cpu.type == "cpu" and cpu.index is None
    assert (
        cpu == torch.device("cpu") and hash(cpu) == hash(torch.device("cpu")) and cpu == torch.ones(1).device
    )
    assert torch.device("cpu", 0).index == 0 and repr(torch.device("cpu:0")) == "device(type='cpu', index=0)"
    assert torch.device(cpu) == cpu and torch.device(type="cpu") == cpu
    t = torch.ones(1)
    assert t.to("cpu") is t and t.to(cpu) is t and t.cpu() is t and not t.is_cuda and t.get_device() == -1


def test_types() -> None:
    t = torch.ones(1)
    assert (
        type(t) is torch.Tensor and isinstance(t, torch.Tensor) and repr(type(t)) == "<class 'torch.Tensor'>"
    )
    assert torch.is_tensor(t) and not torch.is_tensor([1])
    assert type(t).__module__ == "torch" and type(t).__name__ == "Tensor" and type(t).__qualname__ == "Tensor"
    assert (
        t.type() == "torch.FloatTensor"
        and t.double().type() == "torch.DoubleTensor"
        and t.type(torch.int64).dtype is torch.int64
    )
    assert t.layout is torch.strided


def test_docs_and_signatures() -> None:
    for function in (torch.exp, torch.add, torch.sum, torch.tensor, torch.Tensor.exp, torch.Tensor.backward):
        assert function.__doc__
    assert torch.exp.__name__ == "exp" and torch.Tensor.add_.__name__ == "add_"


def test_operators_as_methods() -> None:
    t = torch.tensor([6.0])
    assert (
        t.__add__(2).item() == 8
        and t.__radd__(2).item() == 8
        and t.__rsub__(10).item() == 4
        and t.__rtruediv__(12).item() == 2
    )
    assert (
        t.__pow__(2).item() == 36
        and t.__rpow__(2).item() == 64
        and t.__mod__(4).item() == 2
        and t.__rmod__(8).item() == 2
    )
    assert (
        t.__floordiv__(4).item() == 1
        and t.__rfloordiv__(13).item() == 2
        and t.__neg__().item() == -6
        and t.__abs__().item() == 6
    )
    assert t.__matmul__(t).item() == 36 and t.__eq__(6).item() is True and t.__lt__(7).item() is True
    assert (
        t.__len__() == 1
        and t.__getitem__(0).item() == 6
        and t.__float__() == 6.0
        and t.__int__() == 6
        and t.__bool__() is True
    )
    assert operator.add(t, t).item() == 12 and operator.iadd(t, 1) is t and t.item() == 7


def test_reflected_operator_of_another_class() -> None:
    class Other:
        def __radd__(self, left: Any) -> str:
            return "other's"

        def __rmatmul__(self, left: Any) -> str:
            return "other's"

        def __eq__(self, left: Any) -> Any:
            return "equal"

        __hash__ = None  # type: ignore[assignment]

    t = torch.ones(2)
    assert t + Other() == "other's" and t @ Other() == "other's"
    assert (t == Other()) == "equal"


def test_out_is_returned() -> None:
    t = torch.tensor([1.0, 4.0])
    out = torch.empty(2)
    assert torch.sqrt(t, out=out) is out and out.tolist() == [1.0, 2.0] and out._version == 1
    assert torch.add(t, 1, out=t) is t and t.tolist() == [2.0, 5.0]
    small = torch.empty(0)
    assert torch.mul(t, 2, out=small) is small and tuple(small.shape) == (2,)
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = torch.max(torch.tensor([[1.0, 3.0]]), 1, out=(values, indices))
    assert result.values is values and result.indices is indices and values.tolist() == [3.0]
    view = torch.zeros(2, 2)
    torch.exp(torch.zeros(2), out=view[0])
    assert view.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_named_results() -> None:
    result = torch.tensor([[1.0, 3.0], [5.0, 4.0]]).max(1)
    values, indices = result
    assert (
        result[0] is result.values
        and values.tolist() == [3.0, 5.0]
        and indices.tolist() == [1, 0]
        and indices.dtype is torch.int64
    )
    assert isinstance(result, tuple) and len(result) == 2
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([3., 5.]),\nindices=tensor([1, 0]))"


def test_in_place_operations_return_the_tensor() -> None:
    t = torch.ones(2)
    assert (
        t.add_(1) is t
        and t.mul_(2) is t
        and t.zero_() is t
        and t.fill_(3) is t
        and t.copy_(torch.ones(2)) is t
        and t._version == 5
    )
    before = t
    t += 1
    t **= 2
    t -= 1
    assert t is before and t.tolist() == [3.0, 3.0] and t._version == 8


def test_names_of_the_module() -> None:
    assert isinstance(torch.__version__, str)
    assert (
        torch.pi == math.pi
        and torch.inf == math.inf
        and math.isnan(torch.nan)
        and torch.e == math.e
        and torch.newaxis is None
    )
    assert torch.get_num_threads() >= 1


def test_set_num_threads() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
        one = torch.arange(100_000.0).exp().sum().item()
        torch.set_num_threads(2)
        assert torch.get_num_threads() == 2
        assert torch.arange(100_000.0).exp().sum().item() == one
    finally:
        torch.set_num_threads(before)


def test_import_is_quiet() -> None:
    done = run_python("-W", "error", code=f"import {LIBRARY}")
    assert done.stdout == "" and done.stderr == ""


@pytest.mark.hinoko_only
def test_imports_at_the_door_are_few() -> None:
    code = "import hinoko; print(sorted({'numpy', 'typing', 'inspect', 'json', 're'} & set(sys.modules)))"
    assert run_python("-S", "-E", code=f"import sys; sys.path[:] = {_paths()!r}; {code}").stdout == "[]\n"


def _paths() -> list[str]:
    import sys

    return [p for p in sys.path if p]


def test_variable_of_old_lessons() -> None:
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    assert type(v) is torch.Tensor and v.requires_grad and not x.requires_grad
    assert v.data_ptr() == x.data_ptr() and isinstance(x, torch.autograd.Variable)
    with pytest.raises(TypeError, match=r"^Variable data has to be a tensor, but got list$"):
        torch.autograd.Variable([1.0])


def test_types_by_dtype() -> None:
    assert repr(torch.FloatTensor([1, 2])) == "tensor([1., 2.])" and torch.LongTensor([1.5]).tolist() == [1]
    assert torch.DoubleTensor(2, 3).shape == (2, 3) and torch.DoubleTensor(2, 3).dtype is torch.float64
    assert isinstance(torch.ones(1), torch.FloatTensor) and not isinstance(torch.ones(1), torch.LongTensor)
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>" and torch.BoolTensor().numel() == 0


@pytest.mark.hinoko_only
def test_submodules_come_when_asked_for() -> None:
    code = """
        import sys
        import hinoko
        from hinoko import optim
        assert "hinoko.optim" not in sys.modules and "hinoko.backends" not in sys.modules
        assert "SGD" in dir(hinoko.optim) and "hinoko.optim" in sys.modules
        import hinoko.optim as again
        assert again is hinoko.optim and optim.SGD is again.SGD and type(optim) is type(sys)
        assert "hinoko.backends" in repr(hinoko.backends)
        assert hinoko.autograd.graph.__name__ == "hinoko.autograd.graph"
        try:
            hinoko.cuda.no_such_name
        except AttributeError as error:
            assert "no_such_name" in str(error)
        else:
            raise AssertionError
        # A function __getattr__ would slow every lookup of a function down.
        assert not hasattr(hinoko, "__getattr__") and not hasattr(hinoko.autograd, "__getattr__")
        """
    run_python(code=textwrap.dedent(code))
