"""Every mistake gives torch's exception type and first sentence, and leaves every tensor as it was."""

from __future__ import annotations

import builtins
import re
import warnings
from typing import Any

import pytest
from error_cases import CASES, TENSORS, names, state
from lib import first_sentence, load, torch

numpy = pytest.importorskip("numpy")
FIGURES: list[list[Any]] = load("errors.json")

# Texts of torch's own making (a list of overloads, the name of a base class, Python's text for a function
# written in Python): the type of the exception must be the same, the words need not.
_LOOSE = re.compile(
    r"received an invalid combination|TensorBase|^new\(\): invalid data type|^grad\(\)|Tensor\.backward\(\)"
    r"|__init__\(\)|^module 'torch'|failed to unpack the object"
)


def test_figures_cover_the_cases() -> None:
    assert [case for case, *_ in FIGURES] == CASES


@pytest.mark.parametrize("index", range(len(FIGURES)), ids=CASES)
def test_error(index: int) -> None:
    case, kind, sentence, changed = FIGURES[index]
    space = names(torch, numpy)
    tensors = {name: space[name] for name in TENSORS}
    before = {name: state(t) for name, t in tensors.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(case, space)
        except Exception as error:
            assert type(error) is getattr(builtins, kind), f"{type(error).__name__}: {error}"
            text = str(error)
        else:
            raise AssertionError("no error")
    if "DefaultCPUAllocator" in sentence:
        assert sentence in text
    elif not _LOOSE.search(sentence):
        assert first_sentence(text) == sentence
    after = {name: state(t) for name, t in tensors.items() if name not in changed}
    assert after == {name: before[name] for name in after}


def test_tensors_are_usable_after_a_failed_sweep() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError):
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    (x * w).sum().backward()
    assert x.grad.tolist() == [5.0, 8.0] and w.grad.tolist() == [1.0, 2.0]


def test_failing_hook_leaves_the_gradients() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    w = torch.tensor([2.0], requires_grad=True)
    w.grad = torch.tensor([7.0])

    def fail(grad: Any) -> None:
        raise KeyError("from the hook")

    y = x * w
    handle = y.register_hook(fail)
    with pytest.raises(KeyError, match="from the hook"):
        y.backward(retain_graph=True)
    assert x.grad is None and w.grad.tolist() == [7.0]
    handle.remove()
    y.backward()
    assert x.grad.tolist() == [2.0] and w.grad.tolist() == [8.0]


def test_failing_decorated_function_restores_the_mode() -> None:
    @torch.no_grad()
    def fail() -> None:
        raise KeyError("inside")

    with pytest.raises(KeyError):
        fail()
    assert torch.is_grad_enabled()
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError("inside")
    assert torch.is_grad_enabled()


def test_saved_tensor_names_both_versions() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    y = x.exp()
    y.add_(1).mul_(2)
    with pytest.raises(RuntimeError, match=r"is at version 2; expected version 0 instead\. Hint: "):
        y.backward()


def test_no_mistake_after_all() -> None:
    """What is easily taken for one: these work in torch."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x + 1
    y.sum().backward()
    y.sum().backward()  # nothing was saved, so nothing was freed
    assert x.grad.tolist() == [2.0, 2.0]
    z = x * 3
    z.add_(1)  # the product kept x and 3, not itself
    z.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
