"""Benchmarks of hinoko beside torch, numpy, micrograd and pure Python: `python -m bench`."""
