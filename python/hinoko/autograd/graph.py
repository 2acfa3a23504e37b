"""Nodes of the graph."""

from __future__ import annotations

from hinoko._C import Node

__all__ = ["Node"]
