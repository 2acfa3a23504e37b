"""Misuse ends in a Python error or works: it never crashes, and leaves nothing behind.

Each test's docstring says what can go wrong without care.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import weakref
from typing import Any

import pytest
from lib import run_python, torch

pytestmark = pytest.mark.hinoko_only
np = pytest.importorskip("numpy")


class Subclass(torch.Tensor):  # type: ignore[misc]
    """A class of the user's."""


# ---- wrappers ----


def test_wrapper_without_a_tensor_cannot_be_made() -> None:
    """Every function takes it that a wrapper has a tensor."""
    with pytest.raises(TypeError):
        object.__new__(torch.Tensor)
    with pytest.raises(TypeError):
        object.__new__(Subclass)
    assert torch.Tensor.__new__(torch.Tensor).numel() == 0
    assert Subclass.__new__(Subclass).numel() == 0
    for call in (
        lambda: torch.Tensor.add(3, 4),
        lambda: torch.Tensor.exp(),
        lambda: torch.Tensor.shape.__get__(3),
    ):
        with pytest.raises(TypeError):
            call()


def test_wrapper_kept_by_its_tensor_and_found_again() -> None:
    """A wrapper with attributes outlives its name; a weak reference may find it while its tensor dies."""
    for make in (lambda: torch.ones(2, requires_grad=True), lambda: Subclass([1.0, 2.0]).requires_grad_()):
        for _ in range(3):
            x = make()
            x.tag = object()
            y = x * 2
            found = weakref.ref(x)
            del x
            gc.collect()
            held = found()
            assert held is not None and hasattr(held, "tag")
            del y
            gc.collect()
            assert held.sum().item() > 0
            held.tag = held
            del held
            gc.collect()
            assert found() is None


def test_subclass_with_a_finalizer() -> None:
    """A finalizer sees its tensor, however the wrapper dies, and may keep it."""
    saved = []

    class Final(torch.Tensor):  # type: ignore[misc]
        def __del__(self) -> None:
            saved.append(self.sum().item())
            saved.append(self)

    x = Final([1.0, 2.0])
    x.requires_grad_()
    y = x * 1
    del x
    del y
    gc.collect()
    assert 3.0 in saved
    for _ in range(3):
        saved.clear()
        gc.collect()


def test_wrapper_asked_for_while_it_dies() -> None:
    """A weak reference's callback may ask the graph for the wrapper that is just going."""
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    found: list[Any] = []
    ref = weakref.ref(x, lambda _: found.append(node.variable))
    del x
    gc.collect()
    assert found and found[0].tolist() == [1.0, 1.0]
    fn = weakref.ref(y.grad_fn, lambda _: found.append(y.grad_fn))
    gc.collect()
    assert found[-1].name() == "MulBackward0"
    del ref, fn


def test_collector_meets_a_wrapper_that_the_graph_holds() -> None:
    """A cycle through a wrapper's attributes is garbage to the collector; the graph knows the wrapper."""
    x = torch.ones(2, requires_grad=True)
    x.me = [x]
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    del x
    gc.collect()
    assert node.variable.sum().item() == 2.0
    node.variable.me = node.variable
    del node, y


def test_classes_exchanged() -> None:
    """A wrapper may change its class between Tensor and a subclass; both free it in the same way."""
    for _ in range(3):
        x, y = torch.ones(2), Subclass([1.0])
        x.__class__, y.__class__ = Subclass, torch.Tensor
        z = x + y
        del x, y
        assert z.tolist() == [2.0, 2.0]


def test_pickle_and_copy_of_subclasses_and_failures() -> None:
    """A copy that fails half-way gives back what it made."""

    class Bad:
        def __deepcopy__(self, memo: Any) -> Any:
            raise KeyError("copy")

        def __reduce__(self) -> Any:
            raise KeyError("pickle")

    x = torch.ones(300, requires_grad=True)
    x.bad = Bad()
    before = torch._C.live_blocks()
    for _ in range(3):
        with pytest.raises(KeyError):
            copy.deepcopy(x)
        with pytest.raises(KeyError):
            pickle.dumps(x)
    gc.collect()
    assert torch._C.live_blocks() <= before
    assert pickle.loads(pickle.dumps(Subclass([1.0, 2.0]))).tolist() == [1.0, 2.0]
    assert type(copy.deepcopy(Subclass([1.0, 2.0]))) is Subclass
    for memo in (None, 3, "x", []):
        with pytest.raises(TypeError):
            torch.ones(2).__deepcopy__(memo)
        with pytest.raises(TypeError):
            torch.ones(2).__setstate__(memo)


def test_deepcopy_with_a_forged_memo() -> None:
    """What the memo holds under a tensor's storage must fit it."""
    x = torch.ones(300)

    class Memo(dict):  # type: ignore[type-arg]
        def __contains__(self, key: object) -> bool:
            return False

    class Forged(dict):  # type: ignore[type-arg]
        def __missing__(self, key: object) -> object:
            return torch.ones(1)

    for memo in (Memo(), Forged()):
        with contextlib.suppress(TypeError, RuntimeError, KeyError, AttributeError):
            assert copy.deepcopy(x, memo).numel() in (1, 300)


def test_state_that_does_not_fit() -> None:
    """A pickle names sizes, strides and data: they must agree."""
    rebuild = torch._C._rebuild_tensor
    for sizes, strides, data in [
        ((2**40,), (1,), b""),
        ((2**40, 2**40), (2**40, 1), b""),
        ((3,), (-1,), b"x" * 12),
        ((3,), (1,), b"x" * 8),
        ((1,) * 300, (1,) * 300, b"xxxx"),
        ((3,), (2**62,), b"xxxx"),
    ]:
        with pytest.raises((ValueError, RuntimeError)):
            rebuild("float32", sizes, strides, data, False)


# ---- attributes ----


def test_attributes_deleted_and_misused() -> None:
    """Deleting hands a setter no value at all."""
    x = torch.ones(2, requires_grad=True)
    for name in ("data", "requires_grad"):
        with pytest.raises((TypeError, RuntimeError)):
            delattr(x, name)
    for name in ("shape", "dtype", "grad_fn", "is_leaf", "T"):
        with pytest.raises(AttributeError):
            delattr(x, name)
        with pytest.raises(AttributeError):
            setattr(x, name, 1)
    for name in ("data", "grad"):
        for value in (3, "x", [1.0, 2.0], object()):
            with pytest.raises(TypeError):
                setattr(x, name, value)
    with pytest.raises(RuntimeError):
        x.grad = x
    x.grad = x.detach()
    x.grad = x.grad
    (x * 2).sum().backward()
    del x.grad
    assert x.grad is None


def test_out_of_any_kind() -> None:
    """out= is resized, overlaps with the inputs, or is no tensor."""
    a = torch.ones(3)
    for out in (
        torch.zeros(0),
        torch.zeros(100),
        a,
        a[:2],
        torch.zeros(1).expand(3),
        torch.zeros(3, dtype=torch.int64),
        3,
    ):
        with contextlib.suppress(RuntimeError, TypeError, UserWarning):
            torch.add(a, a, out=out)
    with pytest.raises((RuntimeError, TypeError)):
        torch.add(a, a, out=(a,))


def test_in_place_on_expanded() -> None:
    """Elements that share their memory are refused by what writes them, before anything else is looked at."""
    e = torch.zeros(1).expand(3)
    whole = torch.zeros(1, dtype=torch.int64).expand(3)
    for write in (
        lambda: e.add_(1),
        lambda: e.mul_(torch.ones(4)),
        lambda: e.exp_(),
        lambda: e.copy_(torch.ones(3)),
        lambda: e.addcmul_(torch.ones(4), torch.ones(4)),
        lambda: whole.div_(2),
        lambda: whole.exp_(),
    ):
        with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
            write()
    # One value for all is one value for each.
    assert e.fill_(1).tolist() == [1, 1, 1] and e.zero_().tolist() == [0, 0, 0]


# ---- arguments ----


def test_sizes_beyond_all_bounds() -> None:
    """Products of sizes and strides overflow, dimensions do not fit a byte."""
    big = 2**62
    x = torch.ones(4)
    calls: list[Any] = [
        lambda: torch.zeros([1] * 65),
        lambda: torch.zeros([1] * 300),
        lambda: torch.ones(1).expand([1] * 300),
        lambda: x.view([1] * 299 + [4]),
        lambda: x.reshape([1] * 299 + [4]),
        lambda: x.as_strided([1] * 300, [1] * 300),
        lambda: x.as_strided((2, 2), (big, big)),
        lambda: x.as_strided((2,), (-1,)),
        lambda: x.as_strided((2,), (1,), big),
        lambda: x.as_strided((2,), (1,), -1),
        lambda: x.as_strided((big, 4), (0, 0)),
        lambda: torch.ones(1).expand(big, big),
        lambda: torch.zeros(big),
        lambda: torch.zeros(big, big),
        lambda: torch.eye(big),
        lambda: torch.full((big,), 1),
        lambda: torch.arange(0, 1e300),
        lambda: torch.arange(big),
        lambda: torch.linspace(0, 1, big),
        lambda: torch.linspace(0, 1, -1),
        lambda: x.view(-2),
        lambda: x.view(-1, -1),
        lambda: x.unsqueeze(big),
        lambda: x.transpose(big, -big),
        lambda: x[big],
        lambda: torch.zeros(2**70),
    ]
    for call in calls:
        with pytest.raises((RuntimeError, ValueError, IndexError, TypeError, MemoryError)):
            call()
    assert torch.zeros(0, 2**40, 2**40).numel() == 0
    for _ in range(70):
        try:
            x = x.unsqueeze(0)
        except (RuntimeError, IndexError, ValueError):
            break
    assert x.ndim == 64


def test_numbers_that_misbehave() -> None:
    """Python code runs inside of conversions: it raises, or changes the list that is being read."""

    class Raises:
        def __index__(self) -> int:
            raise KeyError("index")

        __float__ = __len__ = __iter__ = __index__  # type: ignore[assignment]

        def __getitem__(self, i: int) -> float:
            raise KeyError("item")

    class Shrinks:
        def __init__(self, of: list[Any]) -> None:
            self.of = of

        def __float__(self) -> float:
            self.of.clear()
            return 1.0

        def __index__(self) -> int:
            self.of.clear()
            return 1

        def __len__(self) -> int:
            self.of.clear()
            return 2

        def __getitem__(self, i: int) -> float:
            self.of.clear()
            if i > 1:
                raise IndexError
            return 1.0

    class Huge:
        def __len__(self) -> int:
            return 2**60

        def __getitem__(self, i: int) -> float:
            if i > 3:
                raise IndexError
            return 1.0

    cyclic: list[Any] = []
    cyclic.append(cyclic)
    deep: Any = 1.0
    for _ in range(3000):
        deep = [deep]
    x = torch.ones(3)
    values: list[Any] = [
        Raises(),
        [Raises()],
        cyclic,
        deep,
        Huge(),
        "text",
        b"bytes",
        {},
        set(),
        object(),
        1j,
        [1, [2]],
        [[1], 2],
    ]
    for _ in range(4):
        items: list[Any] = [1.0, 2.0]
        items += [Shrinks(items), 3.0, [1.0], Shrinks(items)]
        values += [items, [items, items], items[2]]
    for value in values:
        for call in (
            torch.tensor,
            torch.Tensor,
            torch.zeros,
            torch.stack,
            torch.cat,
            torch.as_tensor,
            x.view,
            x.__getitem__,
            x.new_tensor,
            x.__add__,
            x.backward,
            torch.Size,
            lambda v: torch.tensor(v, dtype=torch.int64),
            lambda v: torch.tensor([v, v]),
            lambda v: x.__setitem__(v, 1.0),
            lambda v: x.__setitem__(0, v),
            lambda v: torch.autograd.grad(v, v),
            lambda v: torch.sum(x, dim=v),
        ):
            try:
                call(value)
            except Exception as e:
                assert not isinstance(e, SystemError), (call, value)


def test_arrays_of_all_kinds() -> None:
    """numpy's memory may be read-only, reversed, shared, unaligned, of foreign byte order or no numbers."""
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(bytearray(25), dtype=np.uint8)[1:].view(np.float64)
    arrays = [
        np.array(2.0),
        np.arange(3.0),
        np.zeros((0, 3)),
        np.arange(6.0)[::2],
        np.broadcast_to(np.ones(1), (3, 4)).copy(order="F"),
        np.asfortranarray(np.ones((2, 3))),
    ]
    for a in arrays:
        assert torch.from_numpy(a).tolist() == a.tolist() == torch.tensor(a).tolist()
    with pytest.warns(UserWarning, match="not writable"):
        torch.from_numpy(read_only)
    with pytest.raises(ValueError, match="aligned"):
        torch.from_numpy(unaligned)
    assert torch.tensor(unaligned).tolist() == [0.0, 0.0, 0.0]
    refused = [
        np.arange(3.0)[::-1],
        np.zeros(2, dtype=">f8"),
        np.array([{}], dtype=object),
        np.zeros(2, dtype="i4,f4"),
        np.array(["a"]),
        np.array([1j]),
        np.zeros(3, dtype="M8[s]"),
        np.zeros((2, 3), dtype=[("a", "f4"), ("b", "i1")])["a"],
        [1.0],
    ]
    for a in refused:
        with pytest.raises((TypeError, ValueError)):
            torch.from_numpy(a)


def test_array_that_lies_about_its_dtype() -> None:
    """A subclass may have any `dtype` attribute: its memory is what counts."""

    class Lies(np.ndarray):  # type: ignore[type-arg]
        dtype = property(lambda self: np.dtype("float64"))  # type: ignore[assignment]

    a = np.zeros(4, dtype=np.int8).view(Lies)
    for call in (torch.from_numpy, torch.tensor, torch.as_tensor):
        with pytest.raises(TypeError):
            call(a)
    b = np.zeros(4, dtype=np.int64).view(Lies)
    with pytest.raises(TypeError):
        torch.from_numpy(b)


def test_array_kept_alive_by_its_tensor() -> None:
    """Memory that a tensor shows stays, and its owner cannot be resized."""
    a = np.arange(1000.0)
    t = torch.from_numpy(a)
    with pytest.raises(ValueError):
        a.resize(10, refcheck=True)
    del a
    gc.collect()
    assert t.sum().item() == 499500.0
    b = t.numpy()
    del t
    gc.collect()
    assert b.sum() == 499500.0


def test_tensors_as_integers() -> None:
    """A tensor stands for an integer only if it has one element."""
    past_the_end = torch.arange(6)[6:]
    for t in (past_the_end, torch.arange(6), torch.ones(2)):
        for call in (
            lambda t=t: torch.zeros(3)[t, t:],
            lambda t=t: torch.zeros(t, 2),
            lambda t=t: torch.Tensor(3, t),
            lambda t=t: torch.zeros(5)[t:],
        ):
            with pytest.raises((TypeError, IndexError, RuntimeError, ValueError)):
                call()


# ---- processes ----

PROGRAMS = {
    "live graph at exit": """
x = torch.ones(3, requires_grad=True)
x.tag = x
y = (x * 2).exp()
y.register_hook(lambda g: print(g))
y.fn = y.grad_fn
""",
    "exit in a hook": """
import sys
x = torch.ones(3, requires_grad=True)
x.register_hook(lambda g: sys.exit(0))
(x * 2).sum().backward()
""",
    "finalizer at exit": """
class T(torch.Tensor):
    def __del__(self):
        self.sum().item()
x = T([1.0]).requires_grad_()
y = x * 2
del x
""",
    "imported again": """
import sys
x = torch.ones(2)
for name in [name for name in sys.modules if name.startswith("hinoko")]:
    del sys.modules[name]
try:
    import hinoko
    hinoko.ones(2) + 1
except ImportError:
    pass
x + x
""",
    "something called numpy": """
import sys, types
fake = types.ModuleType("numpy")
fake.ndarray = fake.generic = fake.integer = fake.bool_ = 3
sys.modules["numpy"] = fake
for v in ([1.0], object(), 2, [object()]):
    try:
        torch.tensor(v)
    except Exception:
        pass
torch.ones(2) + 1
""",
    "fork": """
import os
x = torch.ones(3, requires_grad=True)
y = (x * x).sum()
pid = os.fork() if hasattr(os, "fork") else None
y.backward()
assert x.grad.tolist() == [2.0] * 3
if pid == 0:
    os._exit(0)
assert pid is None or os.waitpid(pid, 0)[1] == 0
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_process_ends_well(name: str) -> None:
    """A process tears its objects down in any order; a child goes on with its parent's graph."""
    run_python(code="import hinoko as torch\n" + PROGRAMS[name])


# ---- optimisers ----


def test_option_that_takes_the_parameters_away() -> None:
    """Options are asked for their truth value while the step already knows some parameters."""
    weights = [torch.ones(300, requires_grad=True) for _ in range(3)]
    for w in weights:
        w.grad = torch.ones(300)
    groups = [{"params": [w], "lr": 0.1} for w in weights]
    del w, weights
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    del groups

    class Nasty:
        def __bool__(self) -> bool:
            for g in optimizer.param_groups:
                for p in g["params"]:
                    p.grad = None
                    p.data = torch.ones(1)
                g["params"].clear()
            return False

    optimizer.param_groups[1]["nesterov"] = Nasty()
    with contextlib.suppress(RuntimeError):
        optimizer.step()
    gc.collect()
    assert [len(g["params"]) for g in optimizer.param_groups] == [0, 0, 0]


def test_closure_that_raises() -> None:
    """A step whose closure raises, half-way through the graph, leaves nothing behind."""
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)

    def closure() -> Any:
        loss = (w * w).sum()
        loss.backward()
        optimizer.zero_grad()
        raise KeyError("closure")

    before = torch._C.live_blocks()
    for _ in range(3):
        with pytest.raises(KeyError):
            optimizer.step(closure)
    assert torch._C.live_blocks() <= before
    assert w.tolist() == [1.0] * 3 and torch.is_grad_enabled()
