"""How tensors are printed: the options. The text itself is made in C++ (cpp/tensor/print.h)."""

from __future__ import annotations

from hinoko import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which a tensor is summarised (1000).
        edgeitems: elements shown at each end of a summarised dimension (3).
        linewidth: characters per line (80).
        profile: "default", "short" or "full": a set of the above, which they override.
        sci_mode: whether to use scientific notation; None lets the values decide. As in torch, a call that
            does not name it sets it to None.
    """
    options = _C._get_printoptions()
    if profile is not None:
        options.update(_PROFILES.get(profile, {}))  # torch ignores names it does not know
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    options.update((name, value) for name, value in given.items() if value is not None)
    options["sci_mode"] = sci_mode
    _apply(options)


def _apply(options: dict[str, Any]) -> None:
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    _C._set_printoptions(*(options[name] for name in names))


def get_printoptions() -> dict[str, Any]:
    """The options of printing, as a dict."""
    return _C._get_printoptions()


class printoptions:
    """A context in which tensors are printed with other options."""

    def __init__(self, **kwargs: Any) -> None:
        self._options = kwargs

    def __enter__(self) -> None:
        self._before = _C._get_printoptions()
        set_printoptions(**self._options)

    def __exit__(self, *exc_info: object) -> None:
        _apply(self._before)
