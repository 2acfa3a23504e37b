"""What computes: the kernels of the CPU. The others are there for scripts that ask for them, and say no."""

from __future__ import annotations

from hinoko.backends import cpu, cuda, cudnn, mkl, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mps", "openmp"]
