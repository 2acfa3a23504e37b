"""``python -m hinoko``: an unmodified program must not notice who runs it.

Programs that don't name torch are run by ``python`` as well: stdout, stderr and status must be the same.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
from processes import Result, hinoko, python

pytestmark = pytest.mark.hinoko_only

PROGRAMS = {
    "facts": """
        import os, sys
        print(__name__, __file__, __spec__, __package__, __doc__, type(__loader__).__name__, sorted(dir()))
        print(sys.argv, sys.path[0], os.getcwd(), __builtins__)
        print(sys.modules["__main__"].__dict__ is globals(), sys.excepthook is sys.__excepthook__)
        """,
    "docstring": '"""What it does."""\nprint(__doc__)\n',
    "neighbour": "import neighbour\nprint(neighbour.__name__, neighbour.__file__)\n",
    "relative": "from . import neighbour\n",
    "stdin": "import sys\nprint(input(), sys.stdin.read())\n",
    "exit 3": "import sys\nsys.exit(3)\n",
    "exit text": "import sys\nprint('out')\nsys.exit('the end')\n",
    "exit None": "import sys\nsys.exit()\n",
    "exit True": "raise SystemExit(True)\n",
    "exit tuple": "raise SystemExit(1, 'two')\n",
    "os._exit": "import os\nos._exit(5)\n",
    "error": """
        def f(x):
            return 1 / x

        print("before")
        f(0)
        """,
    "chained": """
        try:
            try:
                {}["a"]
            except KeyError as error:
                raise ValueError("b") from error
        except ValueError:
            raise RuntimeError("c")
        """,
    "error in a neighbour": "import neighbour\nneighbour.fail()\n",
    "error in an import": "import broken\n",
    "caught": """
        import traceback
        try:
            import nothing_of_that_name
        except ImportError:
            traceback.print_exc()
        """,
    "syntax": "x = 1\ndef f(:\n    pass\n",
    "indentation": "def f():\nx = 1\n",
    "syntax in an import": "import no_python\n",
    "group": """
        import sys
        if sys.version_info >= (3, 11):
            raise ExceptionGroup("g", [ValueError("v")])
        """,
    "interrupt": """
        import signal
        print("before", flush=True)
        signal.raise_signal(signal.SIGINT)
        print("after")
        """,
    "interrupt raised": "import atexit\natexit.register(print, 'bye')\nraise KeyboardInterrupt\n",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "excepthook": """
        import sys, traceback

        def hook(kind, value, trace):
            print(kind.__name__, value, [f.name for f in traceback.extract_tb(trace)])
            print(value.__traceback__ is trace)

        sys.excepthook = hook
        raise ValueError("v")
        """,
    "atexit": """
        import atexit, sys

        class Last:
            def __del__(self):
                print("deleted", file=sys.stderr)

        last = Last()
        atexit.register(print, "bye")
        raise ValueError
        """,
    "warning": "import warnings\ndef f():\n    warnings.warn('w', stacklevel=2)\nf()\n",
    "deprecation": "import warnings\nwarnings.warn('d', DeprecationWarning)\n",
    "thread": """
        import threading
        threading.excepthook = lambda args: print("in the thread:", args.exc_value)
        threading.Thread(target=lambda: 1 / 0).start()
        """,
    "pickle": """
        import pickle

        class Model:
            pass

        print(type(pickle.loads(pickle.dumps(Model()))) is Model, Model.__module__)
        """,
    "dataclass": """
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Point:
            x: int

        print(Point(1))
        """,
    "inspect": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))\n",
    "annotation": "x: int = 1\nprint(globals().get('__annotations__', {}).get('x', int))\n",
    "empty": "",
    "no newline": "print(1)",
    "crlf": "print(1)\r\nif True:\r\n    print('''a\r\nb''')\r\n",
    "byte order mark": b"\xef\xbb\xbfprint('\xc3\xa9')\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nprint('\xe9')\nraise ValueError('\xe9')\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("def fail():\n    raise ValueError('from the neighbour')\n")
    (tmp_path / "broken.py").write_text("import neighbour\n\nneighbour.fail()\n")
    (tmp_path / "no_python.py").write_text("this is no python\n")
    return tmp_path


def same(*arguments: object, cwd: Path, stdin: str = "") -> Result:
    """Run by hinoko as by python; what python gave."""
    expected = python(*arguments, cwd=cwd, stdin=stdin, PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")
    got = hinoko(*arguments, cwd=cwd, stdin=stdin, PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")
    assert got == expected
    return expected


def write(file: Path, text: str | bytes) -> None:
    file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_runs_as_with_python(name: str, folder: Path) -> None:
    write(folder / "script.py", PROGRAMS[name])
    same("script.py", "one", "--two", "-h", cwd=folder, stdin="line\nrest\n")


def test_the_statuses_are_what_they_should_be(folder: Path) -> None:
    """The comparison above could pass on two equal failures."""
    statuses = {"exit 3": 3, "exit text": 1, "exit None": 0, "error": 1, "syntax": 1, "facts": 0}
    for name, status in statuses.items():
        write(folder / "script.py", PROGRAMS[name])
        assert hinoko("script.py", cwd=folder).status == status
    write(folder / "script.py", PROGRAMS["interrupt"])
    interrupted = hinoko("script.py", cwd=folder)
    assert interrupted.out == "before\n"
    assert interrupted.status == (-2 if os.name == "posix" else interrupted.status)
    assert interrupted.err.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize(
    "text",
    [b"x = 'caf\xe9'\n", b"x = 1\n\0\n", b"# coding: no-such-encoding\n", b"\xef\xbb\xbf# coding: latin-1\n"],
)
def test_a_file_that_is_no_source_text(text: bytes, folder: Path) -> None:
    write(folder / "script.py", text)
    if sys.version_info < (3, 11) and b"\0" in text:
        pytest.skip("this release takes a null byte for the end of the file")
    expected = python("script.py", cwd=folder)
    got = hinoko("script.py", cwd=folder)
    assert (got.status, got.out) == (1, "") == (expected.status, expected.out)
    assert "SyntaxError" in got.err and "Traceback" not in got.err
    if sys.version_info[:2] == (3, 11):  # the wording is each release's own
        assert got.err == expected.err


def test_a_script_in_another_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "near.py").write_text("print('near')\n")
    write(folder / "sub" / "script.py", "import near\n" + dedent(PROGRAMS["facts"]))
    same("sub/../sub/script.py", cwd=folder)
    same(folder / "sub" / "script.py", cwd=folder)
    (folder / "link.py").symlink_to(folder / "sub" / "script.py")
    same("link.py", cwd=folder)


def test_folders_zip_files_modules_code_and_stdin(folder: Path) -> None:
    program = "import neighbour, sys\nprint(__name__, sys.argv, sys.path[0], __package__)\n"
    (folder / "__main__.py").write_text(program)
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "module.py").write_text("from . import __name__ as parent\n" + program + "1 / 0\n")
    (folder / "empty").mkdir()
    with zipfile.ZipFile(folder / "program.zip", "w") as archive:
        archive.write(folder / "__main__.py", "__main__.py")
        archive.write(folder / "neighbour.py", "neighbour.py")
    assert same(folder, "a", cwd=folder).status == 0
    assert same("program.zip", "a", cwd=folder).status == 0
    assert same("-m", "package.module", "a", cwd=folder).status == 1
    assert same("-c", program + "1 / 0", "a", cwd=folder).status == 1
    assert same("-", "a", cwd=folder, stdin=program + "1 / 0\n").status == 1
    assert same("empty", cwd=folder).status == 1
    assert same("-m", "no_such_module", cwd=folder).status == 1


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_closed_pipe(folder: Path) -> None:
    (folder / "script.py").write_text("input()\nfor i in range(10000):\n    print('x' * 100)\n")
    results = []
    for command in (["script.py"], ["-m", "hinoko", "script.py"]):
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdin=-1, stdout=-1, stderr=-1, encoding="utf-8"
        )
        assert process.stdin and process.stdout and process.stderr
        with process.stdin, process.stdout, process.stderr:
            process.stdout.close()
            process.stdin.write("\n")
            process.stdin.flush()
            results.append((process.stderr.read(), process.wait()))
    assert "BrokenPipeError" in results[0][0]
    assert results[0] == results[1]


def test_torch_in_a_script(folder: Path) -> None:
    (folder / "torch.py").write_text("raise RuntimeError('the wrong torch')\n")
    script = """
        import torch
        from torch import optim
        import torch.autograd as autograd

        class Loss:
            pass

        if __name__ == "__main__":
            x = torch.tensor([3.], requires_grad=True)
            print(x, torch.float32, type(x))
            print(autograd.grad(x * 2, x))
            sgd = optim.SGD([x], lr=0.5)
            (x * 2).backward()
            sgd.step()
            print(x.item())
        """
    write(folder / "script.py", script)
    assert hinoko("script.py", cwd=folder) == (
        0,
        "tensor([3.], requires_grad=True) torch.float32 <class 'torch.Tensor'>\n(tensor([2.]),)\n2.0\n",
        "",
    )


def test_a_script_that_needs_what_hinoko_lacks(folder: Path) -> None:
    (folder / "script.py").write_text("import torch\n\nimport torch.distributed\n")
    done = hinoko("script.py", cwd=folder)
    assert done.status == 1
    lines = done.err.splitlines()
    assert lines[:3] == [
        "Traceback (most recent call last):",
        f'  File "{folder / "script.py"}", line 3, in <module>',
        "    import torch.distributed",
    ]
    assert sum("File" in line for line in lines) == 1
    assert lines[-1].startswith("ModuleNotFoundError: hinoko ")
    assert "has no module torch.distributed. Run the program with PyTorch itself" in lines[-1]


@pytest.mark.parametrize("name", ["nothing.py", "nothing.ipynb", "no/folder.py"])
def test_a_file_that_does_not_exist(name: str, folder: Path) -> None:
    file = os.path.join(folder, name)
    expected = f"hinoko: can't open file {file!r}: [Errno 2] No such file or directory\n"
    assert hinoko(name, cwd=folder) == (2, "", expected)


def test_the_commands_own_options(folder: Path) -> None:
    import hinoko as package

    usage = hinoko("--help", cwd=folder)
    assert usage.status == 0 and usage.err == "" and usage.out.startswith("usage: python -m hinoko FILE")
    assert hinoko("--version", cwd=folder) == (0, f"hinoko {package.__version__}\n", "")
    assert hinoko(cwd=folder) == (2, "", usage.out)
    for arguments in (["-x"], ["--no-such"], ["-c"], ["-m"]):
        wrong = hinoko(*arguments, cwd=folder)
        assert wrong.status == 2 and wrong.out == ""
        assert wrong.err.startswith("hinoko: ") and arguments[0] in wrong.err.splitlines()[0]


# Notebooks


def notebook(file: Path, *cells: object, version: int = 4) -> None:
    """Write a notebook of code cells, with a text cell before each."""
    key = "source" if version == 4 else "input"
    written: list[object] = []
    for cell in cells:
        source = dedent(cell).strip("\n") if isinstance(cell, str) else cell
        written.append({"cell_type": "markdown", "metadata": {}, "source": ["# no code"]})
        written.append({"cell_type": "code", "metadata": {}, "outputs": [], key: source})
    body = {"cells": written} if version == 4 else {"worksheets": [{"cells": written}]}
    file.write_text(json.dumps({"metadata": {}, "nbformat": version, "nbformat_minor": 0, **body}))


def run_cells(folder: Path, *cells: object, **options: str) -> Result:
    notebook(folder / "book.ipynb", *cells)
    return hinoko("book.ipynb", cwd=folder, **options)


def test_cells_run_in_order_in_one_namespace(folder: Path) -> None:
    done = run_cells(
        folder,
        "import sys\nimport torch\nfrom torch import optim\nimport neighbour",
        "x = torch.tensor([3.], requires_grad=True)\nprint(sys.argv, __name__)",
        ["def f(x):\n", "    return x * 2\n", "\n", "torch.autograd.grad(f(x), x)"],
        "class A:\n    pass\nimport pickle\ntype(pickle.loads(pickle.dumps(A()))) is A",
    )
    assert done == (0, "['book.ipynb'] __main__\n(tensor([2.]),)\nTrue\n", "")


def test_what_a_cell_shows(folder: Path) -> None:
    done = run_cells(
        folder,
        "1\n2",
        "'text'",
        "None",
        "3;",
        "4;  # a comment",
        "x = 5",
        "print('6')",
        "if True:\n    7",
        "'; not the end'",
        "8; f'{x}'",
        "",
        "# only a comment",
        "_",
        "display('shown', [1])",
        "(9,\n 10)",
    )
    assert done == (0, "2\n'text'\n6\n'; not the end'\n'5'\n'5'\n'shown'\n[1]\n(9, 10)\n", "")


def test_magics_and_commands(folder: Path) -> None:
    done = run_cells(
        folder,
        "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nx = 1\nx",
        "%time x = 2\n%time x",
        "%timeit -n 100 -r5 x + 1",
        "%timeit -o x = 3",
        "x",
        "%%time\ny = 4\ny",
        "%%timeit -n 10 z = 5\nprint(z)",
        "%%capture out\nprint('dropped')\n'dropped'",
        "if x:\n    %matplotlib inline\nelse:\n    %time x = 6\nx",
        "text = '''\n%matplotlib inline\n!ls\n'''\nfor _ in range(1):\n    !ls \\\n       -l\ntext",
        "8 \\\n% 5",
        "(8\n%3)",
    )
    assert done.out == "1\n2\n3\n4\n5\n3\n'\\n%matplotlib inline\\n!ls\\n'\n3\n2\n"
    name = f"hinoko: {folder / 'book.ipynb'}"
    assert done.err == f"{name}, cell 10, line 6: skipped !ls \\\n"
    assert done.status == 0


def test_what_is_skipped_is_noted(folder: Path) -> None:
    done = run_cells(
        folder,
        "!pip install it's\nprint(1)",
        "%cd somewhere\nfiles = !ls\nprint?\n?print\nprint(2)",
        "%%bash\necho $HOME\nif",
        "\n%%writefile a.py\n3",
        "print(4)",
    )
    assert done.out == "1\n2\n4\n"
    notes = [line.removeprefix(f"hinoko: {folder / 'book.ipynb'}, ") for line in done.err.splitlines()]
    assert sorted(notes) == [
        "cell 1, line 1: skipped !pip install it's",
        "cell 2, line 1: skipped %cd somewhere",
        "cell 2, line 2: skipped files = !ls",
        "cell 2, line 3: skipped print?",
        "cell 2, line 4: skipped ?print",
        "cell 3, line 1: skipped %%bash",
        "cell 4, line 1: skipped %%writefile a.py",
    ]
    assert done.status == 0


def test_an_error_in_a_cell(folder: Path) -> None:
    done = run_cells(folder, "def f(x):\n    return 1 / x\n", "print('before')\nf(0)\n", "print('never')")
    file = folder / "book.ipynb"
    assert (done.status, done.out) == (1, "before\n")
    assert [line for line in done.err.splitlines() if set(line) - set(" ^~")] == [
        "Traceback (most recent call last):",
        f'  File "{file}, cell 2", line 2, in <module>',
        "    f(0)",
        f'  File "{file}, cell 1", line 2, in f',
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]


def test_a_syntax_error_in_a_cell(folder: Path) -> None:
    done = run_cells(folder, "print('before')", "%matplotlib inline\nx = = 1")
    assert (done.status, done.out) == (1, "before\n")
    lines = done.err.splitlines()
    assert lines[:2] == [f'  File "{folder / "book.ipynb"}, cell 2", line 2', "    x = = 1"]
    assert lines[-1] == "SyntaxError: invalid syntax"


@pytest.mark.parametrize(
    ("cell", "status"), [("import sys; sys.exit(3)", 3), ("exit(4)", 4), ("raise SystemExit('x')", 1)]
)
def test_a_cell_that_exits(cell: str, status: int, folder: Path) -> None:
    assert run_cells(folder, cell, "print('never')") == (status, "", "x\n" if status == 1 else "")


def test_an_interrupt_in_a_cell(folder: Path) -> None:
    done = run_cells(folder, "import signal\nsignal.raise_signal(signal.SIGINT)")
    assert done.status == (-2 if os.name == "posix" else done.status)
    assert done.err.endswith("KeyboardInterrupt\n")
    assert "_notebook" not in done.err


def test_await_at_the_top_of_a_cell(folder: Path) -> None:
    done = run_cells(
        folder,
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return 1 / x",
        "y = await f(2)\ny",
        "await f(1)",
        "await f(0)",
    )
    assert (done.status, done.out) == (1, "0.5\n1.0\n")
    assert done.err.count("File") == 2
    assert done.err.endswith("ZeroDivisionError: division by zero\n")


def test_future_imports_hold_for_later_cells(folder: Path) -> None:
    done = run_cells(
        folder, "from __future__ import annotations", "def f(x: no_such_name): pass\nf.__annotations__"
    )
    assert done == (0, "{'x': 'no_such_name'}\n", "")


def test_indented_and_odd_cells(folder: Path) -> None:
    done = run_cells(folder, ["    x = 1\n", "    x"], ["print('a')\r\n", "print('b')"], ["'\u2028'"])
    assert done == (0, "1\na\nb\n'\\u2028'\n", "")


def test_the_older_format_and_arguments(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "near.py").write_text("")
    notebook(folder / "sub" / "old.ipynb", "import near, sys\nsys.argv[1:]", ["x = 1\n", "x"], version=3)
    assert hinoko("sub/old.ipynb", "a", "-b", cwd=folder) == (0, "['a', '-b']\n1\n", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is no JSON"),
        (b"import torch\n", "it is no JSON"),
        (b"\xff\xfe\xff", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[1]", "its JSON is not an object"),
        (b"{}", "it has no list of cells"),
        (b'{"cells": 1}', "it has no list of cells"),
        (b'{"cells": [1]}', "one of its cells is not an object"),
        (b'{"cells": [{"cell_type": "code", "source": 1}]}', "source of one of its cells"),
        (b'{"worksheets": [1]}', "it has no list of cells"),
        (b'{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "its language is R"),
    ],
)
def test_a_file_that_is_no_notebook(content: bytes, reason: str, folder: Path) -> None:
    (folder / "book.ipynb").write_bytes(content)
    done = hinoko("book.ipynb", cwd=folder)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"hinoko: {str(folder / 'book.ipynb')!r} is not a notebook that can be run: ")
    assert reason in done.err
    assert done.err.count("\n") == 1


def test_figures_need_no_window(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    home = {"DISPLAY": ":1", "MPLCONFIGDIR": str(folder)}
    notebook(
        folder / "book.ipynb",
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        "print(plt.get_fignums(), plt.get_backend().lower())",
    )
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    done = subprocess.run(
        [sys.executable, "-m", "hinoko", "book.ipynb"],
        cwd=folder,
        env={**environment, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] agg\n", "")


# Examples

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_the_lessons_script_and_notebook_have_the_same_cells() -> None:
    book = json.loads((EXAMPLES / "lesson.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    script = (EXAMPLES / "lesson.py").read_text(encoding="utf-8")
    parts = script.split("\n# %% cell ")[1:]
    assert len(cells) == len(parts) == 17
    for number, (cell, part) in enumerate(zip(cells, parts, strict=True), 1):
        head, _, code = part.partition("\n")
        assert int(head.split(":")[0]) == number
        assert code.strip("\n") == cell
