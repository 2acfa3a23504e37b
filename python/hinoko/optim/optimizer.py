"""The base of all optimisers: parameter groups, state, saving and loading, hooks.

`zero_grad` is one call into C++, whatever the number of parameters:

`_C._zero_grad(param_groups, set_to_none) -> None`
    `param_groups` is a list of dicts; of each, `group["params"]` is a list of tensors (KeyError "params"
    where it is missing, TypeError where an element is no Tensor). `set_to_none` counts by its truth value.
    For each parameter whose `.grad` is not None, in order:
    - `set_to_none`: as `p.grad = None`. The gradient's tensor itself is not touched; somebody who still
      holds it keeps its values.
    - else: as `p.grad.detach_()` if `p.grad.grad_fn` is not None (with detach_'s error for views), else as
      `p.grad.requires_grad_(False)`; then as `p.grad.zero_()` without recording: the same Tensor object
      and the same memory, strides respected, any dtype, version counter raised by one.
    Grad mode is neither read nor changed. Nothing of the group but "params" is read.
"""

from __future__ import annotations

import hinoko
from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import OrderedDict, defaultdict
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Params: TypeAlias = "Iterable[_C.Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, _C.Tensor]]"
    StateDict: TypeAlias = "dict[str, Any]"
else:
    from _collections import OrderedDict, defaultdict  # the classes of `collections`, without its import time

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

Tensor = _C.Tensor
_zero_grad = _C._zero_grad


class _RequiredParameter:
    """The value of an option without a default: each group has to name it."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


class RemovableHandle:
    """Removes a hook from the dict that holds it: by `remove()` or at the end of a `with` block."""

    next_id = 0

    def __init__(self, hooks: OrderedDict[int, Any]) -> None:
        self._hooks = hooks
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def _add_hook(hooks: OrderedDict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


_global_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_post_hooks: OrderedDict[int, Any] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Has `hook(optimizer, args, kwargs)` run before each step of every optimiser."""
    return _add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., None]) -> RemovableHandle:
    """Has `hook(optimizer, args, kwargs)` run after each step of every optimiser."""
    return _add_hook(_global_post_hooks, hook)


def _type_name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _run_hooked(
    optimizer: Optimizer,
    step: Callable[..., Any],
    shown: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """`step(*args, **kwargs)` between the hooks. args[0] is the optimiser; `shown` goes into error texts."""
    for hook in (*_global_pre_hooks.values(), *optimizer._optimizer_step_pre_hooks.values()):
        changed = hook(optimizer, args, kwargs)
        if changed is not None:
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"{shown} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
    result = step(*args, **kwargs)
    for hook in (*optimizer._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
        hook(optimizer, args, kwargs)
    return result


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """The `step` of a class that does not know of hooks, wrapped so that they run."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _run_hooked(args[0], step, step, args, kwargs)

    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(wrapper, name, getattr(step, name))
    wrapper.__dict__.update(step.__dict__)
    wrapper.__wrapped__ = step  # type: ignore[attr-defined]
    wrapper.hooked = True  # type: ignore[attr-defined]
    return wrapper


class Optimizer:
    """Base class of optimisers.

    Args:
        params: tensors, dicts with the keys "params" and any options, or (name, tensor) pairs.
        defaults: the options of groups that do not set their own.
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    param_groups: list[dict[str, Any]]

    # True while `step` has nothing to do but the update: no hooks, nothing to record. A subclass may then
    # go straight to its one call into C++ (the hooks of all optimisers are a separate question).
    _direct = True

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._reset_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _reset_hooks(self) -> None:
        for when in ("step_pre", "step_post", "state_dict_pre", "state_dict_post"):
            setattr(self, f"_optimizer_{when}_hooks", OrderedDict())
        self._optimizer_load_state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_load_state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()
        self._direct = not self.defaults.get("differentiable")
        self._patch_step_function()

    if TYPE_CHECKING:
        _optimizer_step_pre_hooks: OrderedDict[int, Any]
        _optimizer_step_post_hooks: OrderedDict[int, Any]
        _optimizer_state_dict_pre_hooks: OrderedDict[int, Any]
        _optimizer_state_dict_post_hooks: OrderedDict[int, Any]

    def _patch_step_function(self) -> None:
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    # Parameter groups.

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: a dict with "params" and the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params: Any = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in sets will change between runs. Please use a list instead."
            )
        names: list[Any] = []
        tensors: list[Any] = []
        for param in params:
            if isinstance(param, tuple):
                names.append(param[0])
                tensors.append(param[1])
            else:
                tensors.append(param)
        param_group["params"] = tensors
        if names:
            if len(names) != len(tensors):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"
                )
            param_group["param_names"] = names
        for param in tensors:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}"
                )
            if not (self.defaults.get("differentiable") or param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for key, value in self.defaults.items():
            if value is required and key not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {key}"
                )
            param_group.setdefault(key, value)

        ids = {id(param) for param in tensors}
        if len(ids) != len(tensors):
            import warnings

            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause "
                "an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        if any(id(param) in ids for group in self.param_groups for param in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradient of every parameter, or fills it with zeros."""
        _zero_grad(self.param_groups, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once; the subclass says how."""
        raise NotImplementedError

    # Saving and loading.

    def state_dict(self) -> StateDict:
        """State and groups with each parameter replaced by its position. The state's tensors are shared."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        index: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [index.setdefault(id(param), len(index)) for param in group["params"]]
            groups.append(packed)
        state = {index[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result: StateDict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Takes over what `state_dict` returned; tensors of the state get their parameter's dtype."""
        from copy import deepcopy

        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        param_of: dict[Any, Any] = {}
        for saved, group in zip(saved_groups, self.param_groups, strict=True):
            if len(saved["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )
            param_of.update(zip(saved["params"], group["params"], strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _cast(param_of[key], value)
            else:
                state[key] = value
        for saved, group in zip(saved_groups, self.param_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.defaults.setdefault("differentiable", False)
        if "_optimizer_step_pre_hooks" not in self.__dict__:  # a copy; load_state_dict keeps its hooks
            self._reset_hooks()

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"{chr(10) if i else ''}Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join(lines) + "\n)"

    # Hooks.

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Has `hook(optimizer, args, kwargs)` run before `step`; it may return new (args, kwargs)."""
        self._direct = False
        return _add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Has `hook(optimizer, args, kwargs)` run after `step`."""
        self._direct = False
        return _add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[[Optimizer], None], prepend: bool = False
    ) -> RemovableHandle:
        """Has `hook(optimizer)` run before `state_dict`."""
        return _add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Has `hook(optimizer, state_dict)` run at the end of `state_dict`; it may return another one."""
        return _add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Has `hook(optimizer, state_dict)` run before `load_state_dict`; it may return another one."""
        return _add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[[Optimizer], None], prepend: bool = False
    ) -> RemovableHandle:
        """Has `hook(optimizer)` run after `load_state_dict`."""
        return _add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _cast(param: Any, value: Any, key: object = None) -> Any:
    """A loaded value as `param` needs it; containers are rebuilt, so that the saved ones stay as they are."""
    if isinstance(value, Tensor):
        # A step counter keeps its dtype: in a narrow one it would stop counting.
        if key == "step" or not param.is_floating_point():
            return value.to(device=param.device)
        return value.to(dtype=param.dtype, device=param.device)
    if isinstance(value, dict):
        return {k: _cast(param, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_cast(param, v) for v in value)
    return value


def _call_with_grad(closure: Callable[[], Any]) -> Any:
    with hinoko.enable_grad():
        return closure()
