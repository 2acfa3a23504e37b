"""The handle that removes a hook."""

from __future__ import annotations

from hinoko._C import RemovableHandle

__all__ = ["RemovableHandle"]
