"""``import torch`` resolved to hinoko, for this process and only when asked.

``sys.modules["torch"]`` becomes the module object ``hinoko`` itself, and a finder in ``sys.meta_path``
answers every ``torch.x.y`` with the module ``hinoko.x.y``: one object under both names, imported once.
What hinoko lacks is an ImportError that says so.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import hinoko

_TORCH_VERSION = "2.13.0"  # the release whose behaviour hinoko follows
_HINOKO_VERSION = hinoko.__version__
_ADVICE = "Run the program with PyTorch itself, or take the import out if nothing depends on it."


def _hinoko_name(name: str) -> str | None:
    """hinoko's name of a torch module: ``torch.x.y`` -> ``hinoko.x.y``, None if it isn't torch's."""
    if name == "torch" or name.startswith("torch."):
        return "hinoko" + name[len("torch") :]
    return None


class _AliasLoader:
    """Hands out a module that is already imported; the import system must leave it as it is."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put the alias's spec there


class _AliasFinder:
    """First in ``sys.meta_path``: torch's modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "multiprocessing.spawn":
            return _spawn_spec(path)
        real = _hinoko_name(name)
        if real is None:
            return None
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            if sys._getframe(2).f_globals.get("__name__") == "importlib.util":
                return None  # importlib.util.find_spec(name) asks whether there is such a module
            raise ModuleNotFoundError(
                f"hinoko {_HINOKO_VERSION} has no module {name}. {_ADVICE}", name=name
            ) from None
        return ModuleSpec(name, _AliasLoader(module))  # type: ignore[arg-type]


class _MissingNameFinder:
    """Last in ``sys.meta_path``: ``from torch import x`` where hinoko has neither a name nor a module x."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, missing = name.rpartition(".")
        if package != "hinoko":
            return None
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == _IMPORT_SYSTEM:
            if frame.f_code.co_name == "_handle_fromlist":
                raise ImportError(
                    f"cannot import name {missing!r} from 'torch': "
                    f"hinoko {_HINOKO_VERSION} has no torch.{missing}. {_ADVICE}",
                    name="torch",
                    path=hinoko.__file__,
                )
            frame = frame.f_back
        return None


# CPython takes the frames of its import system out of the traceback of an ImportError. The finders
# belong to it, so an error ends at the user's own import statement.
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
for _finder in (_AliasFinder, _MissingNameFinder):
    _finder.find_spec.__code__ = _finder.find_spec.__code__.replace(co_filename=_IMPORT_SYSTEM)

_FINDERS = (_AliasFinder(), _MissingNameFinder())


def install_as_torch() -> None:
    """What :func:`hinoko.install_as_torch` does."""
    modules: Mapping[str, ModuleType | None] = sys.modules.copy()  # None: its import is blocked
    for name, module in modules.items():
        real = _hinoko_name(name)
        if real is not None and module is not None and module is not modules.get(real):
            where = getattr(module, "__file__", None) or "an unknown place"
            raise RuntimeError(
                f"{name} is already imported in this process, from {where}, so hinoko can't take its "
                "place.\nCall hinoko.install_as_torch() before the first import of torch; in a notebook "
                "or an interactive session, restart the interpreter first."
            )
    if _FINDERS[0] not in sys.meta_path:
        sys.meta_path.insert(0, _FINDERS[0])
        sys.meta_path.append(_FINDERS[1])
    for name in modules:
        if name == "hinoko" or name.startswith("hinoko."):
            sys.modules["torch" + name[len("hinoko") :]] = sys.modules[name]
    hinoko.__version__ = f"{_TORCH_VERSION}+hinoko.{_HINOKO_VERSION}"
    spawn = sys.modules.get("multiprocessing.spawn")
    if spawn is not None:
        _follow_into_spawned(spawn)


def uninstall_as_torch() -> None:
    """Undo :func:`install_as_torch`; modules that have imported hinoko as torch keep it."""
    for finder in _FINDERS:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
    for name, module in list(sys.modules.items()):
        real = _hinoko_name(name)
        if real is not None and module is sys.modules.get(real):
            del sys.modules[name]
    hinoko.__version__ = _HINOKO_VERSION


# A process that multiprocessing spawns imports the parent's __main__ anew, and with it torch. The data it
# is prepared with is unpickled before that import, which is where the alias has to be in place.


class _InstallWhenLoaded:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return install_as_torch, ()


def _follow_into_spawned(spawn: ModuleType) -> None:
    prepare: Any = spawn.get_preparation_data
    if getattr(prepare, "installs_hinoko", False):
        return

    def get_preparation_data(name: str) -> dict[str, object]:
        data: dict[str, object] = prepare(name)
        if sys.modules.get("torch") is hinoko:
            data["hinoko"] = _InstallWhenLoaded()
        return data

    get_preparation_data.installs_hinoko = True  # type: ignore[attr-defined]
    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


def _spawn_spec(path: Sequence[str] | None) -> ModuleSpec | None:
    """The true spec of multiprocessing.spawn, with the step above after it has loaded."""
    spec = importlib.machinery.PathFinder.find_spec("multiprocessing.spawn", path)
    if spec is None or spec.loader is None:
        return None
    execute = spec.loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _follow_into_spawned(module)

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec
