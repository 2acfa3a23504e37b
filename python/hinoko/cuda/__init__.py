"""What scripts ask before they choose a device: there is none but the CPU."""

from __future__ import annotations

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all", "synchronize"]


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Does nothing, as in torch without a GPU."""


def manual_seed_all(seed: int) -> None:
    """Does nothing, as in torch without a GPU."""


def synchronize(device: object = None) -> None:
    """Raises torch's error."""
    raise AssertionError("Torch not compiled with CUDA enabled")
