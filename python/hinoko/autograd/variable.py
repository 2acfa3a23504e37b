"""`Variable`, which was a type of its own before torch 0.4: old lessons still write it."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _C.Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> _C.Tensor:
        if data is None:
            data = _C.empty(0)
        if not isinstance(data, _C.Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_VariableMeta):
    """`Variable(tensor, requires_grad=False)`: a tensor over the same data. Every tensor is an instance."""
