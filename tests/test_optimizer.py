"""The interface of optimisers, on SGD: construction, saving and loading, hooks, subclasses."""

from __future__ import annotations

import copy
import pickle

import pytest

import hinoko as torch

SGD = torch.optim.SGD


def leaf(*values, dtype=torch.float32):
    return torch.tensor(values or (1.0, 2.0), dtype=dtype, requires_grad=True)


def with_grad(*values, dtype=torch.float32):
    p = leaf(*values, dtype=dtype)
    p.grad = torch.ones_like(p)
    return p


def plain(t):
    return t.detach().tolist()


# Construction.


def test_defaults_and_groups():
    p = leaf()
    o = SGD([p])
    defaults = {
        "lr": 0.001,
        "momentum": 0,
        "dampening": 0,
        "weight_decay": 0,
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
    }
    assert o.defaults == defaults and list(o.defaults) == list(defaults)
    assert list(o.param_groups[0]) == ["params", *defaults]
    assert o.param_groups[0]["params"][0] is p
    assert type(o.param_groups[0]["params"]) is list
    assert SGD([p], 0.1, 0.9, 0, 0.2, True).defaults == {
        **defaults,
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.2,
        "nesterov": True,
    }
    with pytest.raises(TypeError, match="takes from 2 to 7 positional arguments but 8 were given"):
        SGD([p], 0.1, 0.9, 0, 0, True, True)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'params'"):
        SGD()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"lr": -1}, ValueError, "Invalid learning rate: -1"),
        ({"lr": -0.5, "momentum": -1}, ValueError, "Invalid learning rate: -0.5"),
        ({"lr": "a"}, TypeError, "'<' not supported between instances of 'str' and 'float'"),
        ({"lr": None}, TypeError, "'<' not supported between instances of 'NoneType' and 'float'"),
        ({"lr": [0.1, 0.2]}, ValueError, "Tensor lr must be 1-element"),
        ({"lr": [-0.5]}, ValueError, "Invalid learning rate: tensor([-0.5000])"),
        ({"momentum": -1, "weight_decay": -1}, ValueError, "Invalid momentum value: -1"),
        ({"weight_decay": -0.5}, ValueError, "Invalid weight_decay value: -0.5"),
        ({"nesterov": True}, ValueError, "Nesterov momentum requires a momentum and zero dampening"),
        (
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
            ValueError,
            "Nesterov momentum requires a momentum and zero dampening",
        ),
        ({"fused": True, "differentiable": True}, RuntimeError, "`fused` does not support `differentiable`"),
        (
            {"fused": True, "foreach": True},
            RuntimeError,
            "`fused` and `foreach` cannot be `True` together.",
        ),
    ],
    ids=str,
)
def test_invalid_options(options, error, text):
    if isinstance(options.get("lr"), list):
        options = {**options, "lr": torch.tensor(options["lr"])}
    with pytest.raises(error) as caught:
        SGD([leaf()], **options)
    assert str(caught.value) == text


NOT_A_LIST = (
    "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch."
)
NOT_A_TENSOR = "optimizer can only optimize Tensors, but one of the params is "
UNORDERED = (
    "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
    "will change between runs. Please use a list instead."
)
NAMES = "all optimizer params should be with/without names. Some param names are missing"


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        (list, ValueError, "optimizer got an empty parameter list"),
        (dict, ValueError, "optimizer got an empty parameter list"),
        (leaf, TypeError, NOT_A_LIST + "FloatTensor"),
        (lambda: torch.tensor([1, 2]), TypeError, NOT_A_LIST + "LongTensor"),
        (lambda: leaf(dtype=torch.float64), TypeError, NOT_A_LIST + "DoubleTensor"),
        (lambda: None, TypeError, "'NoneType' object is not iterable"),
        (lambda: [1], TypeError, NOT_A_TENSOR + "int"),
        (lambda: [None], TypeError, NOT_A_TENSOR + "NoneType"),
        (lambda: [[leaf()]], TypeError, NOT_A_TENSOR + "list"),
        (lambda: {"params": [leaf()]}, TypeError, NOT_A_TENSOR + "str"),
        (lambda: [leaf(), {"params": [leaf()]}], TypeError, NOT_A_TENSOR + "dict"),
        (lambda: [torch.float32], TypeError, NOT_A_TENSOR + "torch.dtype"),
        (lambda: [leaf() * 2], ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: [{"params": [leaf() * 2]}], ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: [{"params": {leaf()}}], TypeError, UNORDERED),
        (
            lambda: [{"params": [leaf()]}, leaf()],
            TypeError,
            "param_group must be a dict, but got <class 'torch.Tensor'>",
        ),
        (lambda: [{"lr": 1}], KeyError, "'params'"),
        (lambda: [("a", leaf()), leaf()], ValueError, NAMES),
        (lambda: [(leaf(), "a")], TypeError, NOT_A_TENSOR + "str"),
        (
            lambda: [{"params": [("a", leaf())]}, {"params": [leaf()]}],
            ValueError,
            "all optimizer param groups should be with/without names. "
            "cannot add param group without names to the optimizer",
        ),
        (
            lambda: [{"params": [leaf()]}, {"params": [("a", leaf())]}],
            ValueError,
            "all optimizer param groups should be with/without names. "
            "cannot add param group with names to the optimizer",
        ),
    ],
)
def test_invalid_params(params, error, text):
    with pytest.raises(error) as caught:
        SGD(params())
    assert str(caught.value) == text


def test_accepted_params():
    p, q = leaf(), leaf()
    for params in ([p, q], (p, q), iter([p, q]), {"a": p, "b": q}.values()):
        assert [id(t) for t in SGD(params).param_groups[0]["params"]] == [id(p), id(q)]
    assert SGD([{"params": []}]).param_groups[0]["params"] == []
    SGD([torch.ones(2)])
    SGD([leaf() * 2], differentiable=True)
    retained = leaf() * 2
    retained.retain_grad()
    SGD([retained])
    group = SGD([{"params": (t for t in [p]), "foo": 3, "lr": -5}]).param_groups[0]
    assert list(group)[:4] == ["params", "foo", "lr", "momentum"] and group["lr"] == -5


def test_add_param_group():
    p, q = leaf(), with_grad(3.0)
    o = SGD([p], lr=0.5, momentum=0.9)
    group = {"params": q, "lr": 0.25}
    assert o.add_param_group(group) is None
    assert o.param_groups[1] is group and group["params"] == [q] and group["momentum"] == 0.9
    o.step()
    assert plain(q) == [2.75]
    for bad, error, text in (
        ([leaf()], TypeError, "param_group must be a dict, but got <class 'list'>"),
        ({}, KeyError, "'params'"),
        ({"params": [q]}, ValueError, "some parameters appear in more than one parameter group"),
        ({"params": {leaf()}}, TypeError, UNORDERED),
        ({"params": [leaf() * 2]}, ValueError, "can't optimize a non-leaf Tensor"),
        ({"params": [1]}, TypeError, NOT_A_TENSOR + "int"),
        ({"params": 1}, TypeError, "'int' object is not iterable"),
    ):
        with pytest.raises(error) as caught:
            o.add_param_group(bad)
        assert str(caught.value) == text
        assert len(o.param_groups) == 2


def test_named_parameters():
    p, q = with_grad(), with_grad()
    o = SGD([("a", p), ("b", q)], lr=0.5)
    assert list(o.param_groups[0])[:3] == ["params", "param_names", "lr"]
    assert o.param_groups[0]["param_names"] == ["a", "b"]
    o.step()
    assert plain(q) == [0.5, 1.5]
    saved = o.state_dict()
    assert list(saved["param_groups"][0])[:2] == ["param_names", "lr"]
    other = SGD([("c", leaf()), ("d", leaf())])
    other.load_state_dict(saved)
    assert other.param_groups[0]["param_names"] == ["a", "b"]
    other = SGD([("c", leaf()), ("d", leaf())])
    other.load_state_dict(SGD([leaf(), leaf()]).state_dict())
    assert other.param_groups[0]["param_names"] == ["c", "d"]


def test_repr():
    o = SGD([{"params": [leaf()], "lr": 0.5}, {"params": [leaf()]}], lr=torch.tensor(0.25), momentum=0.9)
    assert repr(o) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.5\n    maximize: False\n    momentum: 0.9\n    nesterov: False\n"
        "    weight_decay: 0\n\nParameter Group 1\n    dampening: 0\n    differentiable: False\n"
        "    foreach: None\n    fused: None\n    lr: 0.25\n    maximize: False\n    momentum: 0.9\n"
        "    nesterov: False\n    weight_decay: 0\n)"
    )


# Saving and loading.


def trained(dtype=torch.float32):
    p, q = with_grad(dtype=dtype), leaf(3.0, dtype=dtype)
    o = SGD([{"params": [p], "lr": 0.5}, {"params": [q]}], lr=0.25, momentum=0.9)
    o.step()
    return p, q, o


def test_state_dict_layout():
    p, _q, o = trained()
    saved = o.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert list(saved["state"]) == [0] and saved["state"][0] is o.state[p]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
    assert list(saved["param_groups"][0])[-1] == "params"
    assert saved["param_groups"][0] is not o.param_groups[0]


@pytest.mark.parametrize("through", [lambda s: s, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_state_dict_round_trip_continues_alike(through):
    p, _q, o = trained()
    p2, q2 = leaf(), leaf(3.0)
    with torch.no_grad():
        p2.copy_(p)
    o2 = SGD([{"params": [p2]}, {"params": [q2]}], lr=7)
    o2.load_state_dict(copy.deepcopy(through(o.state_dict())))
    assert o2.param_groups[0]["params"][0] is p2
    assert [g["lr"] for g in o2.param_groups] == [0.5, 0.25]
    p2.grad = p.grad.clone()
    for _ in range(3):
        o.step()
        o2.step()
    assert plain(p2) == plain(p)
    assert plain(o2.state[p2]["momentum_buffer"]) == plain(o.state[p]["momentum_buffer"])


def test_load_casts_to_the_parameter():
    _p, _q, o = trained()
    saved = o.state_dict()
    p64 = leaf(dtype=torch.float64)
    o64 = SGD([{"params": [p64]}, {"params": [leaf()]}])
    o64.load_state_dict(saved)
    assert o64.state[p64]["momentum_buffer"].dtype == torch.float64
    assert saved["state"][0]["momentum_buffer"].dtype == torch.float32
    same = leaf()
    o32 = SGD([{"params": [same]}, {"params": [leaf()]}])
    o32.load_state_dict(saved)
    assert o32.state[same]["momentum_buffer"] is saved["state"][0]["momentum_buffer"]
    assert o32.state[same] is not saved["state"][0]
    odd = {
        "state": {
            0: {
                "list": [1, torch.tensor(2.0, dtype=torch.float64)],
                "tuple": (torch.tensor(3), None),
                "dict": {"z": torch.tensor(1)},
                "step": torch.tensor(3.0, dtype=torch.float64),
            },
            "foo": 7,
        },
        "param_groups": [{"params": [0]}, {"params": [1]}],
    }
    o32.load_state_dict(odd)
    state = o32.state[same]
    assert state["list"][1].dtype == state["tuple"][0].dtype == state["dict"]["z"].dtype == torch.float32
    assert state["step"].dtype == torch.float64 and o32.state["foo"] == 7
    assert o32.param_groups[0] == {
        "params": [same],
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }


def test_load_mismatch_changes_nothing():
    p, q, o = trained()
    buffer = o.state[p]["momentum_buffer"]
    for bad, error, text in (
        (
            {"state": {}, "param_groups": []},
            ValueError,
            "loaded state dict has a different number of parameter groups",
        ),
        (
            {"state": {}, "param_groups": [{"params": [0, 1]}, {"params": []}]},
            ValueError,
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
        ),
        ({}, KeyError, "'param_groups'"),
        ({"param_groups": [{"params": [0]}, {"params": [1]}]}, KeyError, "'state'"),
        (None, AttributeError, "'NoneType' object has no attribute 'copy'"),
    ):
        with pytest.raises(error) as caught:
            o.load_state_dict(bad)
        assert str(caught.value) == text
        assert o.state[p]["momentum_buffer"] is buffer
        assert [g["params"][0] for g in o.param_groups] == [p, q]
        assert [g["lr"] for g in o.param_groups] == [0.5, 0.25]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies(duplicate):
    p, _q, o = trained()
    o.register_step_pre_hook(lambda *a: pytest.fail("hooks are not copied"))
    c = duplicate(o)
    p2 = c.param_groups[0]["params"][0]
    assert type(c) is SGD and p2 is not p and list(c.state) == [p2]
    assert repr(c) == repr(o) and c.defaults == o.defaults
    p2.grad = torch.ones(2)
    c.step()
    assert plain(c.state[p2]["momentum_buffer"]) == pytest.approx([1.9, 1.9])
    assert plain(p) == [0.5, 1.5] and plain(o.state[p]["momentum_buffer"]) == [1.0, 1.0]
    assert list(o.__getstate__()) == ["defaults", "state", "param_groups"]


# Hooks and subclasses.


def test_step_hooks():
    p = with_grad()
    o = SGD([p], lr=0.5)
    log = []
    pre = o.register_step_pre_hook(lambda *a: log.append(("pre", *a, plain(p))))
    post = o.register_step_post_hook(lambda *a: log.append(("post", *a, plain(p))))
    o.step()
    assert log == [("pre", o, (o,), {}, [1.0, 2.0]), ("post", o, (o,), {}, [0.5, 1.5])]
    pre.remove()
    post.remove()
    post.remove()
    o.step()
    assert len(log) == 2 and plain(p) == [0.0, 1.0]
    with o.register_step_pre_hook(lambda opt, args, kwargs: ((opt, lambda: 6.0), {})):
        assert o.step() == 6.0
    with (
        o.register_step_pre_hook(lambda *a: 3),
        pytest.raises(RuntimeError, match=r"None or a tuple of \(new_args, new_kwargs\), but got 3\."),
    ):
        o.step()

    def bad(*_args):
        raise KeyError("z")

    before = plain(p)
    with o.register_step_pre_hook(bad), pytest.raises(KeyError):
        o.step()
    assert plain(p) == before
    o.step()
    assert plain(p) != before


def test_state_dict_hooks():
    o = SGD([leaf()])
    log = []
    o.register_state_dict_pre_hook(lambda opt: log.append("save"))
    o.register_state_dict_post_hook(lambda opt, saved: {**saved, "extra": 1})
    o.register_load_state_dict_pre_hook(lambda opt, saved: log.append(sorted(saved)))
    o.register_load_state_dict_pre_hook(lambda opt, saved: log.append("first"), prepend=True)
    o.register_load_state_dict_post_hook(lambda opt: log.append("done"))
    saved = o.state_dict()
    assert saved["extra"] == 1
    o.load_state_dict(saved)
    assert log == ["save", "first", ["extra", "param_groups", "state"], "done"]


def test_subclass_of_optimizer():
    class Sign(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.sub_(p.grad, alpha=group["lr"])
            return 4

    p = with_grad()
    o = Sign([p], 0.5)
    log = []
    o.register_step_post_hook(lambda *a: log.append(a[1:]))
    assert o.step() == 4 and plain(p) == [0.5, 1.5] and log == [((o,), {})]
    assert repr(o) == "Sign (\nParameter Group 0\n    lr: 0.5\n)"
    with pytest.raises(NotImplementedError):
        torch.optim.Optimizer([p], {"lr": 1}).step()


def test_step_can_be_replaced_on_the_instance():
    p = with_grad()
    o = SGD([p], lr=0.5)
    step, calls = o.step.__func__, []

    def counted(*args, **kwargs):
        calls.append(args)
        return step.__get__(o, type(o))(*args, **kwargs)

    o.step = counted
    o.step()
    assert calls == [()] and plain(p) == [0.5, 1.5]
