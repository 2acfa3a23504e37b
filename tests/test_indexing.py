"""Indexing where a table cannot say it: views against copies, versions, order of writing, protocols.

The table of keys and values is index_cases.py, replayed by test_ops_figures.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from lib import torch


def matrix(**options: Any) -> Any:
    return torch.tensor([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]], **options)


@pytest.mark.parametrize(
    "key", [0, -1, slice(1, 3), (slice(None), 2), ..., None, (0, 1), (..., slice(None, None, 2)), ()]
)
def test_basic_keys_give_views(key: Any) -> None:
    a = matrix()
    view = a[key]
    view.fill_(-1)
    assert a[key].tolist() == view.tolist()
    assert (a == -1).sum().item() == view.numel()
    assert a._version == view._version == 1


@pytest.mark.parametrize(
    "key", [[0, 1], torch.tensor([True, False, True]), ([0, 1], [1, 2]), (slice(None), [0])]
)
def test_advanced_keys_give_copies(key: Any) -> None:
    a = matrix()
    copy = a[key]
    copy.fill_(-1)
    assert a.tolist() == matrix().tolist() and a._version == 0


def test_mask_of_a_comparison() -> None:
    a = matrix()
    assert a[a > 8].tolist() == [9.0, 10.0, 11.0]
    assert a[(a > 2) * (a < 5)].tolist() == [3.0, 4.0]
    a[a > 8] = 0
    assert a.sum().item() == 36.0


def test_augmented_assignment() -> None:
    a = matrix()
    a[0] += 10
    a[:, 1] *= 2
    a[[1, 2], 0] -= 1
    a[a > 20] /= 2
    assert a.tolist() == [[10, 11, 12, 13], [3, 10, 6, 7], [7, 18, 10, 11]]


def test_writing_a_view_of_itself() -> None:
    a = torch.tensor([0, 1, 2, 3, 4])
    a[:] = a.clone()
    a[1:3] = a[3:5]
    assert a.tolist() == [0, 3, 4, 3, 4]
    b = torch.arange(6).reshape(2, 3)
    b[0], b[1] = b[1].clone(), b[0].clone()
    assert b.tolist() == [[3, 4, 5], [0, 1, 2]]


def test_key_objects() -> None:
    class Three:
        def __index__(self) -> int:
            return 1

    a = matrix()
    assert a[Three()].tolist() == a[1].tolist()
    assert a[Three() :].tolist() == a[1:].tolist()
    assert a[torch.tensor(1) : torch.tensor(3)].tolist() == a[1:3].tolist()
    assert a[torch.tensor(2)].tolist() == a[2].tolist()
    assert a[range(2)].tolist() == a[:2].tolist()
    assert a[a.shape[0] - 1, len(a)].item() == 11.0


def test_numpy_keys() -> None:
    np = pytest.importorskip("numpy")
    a = matrix()
    assert a[np.int64(1)].tolist() == a[1].tolist()
    assert a[np.array([0, 2])].tolist() == a[[0, 2]].tolist()
    assert a[np.array([True, False, True])].tolist() == a[[0, 2]].tolist()
    assert a[:, np.array([3, 0])].tolist() == a[:, [3, 0]].tolist()
    a[np.array([0, 2])] = np.float64(1.0)
    assert a[0].tolist() == [1.0] * 4


def test_bool_is_no_integer() -> None:
    a = matrix()
    assert tuple(a[True].shape) == (1, 3, 4) and tuple(a[False].shape) == (0, 3, 4)
    assert tuple(torch.tensor(5)[True].shape) == (1,)
    assert tuple(torch.tensor(5)[None].shape) == (1,)
    assert tuple(torch.tensor(5)[...].shape) == () and torch.tensor(5)[()].item() == 5


def test_iteration_gives_views() -> None:
    a = matrix()
    for row in a:
        row.mul_(2)
    assert a[2, 3].item() == 22.0
    _, middle, _ = a
    assert middle.tolist() == [8.0, 10.0, 12.0, 14.0]


def test_unpacking_keeps_the_graph() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    first, second = x
    (first * second).backward()
    assert x.grad.tolist() == [2.0, 1.0]


def test_gradient_of_repeated_elements_adds_up() -> None:
    x = matrix(requires_grad=True)
    (x[[0, 0, 2], [1, 1, 3]] * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    expected = torch.zeros(3, 4)
    expected[0, 1], expected[2, 3] = 11, 100
    assert x.grad.tolist() == expected.tolist()


def test_gradient_through_writing() -> None:
    x = matrix(requires_grad=True)
    v = torch.tensor([2.0, 3.0], requires_grad=True)
    y = x * 2
    y[0, 1:3] = v * v
    y[2] = 0
    (y * y).sum().backward()
    assert v.grad.tolist() == [4 * 2.0**3, 4 * 3.0**3]
    assert x.grad[0].tolist() == [0.0, 0.0, 0.0, 24.0]
    assert x.grad[1].tolist() == [8 * i for i in (4.0, 5.0, 6.0, 7.0)]
    assert x.grad[2].tolist() == [0.0] * 4


def test_writing_a_tensor_with_graph_into_one_without() -> None:
    buffer = torch.zeros(3)
    x = torch.tensor(2.0, requires_grad=True)
    buffer[1] = x * x
    assert buffer.requires_grad and not buffer.is_leaf
    (buffer * torch.tensor([1.0, 5.0, 9.0])).sum().backward()
    assert x.grad.item() == 20.0


def test_boolean_mask_written_with_graph() -> None:
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = x * 1
    y[x < 0] = 0.0
    (y * y).sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 6.0]


def test_write_bumps_the_version() -> None:
    a = matrix()
    for number, key in enumerate([0, (1, 2), [0, 1], a > 3, slice(None), ...], start=1):
        a[key] = 1
        assert a._version == number


def test_write_of_nothing() -> None:
    a = matrix()
    a[5:] = 1
    a[[]] = 1
    a[torch.tensor([False, False, False])] = 7
    assert a.tolist() == matrix().tolist()


def test_types_of_written_values() -> None:
    a = torch.tensor([1, 2, 3])
    a[0] = 2.9
    a[1] = torch.tensor(5.7)
    a[2] = True
    assert a.tolist() == [2, 5, 1]
    b = torch.tensor([False, False])
    b[0] = 3
    assert b.tolist() == [True, False]
    c = torch.tensor([0.1], dtype=torch.float64)
    c[0] = 0.1
    assert c.item() == 0.1


def test_many_dimensions() -> None:
    a = torch.arange(2**10).reshape(*[2] * 10)
    assert a[(1,) * 10].item() == 1023
    assert a[1, ..., 0, 1].reshape(-1)[-1].item() == 2**9 + sum(2**i for i in range(2, 9)) + 1
    a[..., 0] = -1
    assert (a == -1).sum().item() == 512


def test_deletion_is_refused() -> None:
    a = matrix()
    with pytest.raises(TypeError, match="Tensor does not support deleting items"):
        del a[0]
