"""Optimisers."""

from __future__ import annotations

from hinoko.optim.optimizer import Optimizer
from hinoko.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]
