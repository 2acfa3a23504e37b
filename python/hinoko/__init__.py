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
    install_as_torch,
    is_tensor,
    load_ipython_extension,
    memory_stats,
    set_default_dtype,
    set_num_interop_threads,
    set_num_threads,
    typename,
    unload_ipython_extension,
)
from hinoko._lazy import submodules as _submodules
from hinoko._legacy import BoolTensor, DoubleTensor, FloatTensor, IntTensor, LongTensor
from hinoko._tensor_str import get_printoptions, printoptions, set_printoptions
from hinoko.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from hinoko.random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__version__: str = _C._version

newaxis = None

globals().update(_submodules("hinoko", "backends", "cuda", "optim", "utils"))
