"""The instruction set that the kernels use."""

from __future__ import annotations

from hinoko import _C

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The best that the machine and the wheel have: "AVX512", "AVX2" or "DEFAULT" (SSE2, or NEON on Arm).

    The environment variable ``HINOKO_CPU_CAPABILITY`` (``default``, ``avx2``, ``avx512``), read when hinoko
    is imported, asks for a lower one.
    """
    return _C._cpu_capability()
