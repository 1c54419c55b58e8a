"""Scripts that work without piecewise: copies of functions of this package, with all that they use.

The source of each function is copied as it stands, with the functions, classes and constants of
this package that it uses, and with the imports from other packages.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import NamedTuple

_PACKAGE = __name__.split(".", maxsplit=1)[0]
_CODE = ast.FunctionDef | ast.ClassDef


class _Piece(NamedTuple):
    """The source of a definition, and whether it is a function or a class."""

    source: str
    is_code: bool


class _Module(NamedTuple):
    """What the top level of a module defines and imports, by name."""

    definitions: Mapping[str, ast.stmt]
    own_imports: Mapping[str, tuple[str, str]]
    """Modules of this package, and the names there."""
    imports: Mapping[str, str]
    """Lines."""


class Standalone:
    """Collects definitions, and what they use, in the order of their modules.

    Parameters
    ----------
    defined : iterable of str
        Names that the script defines itself, which are not followed.
    imports : iterable of str
        Lines of imports that the script itself needs.
    """

    def __init__(self, defined: Iterable[str] = (), imports: Iterable[str] = ()) -> None:
        self._defined = set(defined)
        self._pieces: dict[str, _Piece] = {}
        self._followed: set[tuple[str, str]] = set()
        self._imports = set(imports)

    def add(self, module: str, *names: str) -> None:
        """Definitions of a module of this package."""
        for name in names:
            self._follow(module, name)

    def methods(self, module: str, owner: str, *names: str) -> str:
        """The source of methods of a class, with those that they call; what they use besides is
        added."""
        node = _module(module).definitions[owner]
        assert isinstance(node, ast.ClassDef)
        methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
        used: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name in methods and name not in used:
                used.add(name)
                self._names_in(module, methods[name])
                walked = ast.walk(methods[name])
                pending += [one.attr for one in walked if isinstance(one, ast.Attribute)]
        return "\n\n".join(_text(module, one) for name, one in methods.items() if name in used)

    @property
    def imports(self) -> str:
        """The lines of the imports from other packages, the standard library first."""
        named: dict[str, list[str]] = {}
        for line in sorted(self._imports, key=lambda line: (line.startswith("from"), line)):
            start, _, name = line.partition(" import ")
            named.setdefault(start, []).append(name)
        groups: tuple[list[str], list[str]] = ([], [])
        for start, names in named.items():
            package = start.split()[1].split(".")[0]
            line = f"{start} import {', '.join(names)}" if any(names) else start
            groups[package not in sys.stdlib_module_names].append(line)
        return "\n\n".join("\n".join(group) for group in groups if group)

    @property
    def definitions(self) -> str:
        """The definitions, each after what it uses."""
        text, was_code = "", True
        for source, is_code in dict.fromkeys(self._pieces.values()):
            text += ("\n\n\n" if is_code or was_code else "\n") + source
            was_code = is_code
        return text.strip("\n")

    def _follow(self, module: str, name: str) -> None:
        found = _module(module)
        if name in self._defined:
            return
        if name in found.definitions:
            node = found.definitions[name]
            key = module, name
            if key not in self._followed:
                self._followed.add(key)
                self._names_in(module, node)
                piece = _Piece(_text(module, node), isinstance(node, _CODE))
                if self._pieces.setdefault(name, piece) != piece:
                    raise ValueError(f"{name} has two meanings, one of them in {module}")
        elif name in found.own_imports:
            self._follow(*found.own_imports[name])
        elif name in found.imports:
            self._imports.add(found.imports[name])

    def _names_in(self, module: str, node: ast.AST) -> None:
        for one in ast.walk(node):
            if isinstance(one, ast.Name):
                self._follow(module, one.id)


@cache
def _source(module: str) -> str:
    spec = find_spec(f"{_PACKAGE}.{module}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text("utf-8")


@cache
def _module(module: str) -> _Module:
    definitions: dict[str, ast.stmt] = {}
    own_imports, imports = {}, {}
    package = f"{_PACKAGE}.{module}".rpartition(".")[0]
    for node in ast.parse(_source(module)).body:
        definitions |= dict.fromkeys(_defined_names(node), node)
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        path = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            name = alias.asname or alias.name
            if level:
                target = resolve_name("." * level + path, package).removeprefix(f"{_PACKAGE}.")
                own_imports[name] = (target, alias.name)
            else:
                renamed = f" as {alias.asname}" if alias.asname else ""
                start = f"from {path} " if path else ""
                imports[name] = f"{start}import {alias.name}{renamed}"
    return _Module(definitions, own_imports, imports)


def _defined_names(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(node, _CODE):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _text(module: str, node: ast.stmt) -> str:
    """The source of a statement, with its decorators."""
    first = min(one.lineno for one in (node, *getattr(node, "decorator_list", [])))
    return "\n".join(_source(module).splitlines()[first - 1 : node.end_lineno])
