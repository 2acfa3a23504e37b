"""numpy in both directions: shared memory, types, protocols, lazy import."""

from __future__ import annotations

from typing import Any

import pytest
from lib import DTYPES, IS_TORCH, LIBRARY, run_python, torch

np: Any = pytest.importorskip("numpy")


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_shares_memory(dtype: str) -> None:
    t = torch.ones(2, 3, dtype=getattr(torch, dtype))
    a = t.numpy()
    assert a.dtype == np.dtype(dtype) and a.shape == (2, 3)
    a[0, 1] = 0
    assert t[0, 1].item() == 0
    t.zero_()
    assert not a.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_numpy_shares_memory(dtype: str) -> None:
    a = np.ones((2, 3), dtype=dtype)
    t = torch.from_numpy(a)
    assert t.dtype is getattr(torch, dtype) and tuple(t.shape) == (2, 3)
    t[1, 2] = 0
    assert a[1, 2] == 0
    a[:] = 0
    assert t.sum().item() == 0
    assert t.data_ptr() == a.ctypes.data


def test_strided_memory() -> None:
    t = torch.arange(12.0).reshape(3, 4)
    assert t.T.numpy().strides == (4, 16)
    assert t[:, 1::2].numpy().tolist() == [[1, 3], [5, 7], [9, 11]]
    a = np.arange(12.0).reshape(3, 4)
    view = torch.from_numpy(a[::2, 1:])
    assert view.tolist() == a[::2, 1:].tolist() and view.stride() == (8, 1)
    view.zero_()
    assert a.sum() == 0 + 8 + 4 + 5 + 6 + 7
    assert torch.from_numpy(a.T).stride() == (1, 4)
    assert torch.ones(1).expand(3).numpy().tolist() == [1, 1, 1]
    assert torch.tensor(2.5).numpy().shape == () and torch.from_numpy(np.array(2.5)).item() == 2.5
    assert torch.zeros(0, 3).numpy().shape == (0, 3) and tuple(torch.from_numpy(np.zeros((0, 3))).shape) == (
        0,
        3,
    )


def test_memory_outlives_its_first_owner() -> None:
    a = torch.arange(5.0).numpy()
    assert a.tolist() == [0, 1, 2, 3, 4]
    t = torch.from_numpy(np.arange(5.0))
    assert t.tolist() == [0, 1, 2, 3, 4]
    b = torch.from_numpy(np.arange(3)).numpy()
    assert b.tolist() == [0, 1, 2]


def test_tensor_copies_arrays() -> None:
    a = np.array([[1.5, 2.5]])
    t = torch.tensor(a)
    a[0, 0] = 7
    assert t.tolist() == [[1.5, 2.5]] and t.dtype is torch.float64
    assert torch.tensor(np.array([1, 2], dtype=np.int32)).dtype is torch.int32
    assert torch.tensor(np.array([True])).dtype is torch.bool
    assert torch.tensor(np.array([1.5, 2.5]), dtype=torch.float32).dtype is torch.float32
    assert torch.tensor(np.arange(6).reshape(2, 3)[:, ::2]).tolist() == [[0, 2], [3, 5]]
    with pytest.raises(ValueError, match=r"^At least one stride in the given numpy array is negative"):
        torch.tensor(np.arange(3)[::-1])
    assert torch.tensor(np.array([[1.5, 2.5]]), requires_grad=True).requires_grad


def test_tensor_of_numpy_scalars() -> None:
    assert torch.tensor(np.float64(1.5)).dtype is torch.float64
    assert torch.tensor(np.float32(1.5)).dtype is torch.float32
    assert torch.tensor(np.int64(3)).dtype is torch.int64
    assert torch.tensor(np.bool_(True)).dtype is torch.bool
    assert torch.tensor([np.float64(1.5), 2]).dtype is torch.float64
    assert torch.tensor([np.float32(1.5), np.float32(2)]).dtype is torch.float32
    assert torch.tensor([np.int32(1), 2]).tolist() == [1, 2]


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy.ndarrays")
def test_tensor_of_lists_of_arrays() -> None:
    t = torch.tensor([np.array([1, 2]), np.array([3, 4])])
    assert t.tolist() == [[1, 2], [3, 4]] and t.dtype is torch.int64


torch_deprecation = pytest.mark.filterwarnings("ignore:__array" if IS_TORCH else "error")


@torch_deprecation
def test_conversions_by_numpy() -> None:
    t = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    a = np.asarray(t)
    assert a.dtype == np.float32 and np.shares_memory(a, t.numpy())
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.array(t.long()).tolist() == [[1, 2], [3, 4]]
    b = np.array(t)
    b[0, 0] = 9
    assert t[0, 0].item() == 1.0
    assert np.asarray([torch.tensor([1.0]), torch.tensor([2.0])]).tolist() == [[1.0], [2.0]]
    assert np.stack([t, t]).shape == (2, 2, 2)


@torch_deprecation
def test_functions_of_numpy() -> None:
    t = torch.tensor([1.0, 4.0])
    assert np.sum(t.numpy()) == 5 and np.mean(np.asarray(t)) == 2.5
    assert np.allclose(t, [1.0, 4.0])
    assert np.linspace(0, torch.tensor(1.0).item(), 2).tolist() == [0, 1]


def test_numpy_scalars_are_numbers() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    for number in (np.float64(2), np.int64(2), np.float32(2)):
        y = x * number
        assert y.dtype is torch.float32 and y.tolist() == [6.0] and y.grad_fn.name() == "MulBackward0"
    z = np.float64(2) * x
    assert z.dtype is torch.float32 and z.tolist() == [6.0] and z.requires_grad
    assert (
        (np.float64(2) - x).tolist() == [-1.0]
        and (np.float64(6) / x).tolist() == [2.0]
        and (np.float64(2) ** x).tolist() == [8.0]
    )
    assert (x > np.float64(2)).tolist() == [True]
    assert torch.full((2,), np.float64(1.5)).tolist() == [1.5, 1.5]


@pytest.mark.hinoko_only
def test_array_times_tensor() -> None:
    """torch refuses this; here the array takes part as a tensor."""
    t = torch.tensor([1.0, 2.0])
    a = np.array([10.0, 20.0])
    for result in (a * t, t * a):
        assert (
            isinstance(result, torch.Tensor)
            and result.dtype is torch.float64
            and result.tolist() == [10.0, 40.0]
        )
    assert (a - t).tolist() == [9.0, 18.0] and (a / t).tolist() == [10.0, 10.0]
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (a * x).sum().backward()
    assert x.grad.tolist() == [10.0, 20.0]


def test_read_only_array_warns() -> None:
    code = (
        f"import {LIBRARY} as torch, numpy, warnings\n"
        "warnings.simplefilter('always')\n"
        "a = numpy.ones(3)\na.flags.writeable = False\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    t = torch.from_numpy(a)\n"
        "print(t.tolist(), len(seen), str(seen[0].message)[:40])\n"
    )
    assert run_python(code=code).stdout == "[1.0, 1.0, 1.0] 1 The given NumPy array is not writable, a\n"


def test_foreign_byte_order_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="byte order"):
        torch.from_numpy(np.ones(2, dtype=">f8" if np.little_endian else "<f8"))
    with pytest.raises(TypeError, match=r"^can't convert np.ndarray of type numpy"):
        torch.from_numpy(np.array(["x"]))


def test_numpy_force_and_detach() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    assert x.detach().numpy().tolist() == [1.0]
    with pytest.raises(RuntimeError, match=r"^Can't call numpy\(\) on Tensor that requires grad"):
        x.numpy()
    with torch.no_grad():  # nothing could be recorded there
        assert x.numpy().tolist() == [1.0]
    assert x.numpy(force=True).tolist() == [1.0]


def test_plot() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots()
    try:
        (line,) = axes.plot(torch.tensor([1.0, 4.0, 9.0]))
        assert line.get_ydata().tolist() == [1.0, 4.0, 9.0]
        (line,) = axes.plot(torch.arange(3), torch.tensor([1.0, 4.0, 9.0]))
        assert line.get_xdata().tolist() == [0, 1, 2]
        (line,) = axes.plot([torch.tensor(1.0), torch.tensor(2.0)])
        assert [float(v) for v in line.get_ydata()] == [1.0, 2.0]
    finally:
        plt.close(figure)


@pytest.mark.hinoko_only
def test_numpy_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys, hinoko as torch\n"
        "x = torch.tensor([1.], requires_grad=True)\n(x * 2).sum().backward()\n"
        "print(x.grad, torch.randn(2).shape)\n"
        "torch.optim.SGD([x], lr=.1).step()\n"
        "assert 'numpy' not in sys.modules\n"
        "print(x.detach().numpy())\nassert 'numpy' in sys.modules\n"
    )
    assert run_python(code=code).stdout == "tensor([2.]) torch.Size([2])\n[0.8]\n"


def test_version_is_not_bumped_by_numpy() -> None:
    t = torch.ones(2)
    t.numpy()[0] = 5
    assert t._version == 0 and (IS_TORCH or t.tolist() == [5.0, 1.0])
