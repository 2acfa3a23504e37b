"""Writes what follows from the table of operations: the type stubs and docs/operations.md.

    python tools/stubgen.py           # writes the files
    python tools/stubgen.py --check   # exit status 1 and a diff if they are not what the table yields

The signatures come from `hinoko._C.op_table()`; what the table does not say (results, types of `object`
parameters, classes) stands in tools/stub_parts.py. Every attribute of the extension module and of its
classes has to be in the stub and the other way round, or the tool fails. It runs on the installed hinoko.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import stub_parts as parts

import hinoko
from hinoko import _C, _legacy

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 110

TYPES = {
    "Tensor": "Tensor",
    "Number": "_Number",
    "TensorOrNumber": "Tensor | _Number",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "IntList": "Sequence[_int]",
    "IntList[1]": "_int | Sequence[_int]",
    "IntList...": "Sequence[_int]",
    "TensorList": "tuple[Tensor, ...] | list[Tensor]",
    "ScalarType": "_DType",
    "Layout": "_layout",
    "Device": "_device | str",
    "MemoryFormat": "memory_format",
    "Generator": "Generator",
    "str": "str",
    "object": "object",
}


# ---- signatures ----


@dataclass
class Parameter:
    type: str
    name: str
    default: str | None
    keyword_only: bool


def parse(signature: str, method: bool) -> list[Parameter]:
    """The parameters of one overload in the syntax of cpp/bindings/args.h; of a method, without self."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    out = []
    keyword_only = False
    for item in filter(None, (part.strip() for part in inside.split(","))):
        if item == "*":
            keyword_only = True
            continue
        declaration, _, default = item.partition("=")
        kind, name = declaration.split()
        if kind.removesuffix("?") not in TYPES:
            raise SystemExit(f"{signature}: unknown type {kind}")
        out.append(Parameter(kind, name, default or None, keyword_only))
    return [p for p in out[1:] if p.name != "out"] if method else out


def annotation(function: str, p: Parameter) -> str:
    kind = p.type.removesuffix("?")
    text = parts.OBJECT_TYPES.get((function, p.name), TYPES[kind])
    nullable = p.type.endswith("?") or p.default == "None"
    return f"{text} | None" if nullable and text != "object" and "None" not in text else text


def spelled(function: str, p: Parameter) -> str:
    name = f"{p.name}_" if keyword.iskeyword(p.name) else p.name
    return f"{name}: {annotation(function, p)}" + (f" = {p.default}" if p.default else "")


def wrapped(indent: str, head: str, arguments: list[str], tail: str) -> list[str]:
    """`head(arguments)tail` broken into lines as ruff does."""
    line = f"{indent}{head}({', '.join(arguments)}){tail}"
    if len(line) <= WIDTH:
        return [line]
    line = f"{indent}    {', '.join(arguments)}"
    if len(line) <= WIDTH:
        return [f"{indent}{head}(", line, f"{indent}){tail}"]
    return [f"{indent}{head}(", *(f"{indent}    {a}," for a in arguments), f"{indent}){tail}"]


def overload(
    function: str, parameters: list[Parameter], result: str, method: bool, spread: bool
) -> list[str]:
    """One overload; `spread`: the ints of an `IntList...` come one by one."""
    indent = "    " if method else ""
    arguments = ["self"] if method else []
    starred = False
    for p in parameters:
        if spread and p.type == "IntList...":
            arguments.append(f"*{p.name}: _int")
            starred = True
            continue
        if p.keyword_only and not starred:
            arguments.append("*")
            starred = True
        arguments.append(spelled(function, p))
        if keyword.iskeyword(p.name):
            arguments.append("/")
    return wrapped(indent, f"def {function}", arguments, f" -> {result}: ...")


def define(row: dict[str, str], method: bool) -> list[str]:
    """All overloads of a function or method."""
    name, signatures = row["name"], row["signatures"].split("\n")
    results = parts.RESULTS.get(name, "Tensor")
    if isinstance(results, str):
        results = (results,) * len(signatures)
    if len(results) < len(signatures):
        raise SystemExit(f"{name}: {len(signatures)} overloads, but {len(results)} results")
    out = []
    for signature, result in zip(signatures, results, strict=False):
        if method and "(Tensor " not in signature:
            continue
        parameters = parse(signature, method)
        out.append(overload(name, parameters, result, method, spread=False))
        if any(p.type == "IntList..." for p in parameters):
            out.append(overload(name, parameters, result, method, spread=True))
    indent = "    " if method else ""
    mark = [f"{indent}@overload"] if len(out) > 1 else []
    return [line for lines in out for line in (*mark, *lines)]


# ---- python/hinoko/_C.pyi ----


def extension_stub() -> str:
    table = _C.op_table()
    lines = [parts.HEAD.strip(), ""]
    for name in sorted(dir(_C)):
        kind = parts.CONSTANTS.get(type(getattr(_C, name)).__name__)
        if kind and not name.startswith("__"):
            lines.append(f"{name}: {kind}")
    lines += ["", parts.CLASSES.strip(), "", parts.TENSOR.strip("\n")]
    for row in sorted(table, key=lambda row: row["name"]):
        if row["method"] and row["name"] not in parts.BY_HAND and not row["name"].startswith("__"):
            lines += define(row, method=True)
    lines += ["", parts.FUNCTIONS.strip("\n")]
    for row in sorted(table, key=lambda row: row["name"]):
        if row["function"]:
            lines += define(row, method=False)
    return "\n".join(lines) + "\n"


def names_of(body: list[ast.stmt]) -> set[str]:
    out = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            out.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            out.add(node.target.id)
        elif isinstance(node, ast.Assign):
            out.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return out


def check_complete(stub: str) -> None:
    """Everything that there is stands in the stub, and nothing else."""
    body = ast.parse(stub).body
    classes = {node.name: names_of(node.body) for node in body if isinstance(node, ast.ClassDef)}
    errors = []

    def compare(where: str, found: set[str], written: set[str]) -> None:
        errors.extend(f"{where}.{name} is not in the stub" for name in found - written)
        errors.extend(f"{where}.{name} is in the stub, but does not exist" for name in written - found)

    only_typing = {name for name in names_of(body) if name in parts.TYPING_NAMES}
    compare("_C", {n for n in vars(_C) if n not in parts.MODULE_DUNDERS}, names_of(body) - only_typing)
    for name, value in vars(_C).items():
        if isinstance(value, type):
            found = {n for n in vars(value) if n not in parts.CLASS_DUNDERS}
            compare(name, found, classes.get(name, set()) - parts.CLASS_DUNDERS)
    if errors:
        raise SystemExit("\n".join(sorted(errors)))


# ---- python/hinoko/__init__.pyi ----


def package_stub() -> str:
    imports: dict[str, str] = {"_C": "hinoko"}
    for name, value in vars(hinoko).items():
        if name.startswith("_") or name == "annotations" or name in parts.PACKAGE_NAMES:
            continue
        if isinstance(value, ModuleType):
            imports[name] = "hinoko"
        elif name in vars(_legacy):
            imports[name] = "hinoko._legacy"
        elif name in vars(_C):
            imports[name] = "hinoko._C"
        elif name in ("e", "inf", "nan", "pi"):
            imports[name] = "math"
        elif not getattr(value, "__module__", "").startswith("hinoko"):
            raise SystemExit(f"hinoko.{name}: where does it come from?")
        else:
            imports[name] = value.__module__

    def order(name: str) -> tuple[int, str, str]:
        kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
        natural = re.sub(r"\d+", lambda digits: digits[0].zfill(9), name.casefold())  # log2 before log10
        return kind, natural, name

    lines = [parts.GENERATED, ""]
    modules = sorted(set(imports.values()), key=str.casefold)
    for group in (["math"], [m for m in modules if m != "math"]):
        for module in group:
            chosen = sorted((n for n, m in imports.items() if m == module), key=order)
            lines += [f"from {module} import {name} as {name}" for name in chosen]
        lines.append("")
    lines += [f"{name}: {kind}" for name, kind in parts.PACKAGE_NAMES.items()]
    return "\n".join(lines) + "\n"


# ---- docs/operations.md ----


def shown(signature: str, method: bool, name: str) -> str:
    """A signature as one calls it."""
    out = []
    starred = False
    for p in parse(signature, method):
        text = f"*{p.name}" if p.type == "IntList..." else p.name
        starred |= p.type == "IntList..."
        if p.keyword_only and not starred:
            out.append("*")
            starred = True
        out.append(text + (f"={p.default}" if p.default else ""))
    return f"`{'x.' if method else ''}{name}({', '.join(out)})`"


def operations_page() -> str:
    table = [row for row in _C.op_table() if not row["name"].startswith("_")]
    inplace = {row["name"] for row in table if row["name"].endswith("_")}
    nodes = {row["name"]: row["node"] for row in _C.row_table()}
    families: dict[str, list[str]] = {"Functions": [], "Methods": [], "In place": []}
    for row in sorted(table, key=lambda row: (row["name"], row["method"])):
        name, doc = row["name"], row["doc"]
        method = not row["function"]
        signatures = row["signatures"].split("\n")
        calls = "<br>".join(shown(s, method, name) for s in signatures)
        if name in inplace:
            both = " Also a function." if row["function"] else ""
            calls = "<br>".join(shown(s, True, name) for s in signatures)
            families["In place"].append(f"| {calls} | {doc}{both} |")
            continue
        forms = [word for word, has in (("function", row["function"]), ("method", row["method"])) if has]
        if f"{name}_" in inplace:
            forms.append("in place")
        if method:
            families["Methods"].append(f"| {calls} | {doc} |")
        else:
            node = f"`{nodes[name]}`" if nodes.get(name) else ""
            families["Functions"].append(f"| {calls} | {', '.join(forms)} | {node} | {doc} |")
    lines = [parts.PAGE.strip(), "", "## Functions"]
    lines += ["| call | forms | node of its row | |", "|---|---|---|---|", *families["Functions"]]
    lines += ["", "## Methods only", "| call | |", "|---|---|", *families["Methods"]]
    lines += ["", "## In place", "| call | |", "|---|---|", *families["In place"]]
    lines += ["", "## Attributes of tensors", "| attribute | |", "|---|---|"]
    for name, value in sorted(vars(_C.Tensor).items()):
        if type(value).__name__ == "getset_descriptor" and not name.startswith("_"):
            lines.append(f"| `x.{name}` | {value.__doc__} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python tools/stubgen.py [--check]", file=sys.stderr)
        return 2
    stub = extension_stub()
    check_complete(stub)
    wanted = {
        "python/hinoko/_C.pyi": stub,
        "python/hinoko/__init__.pyi": package_stub(),
        "docs/operations.md": operations_page(),
    }
    status = 0
    for name, text in wanted.items():
        path = ROOT / name
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        if committed == text:
            continue
        if arguments:
            status = 1
            before, after = committed.splitlines(keepends=True), text.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(before, after, name, f"{name} (as it should be)"))
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
