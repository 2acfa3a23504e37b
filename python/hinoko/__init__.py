"""hinoko: PyTorch's eager CPU autograd as a small, fast library with torch's own names.

    import hinoko as torch

Everything that torch has here behaves as in torch 2.13: names, signatures, printed text, numbers. Submodules
are imported when they are first asked for; numpy, when an array is.
"""

from __future__ import annotations

from math import e, inf, nan, pi

from hinoko import _C

# The functions, types and dtypes of the extension module are those of this module.
for _name in dir(_C):
    if not _name.startswith("_"):
        globals()[_name] = getattr(_C, _name)
# What is not torch's: _C.op_table() and its like are for tests and documentation.
for _name in ("Node", "RemovableHandle", "live_blocks", "op_table", "row_table"):
    del globals()[_name]
del _name

from hinoko._functional import (
    allclose,
    empty_cache,
    get_num_interop_threads,
    get_num_threads,
    is_tensor,
    memory_stats,
    set_default_dtype,
    set_num_interop_threads,
    set_num_threads,
    typename,
)
from hinoko._tensor_str import get_printoptions, printoptions, set_printoptions
from hinoko.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from hinoko.random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__version__: str = _C._version

newaxis = None

_SUBMODULES = frozenset({"autograd", "backends", "cuda", "optim", "random", "utils"})
_LAZY = {
    "BoolTensor": "hinoko._legacy",
    "DoubleTensor": "hinoko._legacy",
    "FloatTensor": "hinoko._legacy",
    "IntTensor": "hinoko._legacy",
    "LongTensor": "hinoko._legacy",
    "install_as_torch": "hinoko._alias",
    "load_ipython_extension": "hinoko._ipython",
    "unload_ipython_extension": "hinoko._ipython",
}


def __getattr__(name: str) -> object:
    if name in _SUBMODULES or name in _LAZY:
        import importlib

        if name in _SUBMODULES:
            return importlib.import_module(f"hinoko.{name}")
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(
        f"module 'torch' has no attribute '{name}'\n"
        f"This is hinoko {_C._version}, which does not have all of torch."
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_LAZY})
