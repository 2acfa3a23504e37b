"""Differentiation: `backward` accumulates into `.grad`, `grad` returns gradients."""

from __future__ import annotations

from hinoko import _C
from hinoko._lazy import submodules as _submodules
from hinoko.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from hinoko.autograd.variable import Variable

__all__ = [
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "grad_mode",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinoko.autograd import graph as graph

backward = _C._autograd_backward
grad = _C._autograd_grad

globals().update(_submodules("hinoko.autograd", "graph"))
