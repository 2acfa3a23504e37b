"""torch.FloatTensor and its kin: constructors by dtype, of which tensors of that dtype are instances."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BoolTensor", "DoubleTensor", "FloatTensor", "IntTensor", "LongTensor"]


class _TensorTypeMeta(type):
    dtype: _C.dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _C.Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any) -> _C.Tensor:
        if not args:
            return _C.empty(0, dtype=cls.dtype)
        first = args[0]
        if isinstance(first, _C.Tensor):
            if first.dtype is not cls.dtype:
                raise TypeError(f"expected a tensor of {cls.dtype} (got one of {first.dtype})")
            return first.detach()
        if isinstance(first, (int, _C.Size)):
            return _C.empty(*args, dtype=cls.dtype)
        if len(args) > 1:
            raise TypeError("new() received an invalid combination of arguments")
        if isinstance(first, float):
            raise TypeError("new(): data must be a sequence (got float)")
        return _C.tensor(first, dtype=cls.dtype)


def _make(name: str, dtype: _C.dtype) -> Any:
    body = {"__module__": "torch", "__doc__": f"A tensor of {dtype}, from sizes or data.", "dtype": dtype}
    return _TensorTypeMeta(name, (), body)


BoolTensor = _make("BoolTensor", _C.bool)
DoubleTensor = _make("DoubleTensor", _C.float64)
FloatTensor = _make("FloatTensor", _C.float32)
IntTensor = _make("IntTensor", _C.int32)
LongTensor = _make("LongTensor", _C.int64)
