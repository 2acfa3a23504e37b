"""The default random number generator: torch's CPU generator, bit for bit."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]

default_generator = _C.default_generator


def manual_seed(seed: Any) -> _C.Generator:
    """Seeds the default generator and returns it. Negative seeds count from 2**64 down."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seeds the default generator with a number nobody knows, and returns that."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> bytes:
    """The state of the default generator, in the layout of torch's ByteTensor."""
    return default_generator._get_state()


def set_rng_state(new_state: bytes) -> None:
    """Restores a state that `get_rng_state` returned."""
    default_generator._set_state(new_state)
