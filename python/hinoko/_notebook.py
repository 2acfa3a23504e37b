"""Running a notebook: its code cells in order, in one namespace, with what each shows on stdout.

The value of a cell's last expression is printed as Jupyter shows it, by ``sys.displayhook``. Lines that are
no Python (``%magic``, ``!command``) are run, left out, or skipped with a note on stderr; see ``_translate``.
"""

import __future__

import ast
import contextlib
import io
import json
import linecache
import os
import re
import sys
import tokenize
import warnings
from collections.abc import Coroutine
from typing import Any

from hinoko._run import hide_runner

# Magics that only concern the display or the editing of a notebook.
_LEFT_OUT = {"aimport", "autoreload", "config", "load_ext", "matplotlib", "reload_ext", "unload_ext"}
# Magics that run the code behind them; hinoko runs it once and measures nothing.
_RUN_ONCE = {"prun", "time", "timeit"}
# Options of those, such as -n 100 or -o.
_OPTIONS = re.compile(r"(?:-[a-zA-Z](?:\s*\d+)?\s+)*")
_MAGIC = re.compile(r"(?P<indent>\s*)(?P<sign>%%?)(?P<name>[A-Za-z_]\w*)\s*(?P<rest>.*)")
_SHELL_OR_HELP = re.compile(r"\s*(?:!|\?|[\w.]+\s*=\s*[!%]|[\w.%]+\?{1,2}\s*$)")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.DEDENT, tokenize.ENDMARKER}
_FUTURE_FLAGS = 0
for _name in __future__.all_feature_names:
    _FUTURE_FLAGS |= getattr(__future__, _name).compiler_flag
_COROUTINE = 0x80  # inspect.CO_COROUTINE: the cell has an await at its top level


class NotebookError(ValueError):
    """The file is no notebook, or not one of Python."""


def read_cells(data: bytes) -> list[str]:
    """The code cells of a notebook file, in format 4 or in the older ones."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"it is no JSON ({error})") from None
    if not isinstance(notebook, dict):
        raise NotebookError("its JSON is not an object with cells")
    language = _language(notebook)
    if not language.lower().startswith(("python", "ipython")):
        raise NotebookError(f"its language is {language}, not Python")
    sheets = notebook.get("worksheets", [notebook])  # formats 2 and 3 have them
    if not isinstance(sheets, list):
        raise NotebookError("it has no list of cells")
    cells: list[str] = []
    for sheet in sheets:
        if not isinstance(sheet, dict) or not isinstance(sheet.get("cells"), list):
            raise NotebookError("it has no list of cells")
        for cell in sheet["cells"]:
            if not isinstance(cell, dict):
                raise NotebookError("one of its cells is not an object")
            if cell.get("cell_type") == "code":
                cells.append(_source(cell))
    return cells


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        for part, key in (("language_info", "name"), ("kernelspec", "language")):
            value = metadata.get(part)
            if isinstance(value, dict) and isinstance(value.get(key), str):
                return str(value[key])
    return "python"


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"] if "source" in cell else cell.get("input", "")
    if isinstance(source, list) and all(isinstance(part, str) for part in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotebookError("the source of one of its cells is not text")
    return source.replace("\r\n", "\n").replace("\r", "\n")


def run(cells: list[str], file: str, namespace: dict[str, Any]) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")  # figures have no window to go to
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)
    namespace["display"] = _display
    session = _Session(namespace)
    try:
        for number, source in enumerate(cells, 1):
            session.run_cell(source, f"{file}, cell {number}")
    except SystemExit:
        raise
    except BaseException as error:
        hide_runner(error, namespace, by_linecache=True)
        raise
    finally:
        session.close()


def _display(*values: object) -> None:
    for value in values:
        print(repr(value))


class _Session:
    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.loop: Any = None  # asyncio's, made at the first await

    def run_cell(self, source: str, name: str) -> None:
        lines = [line + "\n" for line in source.split("\n")]
        linecache.cache[name] = (len(source), None, lines, name)  # for tracebacks
        source, captured = _cell_magic(source, name)
        tree, source = _parse(source, name, self.flags)
        shown: list[ast.stmt] = []
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _ends_with_semicolon(source):
            shown.append(tree.body.pop())
        with contextlib.redirect_stdout(io.StringIO()) if captured else contextlib.nullcontext():
            self._execute(tree, name, "exec")
            if shown:
                self._execute(ast.Interactive(shown), name, "single")
        if "matplotlib.pyplot" in sys.modules:  # the figures of a cell are shown with it, and gone
            sys.modules["matplotlib.pyplot"].close("all")

    def _execute(self, tree: ast.Module | ast.Interactive, name: str, mode: str) -> None:
        code = compile(tree, name, mode, flags=self.flags, dont_inherit=True)
        self.flags |= code.co_flags & _FUTURE_FLAGS  # a __future__ import holds for the cells after it too
        result = eval(code, self.namespace)
        if code.co_flags & _COROUTINE:
            self._wait_for(result)

    def _wait_for(self, coroutine: Coroutine[Any, Any, object]) -> None:
        if self.loop is None:
            import asyncio

            self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(coroutine)

    def close(self) -> None:
        if self.loop is not None:
            self.loop.close()


def _cell_magic(source: str, name: str) -> tuple[str, bool]:
    """Resolve a ``%%magic`` in the first line: the code to run, and whether its output is dropped."""
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    match = _MAGIC.match(lines[first])
    if match is None or match["sign"] != "%%":
        return source, False
    magic = match["name"]
    if magic in _RUN_ONCE:
        lines[first] = _OPTIONS.sub("", match["rest"] + " ", count=1).strip()  # timeit's setup stands there
        return "\n".join(lines), False
    if magic == "capture":
        lines[first] = ""
        return "\n".join(lines), True
    _note(name, first + 1, lines[first])
    return "", False


def _parse(source: str, name: str, flags: int) -> tuple[ast.Module, str]:
    """The cell as Python. A line is translated only where the compiler stumbles over it: a text or a
    continued expression may well have a line that starts with ``%`` or ``!``."""
    lines = _without_indent(source.split("\n"))
    while True:
        try:
            text = "\n".join(lines) + "\n"
            tree = compile(text, name, "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
            assert isinstance(tree, ast.Module)
            return tree, text
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if not (0 <= at < len(lines) and _translate(lines, at, name)):
                found = error
                break
    raise found.with_traceback(None)


def _translate(lines: list[str], at: int, name: str) -> bool:
    """Make Python of ``lines[at]`` if it is a magic or a shell command."""
    line = lines[at]
    match = _MAGIC.match(line)
    if match is not None and match["sign"] == "%":
        if match["name"] in _LEFT_OUT:
            lines[at] = match["indent"] + "pass"
            return True
        if match["name"] in _RUN_ONCE:
            code = _OPTIONS.sub("", match["rest"], count=1)
            end = "" if match["name"] == "time" else ";"  # only %time shows the value
            lines[at] = match["indent"] + (code + end if code else "pass")
            return True
    elif _SHELL_OR_HELP.match(line) is None:
        return False
    _note(name, at + 1, line)
    while line.endswith("\\") and at + 1 < len(lines):  # a command goes on in the next line
        lines[at] = ""
        at += 1
        line = lines[at]
    lines[at] = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "pass"
    return True


def _note(name: str, line_number: int, line: str) -> None:
    print(f"hinoko: {name}, line {line_number}: skipped {line.strip()}", file=sys.stderr)


def _without_indent(lines: list[str]) -> list[str]:
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return [line.removeprefix(indent) for line in lines]


def _ends_with_semicolon(source: str) -> bool:
    if ";" not in source:
        return False
    last = ""
    with contextlib.suppress(tokenize.TokenError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in _NO_CODE:
                last = token.string
    return last == ";"
