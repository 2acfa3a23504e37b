"""``install_as_torch`` and the names it resolves, each in a process of its own."""

from pathlib import Path
from textwrap import dedent

import pytest
from processes import Result, hinoko, python

pytestmark = pytest.mark.hinoko_only

INSTALL = "import hinoko; hinoko.install_as_torch()\n"


def run(code: str, tmp_path: Path) -> Result:
    return python("-c", dedent(code), cwd=tmp_path)


def check(code: str, tmp_path: Path) -> None:
    """The code runs through without a word on stderr."""
    done = run(INSTALL + dedent(code), tmp_path)
    assert done.err == ""
    assert done.status == 0


def last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[2]


def a_torch(folder: Path) -> None:
    (folder / "torch.py").write_text("mine = 'the other torch'\n")


def test_torch_is_hinoko_itself(tmp_path: Path) -> None:
    check(
        """
        import sys
        import torch
        assert torch is hinoko is sys.modules["torch"] is sys.modules["hinoko"]
        assert torch.__spec__.name == "hinoko"
        x = torch.tensor([3.], requires_grad=True)
        (x * 2).backward()
        assert x.grad.item() == 2.0
        """,
        tmp_path,
    )


def test_every_way_to_import_a_module_gives_the_same_object(tmp_path: Path) -> None:
    check(
        """
        import importlib
        import sys
        import torch.optim
        import torch.optim as plain
        from torch import optim as attribute
        from torch.optim import SGD
        from torch.autograd import grad
        import hinoko.optim as own
        named = importlib.import_module("torch.optim")
        relative = importlib.import_module(".optim", "torch")
        assert torch.optim is plain is attribute is named is relative is own
        assert sys.modules["torch.optim"] is sys.modules["hinoko.optim"] is own
        assert SGD is own.SGD and grad is hinoko.autograd.grad
        assert own.__spec__.name == "hinoko.optim"
        """,
        tmp_path,
    )


def test_a_module_loaded_before_is_not_loaded_again(tmp_path: Path) -> None:
    code = """
        import hinoko
        import hinoko.optim
        before = hinoko.optim.SGD
        hinoko.install_as_torch()
        import torch.optim, sys
        assert torch.optim.SGD is before
        assert [m for n, m in sys.modules.items() if n.endswith(".optim")].count(hinoko.optim) == 2
        """
    done = run(code, tmp_path)
    assert (done.status, done.err) == (0, "")


def test_installing_twice_changes_nothing(tmp_path: Path) -> None:
    check(
        """
        import sys
        finders, names, version = list(sys.meta_path), set(sys.modules), hinoko.__version__
        hinoko.install_as_torch()
        assert (finders, names, version) == (list(sys.meta_path), set(sys.modules), hinoko.__version__)
        """,
        tmp_path,
    )


def test_a_deleted_entry_is_found_again(tmp_path: Path) -> None:
    check(
        """
        import sys
        import torch.optim
        del sys.modules["torch"], sys.modules["torch.optim"]
        import torch.optim
        assert torch is hinoko and sys.modules["torch.optim"] is hinoko.optim
        """,
        tmp_path,
    )


def test_version_is_torchs_with_hinokos_behind(tmp_path: Path) -> None:
    check(
        """
        import importlib.metadata
        import torch
        assert torch.__version__ == "2.13.0+hinoko." + importlib.metadata.version("hinoko")
        """,
        tmp_path,
    )


def test_importing_hinoko_does_not_touch_torch(tmp_path: Path) -> None:
    a_torch(tmp_path)
    code = """
        import sys
        import hinoko
        assert "torch" not in sys.modules
        import torch
        print(torch.mine)
        """
    assert run(code, tmp_path) == (0, "the other torch\n", "")


@pytest.mark.parametrize(
    "first", ["import torch", "import sys, types; sys.modules['torch.x'] = types.ModuleType('x')"]
)
def test_a_torch_that_is_already_imported(first: str, tmp_path: Path) -> None:
    a_torch(tmp_path)
    done = run(f"{first}\nimport hinoko\nhinoko.install_as_torch()", tmp_path)
    assert done.status == 1
    assert "RuntimeError: torch" in done.err
    assert "is already imported in this process" in done.err
    if first == "import torch":
        assert str(tmp_path / "torch.py") in done.err
    assert "before the first import of torch" in done.err


def test_a_refused_install_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    a_torch(tmp_path)
    code = """
        import sys, torch, hinoko
        before = list(sys.meta_path), hinoko.__version__
        try:
            hinoko.install_as_torch()
        except RuntimeError:
            pass
        assert before == (list(sys.meta_path), hinoko.__version__)
        assert sys.modules["torch"].mine
        """
    assert run(code, tmp_path) == (0, "", "")


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import torch.distributed", "torch.distributed"),
        ("import torch.distributed.rpc", "torch.distributed"),
        ("import torch.optim.no_such_thing", "torch.optim.no_such_thing"),
        ("from torch.distributed import rpc", "torch.distributed"),
        ("__import__('importlib').import_module('torch.distributed')", "torch.distributed"),
    ],
)
def test_a_module_that_hinoko_lacks(statement: str, names: str, tmp_path: Path) -> None:
    done = run(
        f"{INSTALL}try:\n    {statement}\nexcept ModuleNotFoundError as e:\n    print(e.name)\n    raise",
        tmp_path,
    )
    assert done.status == 1
    assert done.out == names + "\n"
    error = last_line(done.err)
    assert error.startswith("ModuleNotFoundError: hinoko ")
    assert f" has no module {names}. " in error
    assert "_alias" not in done.err  # the traceback ends at the import statement


def test_a_name_that_hinoko_lacks(tmp_path: Path) -> None:
    done = run(f"{INSTALL}from torch import tensor, no_such_thing", tmp_path)
    assert done.status == 1
    error = last_line(done.err)
    assert error.startswith("ImportError: cannot import name 'no_such_thing' from 'torch': hinoko ")
    assert "has no torch.no_such_thing" in error
    assert "_alias" not in done.err


def test_a_name_that_a_module_of_hinoko_lacks(tmp_path: Path) -> None:
    done = run(f"{INSTALL}from torch.optim import NoSuchThing", tmp_path)
    assert done.status == 1
    assert last_line(done.err).startswith("ImportError: cannot import name 'NoSuchThing' from 'hinoko.optim'")


def test_asking_whether_a_module_exists(tmp_path: Path) -> None:
    check(
        """
        from importlib.util import find_spec
        assert find_spec("torch") is not None
        assert find_spec("torch.optim") is not None
        assert find_spec("torch.distributed") is None
        assert find_spec("hinoko.distributed") is None
        try:
            from torch import distributed
        except ImportError:
            distributed = None
        assert distributed is None
        """,
        tmp_path,
    )


def test_an_error_inside_a_module_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text("import no_such_library\n")
    code = f"""
        {INSTALL}
        hinoko.__path__.append({str(tmp_path)!r})
        import torch.extra
        """
    done = run(code, tmp_path)
    assert last_line(done.err) == "ModuleNotFoundError: No module named 'no_such_library'"


def test_pickle_by_torchs_name(tmp_path: Path) -> None:
    check(
        """
        import copy, pickle
        import torch
        x = torch.tensor([1., 2.], requires_grad=True)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(torch.Tensor, protocol)) is torch.Tensor
            y = pickle.loads(pickle.dumps(x, protocol))
            assert type(y) is torch.Tensor and y.tolist() == [1., 2.] and y.requires_grad
        assert pickle.loads(b"ctorch\\nTensor\\n.") is torch.Tensor
        assert pickle.loads(b"ctorch.optim\\nSGD\\n.") is torch.optim.SGD
        """,
        tmp_path,
    )


def test_ipython_extension_in_and_out(tmp_path: Path) -> None:
    a_torch(tmp_path)
    code = """
        import sys
        import hinoko
        version, finders = hinoko.__version__, list(sys.meta_path)
        hinoko.load_ipython_extension(None)
        import torch.optim
        assert torch is hinoko and torch.__version__ != version
        hinoko.unload_ipython_extension(None)
        assert hinoko.__version__ == version and sys.meta_path == finders
        assert not [name for name in sys.modules if name.split(".")[0] == "torch"]
        import torch
        print(torch.mine)
        """
    assert run(code, tmp_path) == (0, "the other torch\n", "")


SPAWNING = """
    import multiprocessing

    import torch
    from torch import optim

    class Loss:
        def __init__(self, value):
            self.value = value

    def train(x):
        assert multiprocessing.current_process().name != "MainProcess"
        return torch.__version__, type(x), Loss((x * 2).item())

    if __name__ == "__main__":
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            version, kind, loss = pool.apply(train, (torch.tensor([3.]),))
        assert version == torch.__version__ and kind is torch.Tensor
        print(type(loss).__module__, loss.value)
    """


@pytest.mark.parametrize("first", ["", "import multiprocessing.spawn"])
def test_spawned_processes_have_the_alias_too(first: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(first + dedent(SPAWNING))
    assert hinoko("script.py", cwd=tmp_path) == (0, "__main__ 6.0\n", "")
