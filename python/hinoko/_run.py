"""``python -m hinoko FILE``: runs an unmodified program with ``torch`` resolved to hinoko.

Everything else is as ``python FILE`` has it: ``__main__``, ``sys.argv``, ``sys.path``, the exit status and
the text on stderr. An exception that leaves the program is raised on, so that the interpreter itself ends
the process; only the runner's own frames are taken out of the traceback.
"""

import builtins
import os
import runpy
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, NoReturn

_USAGE = """\
usage: python -m hinoko FILE [ARGUMENT...]
       python -m hinoko (-c CODE | -m MODULE | -) [ARGUMENT...]

Runs an unmodified PyTorch program on hinoko: torch and every torch.x that hinoko
has are hinoko's.

FILE is a script, a notebook (.ipynb), or a folder or zip file with a __main__.py;
- is a script on standard input.

  -c CODE        run the program text CODE
  -m MODULE      run a module as a program
  -h, --help     print this text
  -V, --version  print hinoko's version
"""


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments:
        _stop(_USAGE.rstrip())
    what = arguments[0]
    if what in ("-h", "--help"):
        print(_USAGE, end="")
        return
    if what in ("-V", "--version"):
        import hinoko

        print(f"hinoko {hinoko.__version__}")
        return
    if what in ("-c", "-m") and len(arguments) < 2:
        _stop(f"hinoko: argument expected for the {what} option\n{_USAGE.rstrip()}")
    if what.startswith("-") and what not in ("-", "-c", "-m"):
        _stop(f"hinoko: unknown option {what}\n{_USAGE.rstrip()}")

    from hinoko._alias import install_as_torch

    try:
        install_as_torch()
    except RuntimeError as error:
        _stop(f"hinoko: {error}", status=1)
    if what == "-m":
        _run_module(arguments[1], arguments[1:], find=True)
    elif what == "-c":
        sys.argv = ["-c", *arguments[2:]]
        if sys.version_info >= (3, 13):  # from then on tracebacks show the lines of such a text
            import linecache

            lines = arguments[1].splitlines(keepends=True)
            linecache.cache["<string>"] = (len(arguments[1]), None, lines, "<string>")
        _run_text((arguments[1] + "\n").encode(), "<string>")
    elif what == "-":
        sys.argv = arguments
        _run_text(sys.stdin.buffer.read(), "<stdin>")
    elif what.lower().endswith(".ipynb"):
        _run_notebook(arguments)
    elif _has_main_inside(what):
        _set_first_path(_absolute(what))
        _run_module("__main__", arguments, find=False)
    else:
        _run_script(arguments)


def _stop(text: str, status: int = 2) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(status)


def _absolute(path: str) -> str:
    """As the interpreter does it: without taking a ``..`` out."""
    return os.getcwd() if path == "." else os.path.join(os.getcwd(), path)


def _set_first_path(folder: str) -> None:
    """Put ``folder`` in the place of the working directory, which ``python -m`` has put first."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def new_main(file: str | None) -> ModuleType:
    """A fresh ``__main__``, in place of the runner's own, with what the interpreter puts into it."""
    module = ModuleType("__main__")
    namespace = vars(module)
    namespace["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__loader__"] = BuiltinImporter if file is None else SourceFileLoader("__main__", file)
    if file is not None:
        namespace["__file__"] = file
        if sys.version_info < (3, 15):
            namespace["__cached__"] = None
    sys.modules["__main__"] = module
    return module


def hide_runner(error: BaseException, namespace: dict[str, Any], *, by_linecache: bool = False) -> None:
    """Have ``error``, about to leave the runner, reported from its first frame in ``namespace`` on.

    ``by_linecache``: the source lines are there, and not in a file that the interpreter could read.
    """
    if by_linecache:
        import traceback
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals is not namespace:
        trace = trace.tb_next
    hook = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, _: object) -> None:
        sys.excepthook = hook
        value = value.with_traceback(trace)
        if by_linecache and hook is sys.__excepthook__:
            traceback.print_exception(kind, value, trace)
        else:
            hook(kind, value, trace)

    sys.excepthook = report


def _run_script(arguments: list[str]) -> None:
    sys.argv = arguments
    file = _absolute(arguments[0])
    data = _read(file)
    _set_first_path(os.path.dirname(os.path.realpath(file)))
    _execute(data, file, new_main(file))


def _run_text(source: bytes, name: str) -> None:
    _set_first_path("")
    _execute(source, name, new_main(None))


def _execute(data: bytes, file: str, module: ModuleType) -> None:
    namespace = vars(module)
    try:
        exec(_compile(data, file), namespace)
    except SystemExit:
        raise
    except BaseException as error:
        hide_runner(error, namespace)
        raise


def _run_module(name: str, arguments: list[str], *, find: bool) -> None:
    """Run a module as ``python -m`` does (``find``), or the ``__main__`` of ``sys.path[0]``."""
    sys.argv = arguments
    new_main(None)
    try:
        runpy._run_module_as_main(name, find)  # type: ignore[attr-defined]
    except SystemExit:
        raise
    except BaseException as error:
        hide_runner(error, vars(runpy))
        raise


def _run_notebook(arguments: list[str]) -> None:
    from hinoko import _notebook

    sys.argv = arguments
    file = _absolute(arguments[0])
    try:
        cells = _notebook.read_cells(_read(file))
    except _notebook.NotebookError as error:
        _stop(f"hinoko: {file!r} is not a notebook that can be run: {error}")
    _set_first_path(os.path.dirname(os.path.realpath(file)))
    _notebook.run(cells, file, vars(new_main(None)))


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as error:
        _stop(f"hinoko: can't open file {file!r}: [Errno {error.errno}] {error.strerror}")


def _has_main_inside(path: str) -> bool:
    """Whether ``path`` is a folder or a zip file, which are run by their ``__main__``."""
    if os.path.isdir(path):
        return True
    try:
        with open(path, "rb") as stream:
            if stream.read(2) == b"#!":  # a zip file may stand behind a line for the shell
                stream.readline()
                start = stream.read(4)
            else:
                stream.seek(0)
                start = stream.read(4)
    except OSError:
        return False
    if not start.startswith(b"PK"):
        return False
    import zipfile

    return zipfile.is_zipfile(path)


def _compile(data: bytes, file: str) -> CodeType:
    try:
        return compile(data, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        found: BaseException = _as_from_file(error, data, file) or error
    raise found.with_traceback(None)


def _as_from_file(error: Exception, data: bytes, file: str) -> SyntaxError | None:
    """What the interpreter says of a file whose bytes are no source text; compile() words it otherwise."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    if "null bytes" in text:
        before = data[: data.index(b"\0")]
        line = before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")
        return SyntaxError(
            "source code cannot contain null bytes", (file, before.count(b"\n") + 1, None, line)
        )
    if text.startswith("unknown encoding: "):
        return SyntaxError(text.replace("unknown encoding", "encoding problem", 1))
    if text.startswith("encoding problem"):
        return SyntaxError(text)
    if text.startswith("(unicode error) 'utf-8' codec"):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as bad:
            line_number = data.count(b"\n", 0, bad.start) + 1
            return SyntaxError(
                f"Non-UTF-8 code starting with '\\x{data[bad.start]:02x}' in file {file} on line "
                f"{line_number}, but no encoding declared; "
                "see https://peps.python.org/pep-0263/ for details"
            )
    return None
