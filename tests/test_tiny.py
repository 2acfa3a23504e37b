"""The smoke test: under a second, run first. If this fails, nothing else is worth reading."""

from __future__ import annotations

import pytest
from lib import torch


def test_arithmetic() -> None:
    x = torch.tensor([1.0, 2.0, 3.0])
    assert ((x + 1) * x - x / 2).tolist() == [1.5, 5.0, 10.5]
    assert (x @ x).item() == 14.0
    assert x.sum().item() == 6.0
    assert (x > 1.5).tolist() == [False, True, True]


def test_gradient() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    (dx,) = torch.autograd.grad(x**2 + x * 2 + 2, x)
    assert dx.tolist() == [8.0]
    (x * x).backward()
    assert x.grad.tolist() == [6.0]


def test_third_derivative() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x**3
    for expected in (12.0, 12.0, 6.0):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.tolist() == [expected]


def test_printing() -> None:
    x = torch.tensor([[1.0, 2.5]], requires_grad=True)
    assert repr(x) == "tensor([[1.0000, 2.5000]], requires_grad=True)"
    assert repr(x * 2) == "tensor([[2., 5.]], grad_fn=<MulBackward0>)"
    assert repr(x.shape) == "torch.Size([1, 2])"
    assert repr(x.dtype) == "torch.float32"


def test_views_share_memory() -> None:
    x = torch.zeros(2, 3)
    x.T[0] = 1
    x[1].mul_(5)
    assert x.tolist() == [[1, 0, 0], [5, 0, 0]]


def test_indexing() -> None:
    x = torch.arange(6).reshape(2, 3)
    assert x[1, -1].item() == 5
    assert x[:, ::2].tolist() == [[0, 2], [3, 5]]
    assert x[x > 3].tolist() == [4, 5]


def test_random_numbers() -> None:
    torch.manual_seed(0)
    assert repr(torch.randn(3)) == "tensor([ 1.5410, -0.2934, -2.1788])"


def test_training() -> None:
    w = torch.tensor([5.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(50):
        loss = ((w * 3 - 6) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


def test_error() -> None:
    with pytest.raises(
        RuntimeError, match=r"^The size of tensor a \(2\) must match the size of tensor b \(3\)"
    ):
        torch.ones(2) + torch.ones(3)
