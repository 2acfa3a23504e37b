"""Prints a digest of the bits of many sums, means and extremes; `python reduction_digest.py LIBRARY THREADS`.

The inputs follow from whole numbers, so that any library makes the same ones. Long rows, wide and narrow
columns, strides, expanded and permuted tensors: whatever could be cut, or vectorised, in a way of its own.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from typing import Any

SHAPES = (
    (1,), (7,), (33,), (1000,), (12345,), (300007,), (1200011,),
    (3, 5), (7, 100), (100, 7), (33, 65), (200, 1000), (1000, 203), (4099, 3), (5003, 10), (20011, 40),
    (2, 70001), (70001, 2), (5, 6, 7), (16, 64, 33), (64, 16, 130), (9, 8, 20, 17),
)  # fmt: skip


def tensor(torch: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    count = 1
    for size in shape:
        count *= size
    whole = (torch.arange(count) * 7919 + 13) % 10007
    return (whole.to(dtype) / 97 - 50).reshape(shape)


def views(x: Any) -> Iterator[Any]:
    yield x
    yield x[:1].expand(5, *x.shape[1:])
    if x.dim() > 1:
        yield x.transpose(0, 1)
        yield x.transpose(0, -1)
        yield x[..., ::2]
        yield x[::3]
        yield x[..., :-1]
        yield x.transpose(0, 1)[:, ::2]


def results(torch: Any) -> Iterator[Any]:
    for shape in SHAPES:
        for dtype in (torch.float32, torch.float64):
            for x in views(tensor(torch, shape, dtype)):
                yield x.sum()
                yield x.mean()
                dims: list[Any] = list(range(x.dim()))
                if x.dim() > 2:
                    dims += [(0, 2), (0, 1), (1, 2)]
                for dim in dims:
                    yield x.sum(dim)
                    yield x.mean(dim)
                if x.numel():
                    yield x.max()
                    yield x.min()
                    for dim in range(x.dim()):
                        yield from x.max(dim)
                        yield from x.min(dim)


def digest(torch: Any) -> str:
    sha = hashlib.sha256()
    for result in results(torch):
        sha.update(result.contiguous().numpy().tobytes())
    return sha.hexdigest()[:32]


if __name__ == "__main__":
    library: Any = importlib.import_module(sys.argv[1])
    library.set_num_threads(int(sys.argv[2]))
    print(digest(library))
