"""Views: shared memory, strides, versions, in-place operations through them and their gradients."""

from __future__ import annotations

from typing import Any

import pytest
from lib import torch

VIEWS: dict[str, Any] = {
    "view": lambda t: t.view(6),
    "reshape": lambda t: t.reshape(3, 2),
    "flatten": lambda t: t.flatten(),
    "T": lambda t: t.T,
    "t": lambda t: t.t(),
    "transpose": lambda t: t.transpose(0, 1),
    "permute": lambda t: t.permute(1, 0),
    "unsqueeze": lambda t: t.unsqueeze(1),
    "squeeze": lambda t: t.view(1, 2, 3).squeeze(0),
    "expand": lambda t: t.expand(2, 3),
    "detach": lambda t: t.detach(),
    "row": lambda t: t[1],
    "column": lambda t: t[:, 1],
    "slice": lambda t: t[:, ::2],
    "none": lambda t: t[None],
    "ellipsis": lambda t: t[...],
    "chain": lambda t: t.T[1:].unsqueeze(0).transpose(0, 2)[..., 0],
}
each_view = pytest.mark.parametrize("name", VIEWS)


def base(**options: Any) -> Any:
    return torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], **options)


@each_view
def test_view_and_base_share_memory(name: str) -> None:
    t = base()
    v = VIEWS[name](t)
    v.mul_(10)
    fresh = VIEWS[name](t)
    assert fresh.tolist() == v.tolist()
    assert t.sum().item() > 21
    t.zero_()
    assert set(v.flatten().tolist()) == {0.0}


@each_view
def test_view_and_base_share_the_version(name: str) -> None:
    t = base()
    v = VIEWS[name](t)
    assert t._version == v._version == 0
    v.add_(1)
    assert t._version == v._version == 1
    t[0, 0] = 5
    assert t._version == v._version == 2
    assert VIEWS[name](t)._version == 2
    assert v.clone()._version == 0


@each_view
def test_gradient_through_a_view(name: str) -> None:
    x = base(requires_grad=True)
    y = VIEWS[name](x)
    if name == "detach":
        assert not y.requires_grad
        return
    (y * y).sum().backward()
    expected = torch.zeros(2, 3)
    VIEWS[name](expected).copy_(VIEWS[name](2 * x.detach()))
    assert x.grad.tolist() == expected.tolist()


@each_view
def test_in_place_through_a_view_with_graph(name: str) -> None:
    """y.view.mul_(3) on a graph: the base's gradient is that of the whole chain."""
    if name == "detach":
        return
    x = base(requires_grad=True)
    y = x * 2
    v = VIEWS[name](y)
    before = v.grad_fn.name()
    v.mul_(3)
    assert v._version == y._version == 1
    assert v.grad_fn.name() != before or before == "MulBackward0"
    (y * y).sum().backward()
    factor = torch.full((2, 3), 2.0)
    VIEWS[name](factor).mul_(3)
    assert x.grad.tolist() == (2 * factor * factor * x.detach()).tolist()


@each_view
def test_in_place_on_the_base_with_graph(name: str) -> None:
    """The view is regenerated: its gradient sees what was done to the base."""
    if name == "detach":
        return
    x = base(requires_grad=True)
    y = x * 2
    v = VIEWS[name](y)
    y.mul_(x.detach())
    (v * v).sum().backward()
    expected = torch.zeros(2, 3)
    values = x.detach()
    VIEWS[name](expected).copy_(VIEWS[name](8 * values * values * values))
    assert x.grad.tolist() == expected.tolist()


def test_view_of_a_view_in_place() -> None:
    x = base(requires_grad=True)
    y = x.clone()
    row = y[1]
    element = row[2]
    element.mul_(10)
    row.add_(1)
    y.mul_(2)
    assert element.item() == 122.0
    assert y.tolist() == [[2, 4, 6], [10, 12, 122]]
    (element * 1).backward()
    assert x.grad.tolist() == [[0, 0, 0], [0, 0, 20]]


def test_in_place_with_gradient_flowing_into_a_view() -> None:
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    buffer = torch.zeros(2, 2)
    buffer[0].add_(w)
    buffer[:, 1] *= w[0]
    assert buffer.requires_grad
    (buffer * torch.tensor([[1.0, 10.0], [5.0, 5.0]])).sum().backward()
    assert w.grad.tolist() == [1 + 10 * 2.0, 10.0]


def test_view_saved_and_base_changed() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.ones(2, 2)
    z = (x * w[0]).sum()
    w[1] = 7
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_detached_shares_memory_and_version() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    d = x.detach()
    d.mul_(3)
    assert x.tolist() == [3.0, 6.0] and x._version == 1
    assert x.requires_grad and not d.requires_grad and d.grad_fn is None and d.is_leaf
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_data_shares_memory_but_not_the_version() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    x.data.mul_(10)
    x.data[0] = 5
    assert x.tolist() == [5.0, 20.0] and x._version == 0
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 40.0]


def test_data_can_be_set() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    new = torch.tensor([[7.0]])
    x.data = new
    assert x.tolist() == [[7.0]] and x.requires_grad and x.is_leaf
    new.add_(1)
    assert x.tolist() == [[8.0]]


def test_strides() -> None:
    t = torch.zeros(2, 3, 4)
    assert t.stride() == (12, 4, 1) and t.stride(0) == 12 and t.stride(-1) == 1
    assert t.transpose(0, 2).stride() == (1, 4, 12)
    assert t[:, ::2].stride() == (12, 8, 1)
    assert t[..., 1].stride() == (12, 4)
    assert t.unsqueeze(0).stride() == (24, 12, 4, 1)
    assert t.unsqueeze(-1).stride() == (12, 4, 1, 1)
    assert t[0, 0, 0].expand(2, 2).stride() == (0, 0)
    assert t[:, :1].expand(2, 5, 4).stride() == (12, 0, 1)
    assert torch.zeros(2, 0, 3).stride() == (3, 3, 1)
    assert torch.zeros(()).stride() == ()
    assert torch.zeros(1).stride() == (1,)


def test_contiguity() -> None:
    t = torch.zeros(2, 3)
    assert t.is_contiguous() and not t.T.is_contiguous()
    assert t[1:].is_contiguous() and not t[:, 1:].is_contiguous()
    assert t[:, :1].is_contiguous() is False and t[:1].T.is_contiguous() is True
    assert t.T.contiguous().is_contiguous() and t.contiguous() is t
    assert torch.zeros(2, 0).T.is_contiguous() and torch.zeros(()).is_contiguous()
    assert not torch.zeros(1).expand(3).is_contiguous()
    assert torch.zeros(1, 3).T.contiguous().stride() == (1, 3)


def test_offsets_and_pointers() -> None:
    t = torch.zeros(2, 3)
    assert (
        t.storage_offset() == 0
        and t[1].storage_offset() == 3
        and t[1, 2].storage_offset() == 5
        and t[:, 1:].storage_offset() == 1
    )
    assert t[1].data_ptr() == t.data_ptr() + 12
    assert t.T.data_ptr() == t.detach().data_ptr() == t.data_ptr() != t.clone().data_ptr()
    assert t.element_size() == 4 and t.double().element_size() == 8 and t.bool().element_size() == 1
    assert t.data_ptr() % 16 == 0 or t.data_ptr() % 8 == 0


def test_which_results_are_new() -> None:
    """Which operations give a view, which a copy, and which their input itself."""
    t = torch.zeros(2, 3)
    assert t.reshape(3, 2).data_ptr() == t.data_ptr()
    assert t.T.reshape(6).data_ptr() != t.data_ptr()
    assert t.T.reshape(3, 2, 1).data_ptr() == t.data_ptr()
    assert t[:, :2].reshape(2, 2, 1).data_ptr() == t.data_ptr()
    assert t.flatten().data_ptr() == t.data_ptr() and t[0].flatten() is not t
    row = t[0]
    assert row.flatten() is row and t.contiguous() is t and t.float() is t and t.to(torch.float32) is t
    assert t.to(torch.float32, copy=True) is not t
    assert t.reshape(2, 3) is not t and t.reshape(2, 3).data_ptr() == t.data_ptr()
    assert t.squeeze() is not t and t.squeeze().data_ptr() == t.data_ptr()
    assert t.expand(2, 3) is not t


def test_clone_keeps_dense_strides() -> None:
    t = torch.zeros(2, 3)
    assert t.T.clone().stride() == (1, 3)
    assert t[:, ::2].clone().stride() == (2, 1)
    assert t[:1].expand(4, 3).clone().stride() == (3, 1)
    assert (t.T + 1).stride() == (1, 3)
    assert (t.T + t.T).stride() == (1, 3)
    assert torch.exp(t.T).stride() == (1, 3)
    assert torch.zeros_like(t.T).stride() == (1, 3)
    assert (t.permute(1, 0) * torch.zeros(3, 2)).stride() == (1, 3)


def test_expanded_memory_is_not_written_elementwise() -> None:
    t = torch.tensor([1.0]).expand(3)
    with pytest.raises(
        RuntimeError,
        match="more than one element of the written-to tensor refers to a single memory location",
    ):
        t.add_(torch.ones(3))
    assert t.tolist() == [1.0, 1.0, 1.0]


def test_overlapping_in_place_operation() -> None:
    t = torch.arange(5.0)
    with pytest.raises(
        RuntimeError,
        match="some elements of the input tensor and the written-to tensor refer to a single memory location",
    ):
        t[1:].add_(t[:-1])
    assert t.tolist() == [0, 1, 2, 3, 4]
    t.add_(t)
    assert t.tolist() == [0, 2, 4, 6, 8]


def test_in_place_with_itself_transposed() -> None:
    t = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        t.add_(t.T)
    s = torch.tensor([2.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        s.mul_(s[0])
    assert s.tolist() == [2.0, 2.0, 3.0]


def test_view_keeps_its_base_alive() -> None:
    v = torch.arange(1000)[500:502]
    torch.arange(1000).mul_(0)
    assert v.tolist() == [500, 501]


def test_view_of_a_leaf_under_no_grad() -> None:
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        v = x[1:]
        v.mul_(5)
        x[0] = 2
        x -= 1
    assert x.tolist() == [1.0, 4.0, 4.0]
    assert x.requires_grad and x.is_leaf and x.grad_fn is None and x._version == 3


def test_is_view_and_base() -> None:
    x = torch.zeros(2, 3)
    v = x.T[0]
    assert v._base is x and x._base is None
    assert v._is_view() and not x._is_view()


def test_expand_gradient_sums() -> None:
    x = torch.tensor([[1.0], [2.0]], requires_grad=True)
    (x.expand(2, 3) * torch.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.grad.tolist() == [[3.0], [12.0]]
    y = torch.tensor(2.0, requires_grad=True)
    y.expand(2, 2).sum().backward()
    assert y.grad.item() == 4.0


@pytest.mark.parametrize(
    "use",
    [
        lambda v: v.sum(),
        lambda v: v * 3,
        lambda v: v * v,
        lambda v: torch.exp(v),
        lambda v: torch.cat([v, v * 2]).sum(),
        lambda v: torch.stack([v, v]).sum(),
        lambda v: v[0] * 2,
        lambda v: v @ v,
        lambda v: v.reshape(1, 1) ** 2,
        lambda v: torch.addcmul(v, v, v),
        lambda v: v.clone().mul_(v),
        lambda v: torch.where(v > 0, v, v * 2),
    ],
)
def test_a_view_that_changed_without_recording_is_used_next(use: Any) -> None:
    """The view gets a new producer only when it is used: it must come before its user in the sweep."""
    x = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    results = []
    for changes in (False, True):
        y = x * 2
        v = y.view(1)
        if changes:
            with torch.no_grad():
                v.mul_(1.0)
        z = use(v).sum()
        del y, v
        (g,) = torch.autograd.grad(z, x, create_graph=True)
        second = torch.autograd.grad(g, x, allow_unused=True)[0] if g.requires_grad else None
        results.append((g.item(), None if second is None else second.item()))
    assert results[0] == results[1] and results[0][0] != 0


def test_a_leaf_that_is_a_view_is_not_changed_through_its_parts() -> None:
    text = "a view of a leaf Variable that requires grad is being used in an in-place operation."
    w = torch.arange(6.0).reshape(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match=text):
        w[0] = 1
    with pytest.raises(RuntimeError, match=text):
        w.mul_(2)
    with pytest.raises(RuntimeError, match=text):
        w.t().add_(1)
    assert w.tolist() == [[0, 1, 2], [3, 4, 5]] and w._version == 0
    with torch.no_grad():
        w[0] = 1
    assert w[0].tolist() == [1, 1, 1]


def test_a_part_of_an_expanded_tensor_is_written_to() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = (x * 3).expand(3, 2)
    y[0] = torch.tensor(1.5, dtype=torch.float64) * x[1]
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    # y is 1.5 x[1] throughout.
    assert torch.allclose(g, torch.tensor([0.0, 2 * 6 * 1.5**2 * 2.0], dtype=torch.float64))
    (second,) = torch.autograd.grad(g.sum(), x)
    assert torch.allclose(second, torch.tensor([0.0, 2 * 6 * 1.5**2], dtype=torch.float64))
    z = (x * 3).expand(2, 2)
    z[1] *= 2
    (g,) = torch.autograd.grad(z.sum(), x)
    assert g.tolist() == [12.0, 12.0]
