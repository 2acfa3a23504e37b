"""What tools/stubgen.py can't read from the table of operations."""

from __future__ import annotations

# Result types that are not Tensor, by name; a tuple has one for each overload.
RESULTS: dict[str, str | tuple[str, ...]] = {
    "_autograd_backward": "None",
    "_autograd_grad": "tuple[Tensor, ...]",
    "_is_view": "_bool",
    "backward": "None",
    "data_ptr": "_int",
    "dim": "_int",
    "element_size": "_int",
    "equal": "_bool",
    "is_complex": "_bool",
    "is_contiguous": "_bool",
    "is_floating_point": "_bool",
    "is_nonzero": "_bool",
    "item": "_Number",
    "max": ("Tensor", "Tensor", "_ValuesAndIndices"),
    "min": ("Tensor", "Tensor", "_ValuesAndIndices"),
    "ndimension": "_int",
    "nelement": "_int",
    "numel": "_int",
    "numpy": "NDArray[Any]",
    "register_hook": "RemovableHandle",
    "register_post_accumulate_grad_hook": "RemovableHandle",
    "retain_grad": "None",
    "storage_offset": "_int",
    "tolist": "Any",
    "unbind": "tuple[Tensor, ...]",
    "where": ("Tensor", "tuple[Tensor, ...]"),
}

# What the parameters that the parser takes as `object` are, by function and name.
OBJECT_TYPES = {
    ("_autograd_backward", "create_graph"): "_bool",
    ("_autograd_backward", "grad_tensors"): "_Gradients",
    ("_autograd_backward", "grad_variables"): "_Gradients",
    ("_autograd_backward", "inputs"): "_Tensors | None",
    ("_autograd_backward", "retain_graph"): "_bool | None",
    ("_autograd_backward", "tensors"): "_Tensors",
    ("_autograd_grad", "allow_unused"): "_bool | None",
    ("_autograd_grad", "create_graph"): "_bool",
    ("_autograd_grad", "grad_outputs"): "_Gradients",
    ("_autograd_grad", "inputs"): "_Tensors",
    ("_autograd_grad", "is_grads_batched"): "_bool",
    ("_autograd_grad", "materialize_grads"): "_bool",
    ("_autograd_grad", "only_inputs"): "_bool",
    ("_autograd_grad", "outputs"): "_Tensors",
    ("_autograd_grad", "retain_graph"): "_bool | None",
    ("backward", "create_graph"): "_bool",
    ("backward", "gradient"): "Tensor | None",
    ("backward", "inputs"): "_Tensors | None",
    ("backward", "retain_graph"): "_bool | None",
    ("from_numpy", "ndarray"): "NDArray[Any]",
    ("register_hook", "hook"): "Callable[[Tensor], Tensor | None]",
    ("register_post_accumulate_grad_hook", "hook"): "Callable[[Tensor], None]",
}

# Methods that TENSOR spells out, since their result depends on the arguments.
BY_HAND = {"size", "stride", "type"}

# Attributes of the module that are no functions or classes: the types of those to declare.
CONSTANTS = {
    "dtype": "_dtype",
    "layout": "_layout",
    "memory_format": "memory_format",
    "Generator": "Generator",
    "str": "str",
}

# hinoko's own names that no other module defines.
PACKAGE_NAMES = {"newaxis": "None", "__version__": "str"}

# Names that exist for type checkers only.
TYPING_NAMES = {
    *("_Number", "_Tensors", "_Gradients", "_Index", "_ValuesAndIndices", "_DType"),
    *("_dtype", "_device", "_layout"),
}
MODULE_DUNDERS = {"__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
# What every class has, or what type checkers know of themselves.
CLASS_DUNDERS = {
    *("__doc__", "__module__", "__init__", "__del__", "__new__", "__setattr__", "__delattr__"),
    *("__repr__", "__str__"),
    *("__reduce__", "__reduce_ex__", "_pybind11_conduit_v1_", "__hash__", "__dict__", "__weakref__"),
    *("__dictoffset__", "__weaklistoffset__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"),
}

GENERATED = "# Written by tools/stubgen.py from the table of operations."

HEAD = f"""
{GENERATED}

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, NamedTuple, SupportsIndex, TypeAlias, final, overload, type_check_only

from numpy.typing import NDArray

_Number: TypeAlias = _int | _float
_Tensors: TypeAlias = Tensor | Iterable[Tensor]
_Gradients: TypeAlias = Tensor | Iterable[Tensor | None] | None
_Index: TypeAlias = SupportsIndex | slice | EllipsisType | Sequence[Any] | NDArray[Any] | None
# Tensor has attributes of these names.
_device: TypeAlias = device
_dtype: TypeAlias = dtype
_layout: TypeAlias = layout
_DType: TypeAlias = _dtype | type[_int | _float]
"""

CLASSES = """
@type_check_only
class _ValuesAndIndices(NamedTuple):
    values: Tensor
    indices: Tensor

class dtype:
    @property
    def is_complex(self) -> _bool: ...
    @property
    def is_floating_point(self) -> _bool: ...
    @property
    def is_signed(self) -> _bool: ...
    @property
    def itemsize(self) -> _int: ...
    def __copy__(self) -> dtype: ...
    def __deepcopy__(self, memo: object, /) -> dtype: ...

class layout: ...
class memory_format: ...

class device:
    def __init__(self, type: str | device, index: _int | None = None) -> None: ...
    @property
    def type(self) -> str: ...
    @property
    def index(self) -> _int | None: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...

@final
class Size(tuple[_int, ...]):
    def numel(self) -> _int: ...
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> _int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __add__(self, other: tuple[_int, ...], /) -> Size: ...  # type: ignore[override]
    def __radd__(self, other: tuple[_int, ...], /) -> Size: ...
    def __mul__(self, count: SupportsIndex, /) -> Size: ...
    def __rmul__(self, count: SupportsIndex, /) -> Size: ...

class Generator:
    def __init__(self, device: _device | str | None = None) -> None: ...
    @property
    def device(self) -> _device: ...
    def initial_seed(self) -> _int: ...
    def manual_seed(self, seed: _int) -> Generator: ...
    def seed(self) -> _int: ...
    def _get_state(self) -> bytes: ...
    def _set_state(self, state: bytes, /) -> None: ...

class Node:
    @property
    def metadata(self) -> dict[Any, Any]: ...
    @property
    def next_functions(self) -> tuple[tuple[Node | None, _int], ...]: ...
    @property
    def variable(self) -> Tensor: ...
    def name(self) -> str: ...
    def register_hook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...
    def register_prehook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...
    def _sequence_nr(self) -> _int: ...

class RemovableHandle:
    @property
    def id(self) -> _int: ...
    def remove(self) -> None: ...
    def __enter__(self) -> RemovableHandle: ...
    def __exit__(self, *exc_info: object) -> None: ...
"""


def _operators() -> str:
    lines = []
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "and", "or", "xor"):
        for form in ("", "r", "i"):
            lines.append(f"    def __{form}{name}__(self, other: Tensor | _Number, /) -> Tensor: ...")
    lines.append("    def __pow__(self, other: Tensor | _Number, modulus: None = None, /) -> Tensor: ...")
    lines.append("    def __rpow__(self, other: Tensor | _Number, modulus: None = None, /) -> Tensor: ...")
    lines.append("    def __ipow__(self, other: Tensor | _Number, /) -> Tensor: ...  # type: ignore[misc]")
    for name in ("matmul", "rmatmul"):
        lines.append(f"    def __{name}__(self, other: Tensor, /) -> Tensor: ...")
    for name in ("neg", "pos", "abs", "invert"):
        lines.append(f"    def __{name}__(self) -> Tensor: ...")
    for name in ("lt", "le", "gt", "ge"):
        lines.append(f"    def __{name}__(self, other: Tensor | _Number, /) -> Tensor: ...")
    for name in ("eq", "ne"):
        ignored = "  # type: ignore[override]"
        lines.append(f"    def __{name}__(self, other: Tensor | _Number, /) -> Tensor: ...{ignored}")
    return "\n".join(lines)


def _read_only(kind: str, *names: str) -> str:
    return "\n".join(f"    @property\n    def {name}(self) -> {kind}: ..." for name in names)


TENSOR = f"""
class Tensor:
    grad: Tensor | None
    requires_grad: _bool
    data: Tensor
    __array_priority__: _int
{_read_only("Tensor", "T", "mT", "real")}
{_read_only("Tensor | None", "_base")}
{_read_only("Node | None", "grad_fn")}
{_read_only("_dtype", "dtype")}
{_read_only("_device", "device")}
{_read_only("_layout", "layout")}
{_read_only("Size", "shape")}
{_read_only("_int", "_version", "itemsize", "nbytes", "ndim", "output_nr")}
{_read_only("_bool", "is_leaf", "retains_grad", "is_cpu", "is_cuda", "is_meta", "is_mps")}
{_read_only("_bool", "is_quantized", "is_sparse")}
    def __init__(self, *args: object) -> None: ...
{_operators()}
    def __bool__(self) -> _bool: ...
    def __float__(self) -> _float: ...
    def __int__(self) -> _int: ...
    def __index__(self) -> _int: ...
    def __len__(self) -> _int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __reversed__(self) -> Tensor: ...
    def __contains__(self, item: Tensor | _Number, /) -> _bool: ...
    def __getitem__(self, key: _Index, /) -> Tensor: ...
    def __setitem__(self, key: _Index, value: Tensor | _Number | NDArray[Any] | Sequence[Any], /) -> None: ...
    def __delitem__(self, key: _Index, /) -> None: ...
    def __hash__(self) -> _int: ...
    def __format__(self, format_spec: str, /) -> str: ...
    def __setstate__(self, state: dict[str, Any], /) -> None: ...
    def __copy__(self) -> Tensor: ...
    def __deepcopy__(self, memo: dict[_int, Any], /) -> Tensor: ...
    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> NDArray[Any]: ...
    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: _bool = False) -> Tensor: ...
    @overload
    def size(self, dim: None = None) -> Size: ...
    @overload
    def size(self, dim: _int) -> _int: ...
    @overload
    def stride(self, dim: None = None) -> tuple[_int, ...]: ...
    @overload
    def stride(self, dim: _int) -> _int: ...
    @overload
    def type(self, dtype: None = None, non_blocking: _bool = False) -> str: ...
    @overload
    def type(self, dtype: _DType | str, non_blocking: _bool = False) -> Tensor: ...
"""

FUNCTIONS = """
def _get_printoptions() -> dict[str, Any]: ...
def _make_device(type: str, index: _int, /) -> _device: ...
def _make_dtype(name: str, /) -> _dtype: ...
def _make_size(sizes: tuple[_int, ...], /) -> Size: ...
def _rebuild_tensor(dtype: str, sizes: tuple[_int, ...], data: bytes, requires_grad: _bool, /) -> Tensor: ...
def _set_default_dtype(d: _dtype, /) -> None: ...
def _set_grad_enabled(mode: _bool, /) -> _bool: ...
def _set_printoptions(
    precision: _int, threshold: _float, edgeitems: _int, linewidth: _int, sci_mode: _bool | None, /
) -> None: ...
def _sgd_step(param_groups: list[dict[str, Any]], state: Any, /) -> _bool: ...
def _zero_grad(param_groups: list[dict[str, Any]], set_to_none: object, /) -> None: ...
def can_cast(from_: _dtype, to: _dtype, /) -> _bool: ...
def get_default_dtype() -> _dtype: ...
def is_grad_enabled() -> _bool: ...
def live_blocks() -> _int: ...
def _cpu_capability() -> str: ...
def _num_threads() -> _int: ...
def _set_num_threads(count: _int) -> None: ...
def _memory_stats() -> dict[str, _int]: ...
def _empty_cache() -> None: ...
def op_table() -> list[dict[str, Any]]: ...
def promote_types(type1: _dtype, type2: _dtype, /) -> _dtype: ...
def result_type(tensor1: Tensor | _Number, tensor2: Tensor | _Number, /) -> _dtype: ...
def row_table() -> list[dict[str, Any]]: ...
"""

PAGE = """
# Operations
Written by `tools/stubgen.py` from the table of operations that the extension module is built from.
Everything has the meaning that it has in PyTorch 2.13.

`x.name(...)` is the method form; functions that are methods too take `x` as their first argument.
`*size` takes the ints one by one or as one sequence.
"""
