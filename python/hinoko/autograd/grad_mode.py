"""Whether operations are recorded: contexts that also serve as decorators, of generators too."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from typing_extensions import Self

    F = TypeVar("F", bound=Callable[..., Any])

_set = _C._set_grad_enabled


def _decorate(function: Any, make_context: Callable[[], Any]) -> Any:
    """`function` run inside of a fresh context, entered anew for each step of a generator."""
    import functools
    import inspect

    if isinstance(function, type):
        raise TypeError("a class can't be decorated with a grad mode; decorate its __init__ or methods")

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            running = function(*args, **kwargs)
            step, argument = running.send, None
            while True:
                try:
                    with make_context():
                        value = step(argument)
                except StopIteration as end:
                    return end.value
                try:
                    argument = yield value
                    step = running.send
                except GeneratorExit:
                    with make_context():
                        running.close()
                    raise
                except BaseException as error:
                    step, argument = running.throw, error

        return generator

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with make_context():
            return function(*args, **kwargs)

    return wrapper


class _Switch:
    """A context, and a decorator with or without parentheses, in which recording is on or off."""

    _enabled: bool

    if TYPE_CHECKING:

        @overload
        def __new__(cls, orig_func: F) -> F: ...  # type: ignore[misc]
        @overload
        def __new__(cls, orig_func: None = None) -> Self: ...

    def __new__(cls, orig_func: Any = None) -> Any:
        return object.__new__(cls) if orig_func is None else cls()(orig_func)

    def __enter__(self) -> None:
        self.prev = _set(self._enabled)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        _set(self.prev)

    def __call__(self, func: F) -> F:
        return _decorate(func, type(self))  # type: ignore[no-any-return]


class no_grad(_Switch):
    """A context, and a decorator, in which nothing is recorded."""

    _enabled = False


class enable_grad(_Switch):
    """A context, and a decorator, in which operations are recorded, also inside of `no_grad`."""

    _enabled = True


class set_grad_enabled:
    """Switches recording on or off: at once, for a `with` block, or for a decorated function."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.mode = mode
        self.prev = _set(mode)

    def __enter__(self) -> None:
        _set(self.mode)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        _set(self.prev)

    def __call__(self, func: F) -> F:
        _set(self.prev)  # the decorator alone switches nothing
        return _decorate(func, lambda: set_grad_enabled(self.mode))  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode:
    """As `no_grad` (with mode=True): tensors made here can be used in the graph later, unlike in torch."""

    if TYPE_CHECKING:

        @overload
        def __new__(cls, mode: F) -> F: ...  # type: ignore[misc]
        @overload
        def __new__(cls, mode: bool = True) -> Self: ...

    def __new__(cls, mode: Any = True) -> Any:
        return object.__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.prev = _set(False) if self.mode else _set(_C.is_grad_enabled())

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        _set(self.prev)

    def __call__(self, func: F) -> F:
        return _decorate(func, lambda: inference_mode(self.mode))  # type: ignore[no-any-return]
