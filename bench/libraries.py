"""The libraries under measurement, each as the names that a case's code sees."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from dataclasses import dataclass
from types import ModuleType
from typing import Any

# Column keys, in the table's order. "hinoko" is the subject; the tensor libraries run the very same text.
KEYS = ("hinoko", "torch", "numpy", "scalar", "micrograd")
TENSOR_KEYS = ("hinoko", "torch")
VALUE_KEYS = ("scalar", "micrograd")


@dataclass(frozen=True)
class Library:
    key: str
    title: str
    version: str
    module: ModuleType
    names: dict[str, Any]


def module_name(key: str, subject: str) -> str:
    return {"hinoko": subject, "scalar": "bench.scalar_engine", "micrograd": "micrograd.engine"}.get(key, key)


def load(key: str, subject: str = "hinoko", threads: int = 1) -> Library:
    """Imports one library, set to that many threads where it has such a setting."""
    module = importlib.import_module(module_name(key, subject))
    title = key
    names: dict[str, Any]
    if key in TENSOR_KEYS:
        title = module.__name__
        names = {"torch": module}
        with contextlib.suppress(ImportError):  # without it only the cases that use it fail
            names["optim"] = importlib.import_module(f"{module.__name__}.optim")
        if hasattr(module, "set_num_threads"):
            module.set_num_threads(threads)
        version = str(module.__version__)
    elif key == "numpy":
        names = {"np": module}
        version = str(module.__version__)
    elif key == "scalar":
        title = "pure Python"
        names = {"Value": module.Scalar, "exp": module.exp, "grad": module.grad}
        version = ""
    else:
        names = {"Value": module.Value}
        version = _distribution_version(key)
    return Library(key, title, version, module, names)


def load_all(
    subject: str, keys: tuple[str, ...] = KEYS, threads: int = 1
) -> tuple[dict[str, Library], dict[str, str]]:
    """Every one of the libraries that can be imported, and for the others the reason why not."""
    found: dict[str, Library] = {}
    missing: dict[str, str] = {}
    for key in keys:
        try:
            found[key] = load(key, subject, threads)
        except Exception as error:  # a broken library must not hide the others' figures
            missing[key] = f"{type(error).__name__}: {error}"
    return found, missing


def _distribution_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
