"""A program that a type checker reads (`files` of mypy's configuration) and a test runs.

A line that must not pass the checker carries `type: ignore`; the checker complains if it does pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import hinoko as torch

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: Any, kind: object) -> Any:
        return value


def arithmetic() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y: torch.Tensor = x * 2 + torch.exp(x)
    assert_type(-y / 3 - 1**x, torch.Tensor)
    assert_type(2 @ x if x.ndim > 3 else x @ x, torch.Tensor)  # type: ignore[operator]
    assert_type(x == y, torch.Tensor)
    assert_type(x[0, None, ...], torch.Tensor)
    assert_type(x[None].T, torch.Tensor)
    x.detach().add_(1, alpha=2)
    a, b = torch.tensor([[1, 2]]).unbind(dim=1)
    assert_type(a + b, torch.Tensor)


def asking() -> None:
    x = torch.zeros(2, 3, dtype=torch.float64)
    assert_type(x.shape, torch.Size)
    assert_type(x.shape[0], int)
    assert_type(x.shape[:1], torch.Size)
    assert_type(x.size(0), int)
    assert_type(x.size(), torch.Size)
    assert_type(x.dtype, torch.dtype)
    assert_type(x.type(), str)
    assert_type(x.type(torch.float32), torch.Tensor)
    assert_type(x.numpy(), NDArray[Any])
    assert_type(torch.from_numpy(np.ones(3)), torch.Tensor)
    value: float = x.sum().item()
    assert_type(float(x[0, 0]) + value, float)
    assert_type([len(row) for row in x], list[int])
    assert_type(torch.is_grad_enabled(), bool)
    assert_type(torch.pi, float)


def overloads() -> None:
    x = torch.ones((2, 3))
    assert_type(x.max(), torch.Tensor)
    assert_type(torch.max(x, dim=1).indices, torch.Tensor)
    values, indices = x.max(1, keepdim=True)
    assert_type(values * indices, torch.Tensor)
    assert_type(torch.where(x > 0), tuple[torch.Tensor, ...])
    assert_type(torch.where(x > 0, x, 0.0), torch.Tensor)
    assert_type(x.view(3, 2) + x.view((3, 2)) + x.reshape(-1, 2), torch.Tensor)
    assert_type(x.sum(0, keepdim=True) + x.sum((0, 1)) + x.mean(), torch.Tensor)
    assert_type(torch.randn(2, 3, generator=torch.Generator().manual_seed(1)), torch.Tensor)
    assert_type(x.to(torch.int64) + x.to("cpu", torch.int64), torch.Tensor)


def training() -> None:
    torch.manual_seed(0)
    w = torch.randn(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    for _ in range(3):
        loss = ((w - 1) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        w -= 0.1 * w
    assert_type(w.grad, torch.Tensor | None)
    (g,) = torch.autograd.grad((w * w).sum(), w, create_graph=True)
    assert_type(g, torch.Tensor)
    if g.grad_fn is not None:
        assert_type(g.grad_fn.name(), str)
    w.register_hook(lambda grad: grad * 2).remove()


@torch.no_grad()
def evaluate(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def mistakes() -> None:
    x = torch.ones(2)
    for attempt in (
        lambda: torch.exp("text"),  # type: ignore[call-overload, arg-type, unused-ignore]
        lambda: torch.zeros(2, dtype="float"),  # type: ignore[call-overload]
        lambda: x.sum(dimension=0),  # type: ignore[call-overload]
        lambda: x.no_such_method(),  # type: ignore[attr-defined]
        lambda: torch.optim.SGD([x], rate=1),  # type: ignore[call-arg]
    ):
        try:
            attempt()
        except (TypeError, AttributeError):
            continue
        raise AssertionError("a mistake passed")


def main() -> None:
    arithmetic()
    asking()
    overloads()
    training()
    assert_type(evaluate(torch.ones(1)), torch.Tensor)
    mistakes()
