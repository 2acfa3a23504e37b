"""Stochastic gradient descent.

A step is one call into C++ for all groups and parameters:

`_C._sgd_step(param_groups, state) -> bool`
    True: the whole step is done. False: nothing at all was changed (no parameter, no buffer, no entry of
    `state`), and the caller does the step with tensor operations. It works in two passes, so that an error
    or a False can no longer come once something is changed. Nothing is recorded, whatever the grad mode is,
    and "a leaf Variable that requires grad ..." is not raised.

    Pass 1, for each group (a dict) in order. Read `params` (list), `lr`, `momentum`, `dampening`,
    `weight_decay`, `nesterov`, `maximize`; no other key.
    - A key is missing: False.
    - `lr` and `weight_decay`: a float or int (subclasses too, so bool and numpy.float64), or a Tensor of one
      element that is not complex (its item() as a double; requires_grad does not matter). `momentum` and
      `dampening`: a float or int. Anything else, an int beyond the doubles, or a Tensor with any other
      number of elements: False. The int -> double conversion is the only one made.
    - `nesterov` and `maximize` count by their truth value.
    For each parameter p in order:
    - p is no Tensor: False. p.grad is None: skipped, no entry of `state` is read or made.
    - p is float32 or float64 and p.grad has the same dtype and shape (sparse or other layouts: False).
    - p's elements fill distinct memory without holes in some order of dimensions (contiguous, transposed,
      ...); else (expanded, strided with gaps) False. A gradient with other strides than p's is read through
      a temporary copy in p's strides. If the gradient's storage is p's own, or the parameter occurs more
      than once in the step, or p shares its storage with another parameter of the step: False.
    - Only if momentum != 0: look up state[p] without making it (a defaultdict's __missing__ must not run),
      then "momentum_buffer" in it. No entry, no such key, or None: the buffer is new ("first"). Else it has
      to be a Tensor of p's dtype, shape and strides, with requires_grad False and a storage of its own;
      if not: False. state[p] there but no dict: False.
    - sgd_check<T>(options, first): the RuntimeError "value cannot be converted to type float without
      overflow". It is raised from pass 1, with nothing changed.
    Then, still before any change, allocate the new buffers (p's dtype, shape and strides, uninitialised,
    requires_grad False, no grad_fn) and put each into state: state[p] is made where it is missing with
    `state[p]` (so that a defaultdict makes its own dict), then state[p]["momentum_buffer"] = buffer.
    An error of an allocation leaves `state` as it was; that of a dict insertion may leave entries.

    Pass 2, for each parameter in order: sgd_update<T>(p's data, grad's data, buffer's data or null, first,
    p's number of elements, options). Version counters: p's goes up by one; an old buffer's by two
    (mul_, add_); that of a new buffer stays 0; the gradient's does not change. p.grad stays. p keeps its
    identity, storage, strides, grad_fn None and requires_grad. A parameter without elements only has
    its versions raised, and takes no part in the checks on shared storages.

`state` is any mapping with item access; the optimiser passes its defaultdict.
The roundings stand at the head of the C++ update. `foreach` and `fused` are accepted and change nothing.
"""

from __future__ import annotations

import hinoko
from hinoko import _C
from hinoko.optim.optimizer import (
    Optimizer,
    _call_with_grad,
    _global_post_hooks,
    _global_pre_hooks,
    _run_hooked,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hinoko.optim.optimizer import Params

__all__ = ["SGD"]

Tensor = _C.Tensor
_sgd_step = _C._sgd_step


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    Args:
        params: tensors, dicts of groups, or (name, tensor) pairs.
        lr: the learning rate, a number or a tensor of one element.
        momentum: factor of the buffer in which gradients accumulate.
        dampening: 1 - dampening is the factor of the gradient in the buffer.
        weight_decay: factor of the parameter that is added to its gradient.
        nesterov: look ahead along the buffer.
        maximize: climb instead of descend.
        foreach: accepted; the result is the same.
        differentiable: record the step, so that a gradient can flow through it.
        fused: accepted; the result is the same.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        if fused:
            if differentiable:
                raise RuntimeError("`fused` does not support `differentiable`")
            if foreach:
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew; it runs with gradients enabled, before the
                update, and its result is returned.
        """
        if (
            closure is None
            and self._direct
            and not _global_pre_hooks
            and not _global_post_hooks
            and _sgd_step(self.param_groups, self.state)
        ):
            return None
        return _run_hooked(self, SGD._step, SGD.step, (self,) if closure is None else (self, closure), {})

    step.hooked = True  # type: ignore[attr-defined]

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        """The step without hooks."""
        loss = None if closure is None else _call_with_grad(closure)
        if self.defaults["differentiable"]:
            with hinoko.enable_grad():
                _update_groups(self.param_groups, self.state)
        elif not _sgd_step(self.param_groups, self.state):
            with hinoko.no_grad():
                _update_groups(self.param_groups, self.state)
        return loss


def _update_groups(param_groups: list[dict[str, Any]], state: Any) -> None:
    """The update in tensor operations: for any dtype and layout, recorded where gradients are enabled."""
    for group in param_groups:
        for param in group["params"]:
            if param.grad is not None:
                _update(param, group, state)


def _update(param: Any, group: dict[str, Any], state: Any) -> None:
    recording = hinoko.is_grad_enabled()
    momentum, weight_decay, lr = group["momentum"], group["weight_decay"], group["lr"]
    grad = -param.grad if group["maximize"] else param.grad
    if weight_decay != 0:
        if recording and isinstance(weight_decay, Tensor) and weight_decay.requires_grad:
            grad = grad.addcmul(param.clone(), weight_decay)
        else:
            grad = grad.add(param, alpha=weight_decay)
    if momentum != 0:
        buffer = state[param].get("momentum_buffer")
        if buffer is None:
            buffer = state[param]["momentum_buffer"] = grad.detach().clone()
        else:
            buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
        grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
    if recording and isinstance(lr, Tensor) and lr.requires_grad:
        param.addcmul_(grad, lr.squeeze() if lr.dim() else lr, value=-1)
    else:
        param.add_(grad, alpha=-lr)
