"""Submodules that are imported when something in them is first asked for.

Not by a function ``__getattr__`` of the package: the interpreter has a quick way to a module's attributes
only where there is none, and `torch.exp` is looked up at every call.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
else:
    ModuleType = type(sys)


class Submodule(ModuleType):
    """Stands in its package for a submodule that was not imported yet, and becomes a copy of it."""

    def _load(self) -> ModuleType:
        import importlib

        module = importlib.import_module(self.__name__)
        vars(self).update(vars(module))
        self.__class__ = ModuleType  # type: ignore[assignment]
        return module

    def __getattr__(self, name: str) -> object:
        return getattr(self._load(), name)

    def __dir__(self) -> list[str]:
        return dir(self._load())

    def __repr__(self) -> str:
        return repr(self._load())


def submodules(package: str, *names: str) -> dict[str, ModuleType]:
    return {name: Submodule(f"{package}.{name}") for name in names}
