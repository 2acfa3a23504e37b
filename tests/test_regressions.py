"""Faults that comparison with torch on random programs brought to light; each test names the cause."""

from __future__ import annotations

import gc

import pytest
from lib import IS_TORCH, torch


def test_unsqueeze_of_a_view_leaves_its_base_alone() -> None:
    """A change of shape in place was recorded as a change of the base's elements."""
    x = torch.ones(2, requires_grad=True)
    base = torch.cat([x * 2, x])
    view = base.reshape(2, 2)
    view.unsqueeze_(-2)
    assert base.grad_fn.name() == "CatBackward0"
    assert view.grad_fn.name() == "UnsqueezeBackward1"
    view.mul_(3)
    base.sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]


def test_names_of_shape_changes_in_place() -> None:
    """They were those of the operations that return a view."""

    def name(change) -> str:  # type: ignore[no-untyped-def]
        y = torch.ones(1, 2, requires_grad=True) * 2
        change(y)
        return y.grad_fn.name()

    assert name(lambda y: y.squeeze_()) == "SqueezeBackward3"
    assert name(lambda y: y.squeeze_(0)) == "SqueezeBackward4"
    assert name(lambda y: y.transpose_(0, 1)) == "TransposeBackward1"
    assert name(lambda y: y.t_()) == "TBackward1"


def test_mask_that_is_the_tensor_itself() -> None:
    """The check for overlapping memory came before the case in which overlap is allowed."""
    x = torch.tensor([True, False, True])
    x[x] = False
    assert x.tolist() == [False, False, False]


def test_empty_tensor_with_repeated_index_in_place() -> None:
    """Strides of an empty tensor were taken for overlapping memory."""
    x = torch.ones((1, 0, 1, 2, 0))
    x[[-1, -1, 0]] *= torch.ones((1, 1, 1, 1, 0))
    assert x.shape == (1, 0, 1, 2, 0)


def test_where_finds_elements_of_a_scalar() -> None:
    """A tensor without dimensions has no column of indices; it counts as one of one element."""
    assert [t.tolist() for t in torch.where(torch.tensor(2.0))] == [[0]]
    assert [t.tolist() for t in torch.where(torch.tensor(0.0))] == [[]]


def test_equal_compares_across_dtypes() -> None:
    """Was refused."""
    assert torch.equal(torch.tensor([1.0, 2.0]), torch.tensor([1, 2]))
    assert not torch.equal(torch.tensor([1.0, 2.5]), torch.tensor([1, 2]))


def test_materialized_gradients_can_be_differentiated() -> None:
    """The zeros given for an unused input did not require grad under create_graph."""
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(3, requires_grad=True)
    (g,) = torch.autograd.grad(x.sum(), y, create_graph=True, materialize_grads=True)
    assert g.requires_grad and g.tolist() == [0.0, 0.0, 0.0]
    (g,) = torch.autograd.grad(x.sum(), y, materialize_grads=True)
    assert not g.requires_grad


def test_number_out_of_range_is_refused() -> None:
    """It wrapped."""
    x = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="value cannot be converted to type int64_t without overflow"):
        x.fill_(1e30)
    with pytest.raises(RuntimeError, match="value cannot be converted to type int64_t without overflow"):
        x.masked_fill(x > 1, float("inf"))
    with pytest.raises(RuntimeError, match="value cannot be converted to type int without overflow"):
        torch.full((2,), 2**40, dtype=torch.int32)
    assert x.tolist() == [1, 2]


def test_leaf_is_named_before_other_errors() -> None:
    """Shapes and dtypes were checked before the change of a leaf was refused."""
    x = torch.ones(3, requires_grad=True)
    for change in (
        lambda: x.add_(torch.ones(2, 3)),
        lambda: x.masked_fill_(torch.ones(3), 1),
        lambda: x.fill_(torch.ones(3)),
        lambda: x.div_(2, rounding_mode="floor"),
    ):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
            change()
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_aliases_in_place() -> None:
    """Were missing."""
    x = torch.tensor([-7.0, 5.0])
    assert x.absolute_().tolist() == [7.0, 5.0]
    assert x.negative_().tolist() == [-7.0, -5.0]
    assert x.subtract_(1, alpha=2).tolist() == [-9.0, -7.0]
    assert x.divide_(2).tolist() == [-4.5, -3.5]
    assert x.true_divide_(0.5).tolist() == [-9.0, -7.0]
    assert x.div_(2, rounding_mode="floor").tolist() == [-5.0, -4.0]
    assert x.divide_(3, rounding_mode="trunc").tolist() == [-1.0, -1.0]
    assert x.logical_not_().tolist() == [0.0, 0.0]
    assert torch.tensor([5, 0]).bitwise_not_().tolist() == [-6, -1]


def test_gradient_of_rounded_division_in_place() -> None:
    """New with the in-place form."""
    x = torch.tensor([7.0, -5.0], requires_grad=True)
    y = x * 2
    y.div_(3, rounding_mode="trunc")
    assert y.tolist() == [4.0, -3.0] and y.grad_fn.name() == "DivBackward2"
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_whole_slice_is_the_tensor_itself() -> None:
    """Assigning to x[:] went through a view."""
    x = torch.ones(2, 3, requires_grad=True) * 2
    x[:] = 7
    assert x.grad_fn.name() == "FillBackward3"
    y = torch.ones((), requires_grad=True) * 2
    y[...] = 7
    assert y.grad_fn.name().endswith("CopyBackwards")


def test_index_error_names_the_place_in_the_key() -> None:
    """The dimension of the tensor was named."""
    x = torch.ones(2, 3)
    with pytest.raises(IndexError, match="index 3 is out of bounds for dimension 1 with size 2"):
        x[None, 3]
    with pytest.raises(IndexError, match="index -1 is out of bounds for dimension 0 with size 0"):
        torch.tensor(1.0)[-1]


def test_numpy_bool_is_a_real_number() -> None:
    """It was taken for a Python bool."""
    np = pytest.importorskip("numpy")
    x = torch.tensor([1, 2]) + np.bool_(True)
    assert x.dtype == torch.float32 and x.tolist() == [2.0, 3.0]
    assert (torch.ones(2) - np.bool_(True)).tolist() == [0.0, 0.0]


def test_requires_grad_of_a_result_cannot_be_set() -> None:
    """Setting it to True was accepted as long as it was True."""
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = True


@pytest.mark.parametrize("operator", ["__imul__", "__itruediv__", "__ipow__", "__imod__"])
def test_tensor_changed_by_itself_is_freed(operator: str) -> None:
    """The node kept the tensor that owned it."""
    if IS_TORCH:
        pytest.skip("counts hinoko's blocks")
    gc.collect()
    before = torch._C.live_blocks()
    for part in (slice(None), 0):
        y = torch.ones(2, requires_grad=True) * 2
        if part == 0:
            z = y[0]
            getattr(z, operator)(y[0])
            del z
        else:
            getattr(y, operator)(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
        del y
    gc.collect()
    assert torch._C.live_blocks() == before


@pytest.mark.parametrize(
    ("change", "second"),
    [
        ("exp_", [[569.446648, 55971.776103, 82.681853], [37.632, 117.6, 352.8]]),
        ("tanh_", [[-0.698527, -0.0684, 10.724874], [37.632, 117.6, 352.8]]),
        ("sigmoid_", [[-0.126969, -0.362451, 1.286133], [37.632, 117.6, 352.8]]),
        ("sqrt_", [[0.0, 0.0, 0.0], [37.632, 117.6, 352.8]]),
    ],
)
def test_second_derivative_of_part_changed_in_place(change: str, second: list[list[float]]) -> None:
    """The saved output came back as that of the inner node, and gradients went to other elements."""
    x = torch.tensor([[1.5, 2.0, 0.7], [0.6, 1.2, 2.5]], requires_grad=True, dtype=torch.float64)
    y = (x * x) * 0.7
    getattr(y[0], change)()
    weight = torch.arange(1.0, 7.0, dtype=torch.float64).reshape(2, 3)
    (g,) = torch.autograd.grad((y * weight).sum(), x, create_graph=True)
    (g2,) = torch.autograd.grad((g * g).sum(), x)
    for row, expected in zip(g2.tolist(), second, strict=True):
        assert row == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_changed_part_is_named_in_the_error() -> None:
    """The producer that a view had before the change was named."""
    y = torch.ones(2, 3, requires_grad=True) * 2
    y[0].mul_(y[1])
    with pytest.raises(RuntimeError, match="which is output 0 of AsStrided, is at version 1"):
        y.sum().backward()


def test_addcmul_takes_its_dtype_from_tensors() -> None:
    """The number took part in promotion."""
    x = torch.ones(2, dtype=torch.int32)
    y = torch.addcmul(x, torch.tensor([True, False]), x * 3, value=2)
    assert y.dtype == torch.int32 and y.tolist() == [7, 1]
    b = torch.tensor([True])
    with pytest.raises(NotImplementedError, match="\"addcmul_cpu_out\" not implemented for 'Bool'"):
        torch.addcmul(b, b, b)


def test_reals_out_of_range_become_the_smallest_int32() -> None:
    """They became the lower half of the smallest int64, 0."""
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor([float("nan"), float("inf"), -float("inf"), 3.4e38, 1e10], dtype=dtype)
        assert x.int().tolist() == [-(2**31)] * 5


def test_view_made_before_its_base_required_grad() -> None:
    """It got an accumulator of its own, as if it were a leaf that requires grad."""
    x = torch.ones(2)
    view = x.view(2)
    x.requires_grad_()
    assert view.reciprocal().grad_fn.next_functions == ((None, 0),)


def test_logical_not_in_place_records_nothing_for_constants() -> None:
    """New with the in-place form."""
    x = torch.tensor([0.0, 2.0])
    x.logical_not_()
    assert not x.requires_grad and x.is_leaf


def test_slice_from_the_end_is_a_view() -> None:
    """A slice that happens to be whole was taken for the tensor itself whatever its bounds."""
    x = torch.ones(1, 2, requires_grad=True) * 2
    x[..., -2:] = 7
    assert x.grad_fn.name().endswith("CopySlices")


def test_ravel_is_contiguous() -> None:
    """A tensor of one dimension was returned as it is, with its strides."""
    x = torch.eye(2, 3).select(1, 1)
    assert x.ravel().stride() == (1,)
