"""Templates of source code beside the exporters, and the selection of the functions that a net
uses."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from string import Template


@cache
def template(package: str, name: str) -> Template:
    """A template file beside a module; ``$name`` in it is replaced."""
    return Template((files(package) / name).read_text("utf-8"))


@cache
def functions(package: str, name: str) -> dict[str, str]:
    """The functions, or the types, in a file beside a module, by their names; two empty lines
    separate them."""
    found = {}
    for source in template(package, name).template.strip("\n").split("\n\n\n"):
        found[_defined_name(source)] = source
    return found


def _defined_name(source: str) -> str:
    """The name that a definition of Python or C gives."""
    if typedef := re.search(r"^} (\w+);$", source, re.MULTILINE):
        return typedef[1]
    found = re.search(r"^(?:def|static)\b[\w *]*?(\w+)\(", source, re.MULTILINE)
    assert found, source
    return found[1]


def used_functions(code: str, available: dict[str, str]) -> list[str]:
    """The functions or types that code uses, directly or through each other, in the order of their
    file. Names of types begin with a capital letter."""
    used: set[str] = set()
    pending = [code]
    while pending:
        text = pending.pop()
        for name, source in available.items():
            after = r"\b" if name[0].isupper() else r"\("
            if name not in used and re.search(rf"\b{name}{after}", text):
                used.add(name)
                pending.append(source)
    return [source for name, source in available.items() if name in used]
