"""The library under test, and the few helpers that all tests share.

`from lib import torch` gives hinoko; with HINOKO_TEST_LIBRARY=torch the same tests run on real torch,
which is how they are validated. The helpers use only what both libraries have.
"""

from __future__ import annotations

import gzip
import importlib
import json
import math
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

LIBRARY = os.environ.get("HINOKO_TEST_LIBRARY", "hinoko")
IS_TORCH = LIBRARY == "torch"
DATA = Path(__file__).resolve().parent / "data"

torch: Any = importlib.import_module(LIBRARY)
if IS_TORCH:
    sys.modules["hinoko"] = torch  # for tests that import it by name

DTYPES = ("bool", "int32", "int64", "float32", "float64")
FLOATS = ("float32", "float64")
_CODES = {"bool": "?", "int32": "i", "int64": "q", "float32": "f", "float64": "d"}
_BITS = {"bool": "B", "int32": "i", "int64": "q", "float32": "i", "float64": "q"}
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}
SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}


def dtype_name(tensor_or_dtype: Any) -> str:
    """'float32' for torch.float32 or for a tensor of that type."""
    dtype = getattr(tensor_or_dtype, "dtype", tensor_or_dtype)
    return str(dtype).removeprefix("torch.")


def load(name: str) -> Any:
    """The stored figures tests/data/<name>, a JSON file, possibly gzipped."""
    path = DATA / name
    if path.suffix == ".gz":
        return json.loads(gzip.decompress(path.read_bytes()))
    return json.loads(path.read_text())


def store(name: str, value: Any) -> None:
    text = json.dumps(value, separators=(",", ":"), sort_keys=False) + "\n"
    path = DATA / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    else:
        path.write_text(text)


def flat(tensor: Any) -> list[Any]:
    """The elements in row-major order as Python numbers, without any use of the library's own reshaping."""
    out: list[Any] = []
    plain = tensor.detach()
    stack = [(plain.clone() if IS_TORCH else plain).tolist()]  # torch has tensors of zeros without memory
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        else:
            out.append(item)
    return out


def pack(tensor: Any) -> str:
    """The exact elements as hexadecimal digits, little endian."""
    return struct.pack("<" + _CODES[dtype_name(tensor)] * tensor.numel(), *flat(tensor)).hex()


def unpack(dtype: str, digits: str) -> list[Any]:
    raw = bytes.fromhex(digits)
    code = _CODES[dtype]
    return list(struct.unpack(f"<{len(raw) // struct.calcsize('<' + code)}{code}", raw))


def encode(tensor: Any) -> list[Any]:
    """[dtype, shape, elements]: what the stored figures keep of a tensor."""
    return [dtype_name(tensor), list(tensor.shape), pack(tensor)]


def same_bits(a: Any, b: Any) -> bool:
    """Equal numbers, with -0 different from 0 and every nan alike."""
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return a == b and math.copysign(1.0, a) == math.copysign(1.0, b)
    return type(a) is type(b) and bool(a == b)


def ulps(dtype: str, a: float, b: float) -> float:
    """How many representable numbers lie between a and b."""
    if math.isnan(a) or math.isnan(b):
        return 0 if math.isnan(a) and math.isnan(b) else math.inf
    if a == b:
        return 0
    if math.isinf(a) or math.isinf(b):
        return math.inf

    def rank(value: float) -> int:
        (bits,) = struct.unpack("<" + _BITS[dtype], struct.pack("<" + _CODES[dtype], value))
        top = 1 << (31 if dtype == "float32" else 63)
        return int(bits) if bits >= 0 else -(int(bits) + top)

    return abs(rank(a) - rank(b))


def difference(expected: list[Any], actual: Any, tolerance: Any = "exact") -> str | None:
    """None where `actual` is what the figures say, otherwise a text that tells the difference.

    tolerance: "exact"; ("ulp", n) for n representable numbers (numbers below the normal range count as zero),
    of another dtype where a third item names one; ("close", n) for n epsilons of the largest element (or 1).
    """
    dtype, shape, digits = expected
    if dtype_name(actual) != dtype:
        return f"dtype {dtype_name(actual)}, expected {dtype}"
    if list(actual.shape) != shape:
        return f"shape {list(actual.shape)}, expected {shape}"
    want, have = unpack(dtype, digits), flat(actual)
    if len(have) != len(want):
        return f"{len(have)} elements, expected {len(want)}"
    if tolerance == "exact" or dtype not in FLOATS:
        good = [same_bits(w, h) for w, h in zip(want, have, strict=True)]
    elif tolerance[0] == "ulp":
        good = [
            ulps(tolerance[2] if len(tolerance) > 2 else dtype, w, h) <= tolerance[1]
            or abs(w - h) < SMALLEST[dtype]
            for w, h in zip(want, have, strict=True)
        ]
    else:
        finite = [abs(w) for w in want if math.isfinite(w)]
        bound = tolerance[1] * EPSILON[dtype] * max([1.0, *finite])
        good = [
            (math.isnan(w) and math.isnan(h)) or w == h or (math.isfinite(w) and abs(w - h) <= bound)
            for w, h in zip(want, have, strict=True)
        ]
    if all(good):
        return None
    at = good.index(False)
    text = f"element {at} is {have[at]!r}, expected {want[at]!r} ({tolerance})"
    return f"{text}; {good.count(False)} of {len(good)} differ"


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, or the end of the line."""
    line = text.strip().split("\n", 1)[0]
    return re.split(r"(?<!\.)\. ", line, maxsplit=1)[0].rstrip(".").rstrip()


def run_python(*arguments: str, code: str | None = None, check: bool = True, **options: Any) -> Any:
    """Runs this interpreter with its default warnings; gives the completed process with its text."""
    environment = {**os.environ, "MPLBACKEND": "Agg", **options.pop("env", {})}
    command = [sys.executable, *arguments, *(["-c", code] if code is not None else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done
