"""Differentiation: `backward` accumulates into `.grad`, `grad` returns gradients."""

from __future__ import annotations

from hinoko import _C
from hinoko.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

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
    from hinoko.autograd.variable import Variable

backward = _C._autograd_backward
grad = _C._autograd_grad


def __getattr__(name: str) -> object:
    if name in ("graph", "variable"):
        import importlib

        return importlib.import_module(f"hinoko.autograd.{name}")
    if name == "Variable":
        from hinoko.autograd.variable import Variable

        return Variable
    raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")
