"""Functions that need no C++: settings, compositions, doors."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import TypeIs

_interop_threads = 1


def is_tensor(obj: object, /) -> TypeIs[_C.Tensor]:
    """Whether `obj` is a tensor."""
    return isinstance(obj, _C.Tensor)


def typename(obj: object, /) -> str:
    """The name of an object's type; of a tensor, its `type()`."""
    if isinstance(obj, _C.Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__


def set_default_dtype(d: _C.dtype, /) -> None:
    """Sets the dtype of tensors made from Python floats: float32 or float64."""
    _C._set_default_dtype(d)


def allclose(
    input: _C.Tensor, other: _C.Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether |input - other| <= atol + rtol * |other| holds for every pair of elements."""
    if input.dtype != other.dtype:
        raise RuntimeError(f"{_word(input)} did not match {_word(other)}")
    a, b = input.detach(), other.detach()
    close = (a == b) | ((a - b).abs() <= atol + rtol * b.abs()) & (a - b == a - b)
    if equal_nan:
        close = close | (a != a) & (b != b)
    return bool(_C.logical_not(close).sum() == 0)


def _word(tensor: _C.Tensor) -> str:
    return tensor.type().removeprefix("torch.").removesuffix("Tensor")


def install_as_torch() -> None:
    """Make ``import torch`` give hinoko in this process. Calling it again does nothing.

    Raises RuntimeError if PyTorch itself is already imported: tensors of both would meet.
    """
    from hinoko import _alias

    _alias.install_as_torch()


def load_ipython_extension(shell: object) -> None:
    """``%load_ext hinoko``: from then on ``import torch`` gives hinoko in this session."""
    install_as_torch()


def unload_ipython_extension(shell: object) -> None:
    """``%unload_ext hinoko``: undoes that."""
    from hinoko import _alias

    _alias.uninstall_as_torch()


def get_num_threads() -> int:
    """The number of threads that an operation may use."""
    return _C._num_threads()


def set_num_threads(int: int, /) -> None:
    """Sets the number of threads that a large operation may use. Results do not depend on it.

    At first it is ``OMP_NUM_THREADS`` where that is set, else the number of processors that the process
    may use.
    """
    _C._set_num_threads(_positive(int, "set_num_threads"))


def memory_stats() -> dict[str, int]:
    """What the tensors of this process hold, in bytes and counts.

    ``live_bytes`` and ``peak_bytes`` are those of tensors above 1 KB; ``cached_bytes`` wait for such tensors
    to come; of ``allocations`` so far the cache served ``reused``. ``small_blocks`` are in use for everything
    smaller (tensors, graph nodes, shapes), out of ``small_bytes`` taken from the system.
    """
    return _C._memory_stats()


def empty_cache() -> None:
    """Gives the memory that waits for large tensors back to the system.

    That also happens when none came or went for two seconds.
    """
    _C._empty_cache()


def get_num_interop_threads() -> int:
    """The number of threads between operations."""
    return _interop_threads


def set_num_interop_threads(int: int, /) -> None:
    """Sets the number of threads between operations. There is one so far."""
    global _interop_threads
    _interop_threads = _positive(int, "set_num_interop_threads")


def _positive(value: object, function: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuntimeError(f"{function} expects an int, but got {type(value).__name__}")
    if value <= 0:
        raise RuntimeError(f"{function} expects a positive integer")
    return value
