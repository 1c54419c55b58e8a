"""Writes the API reference from the signatures and docstrings of the public names.

`scripts/write_docs.py` calls `page`. Docstrings have numpydoc sections (Parameters, Returns,
Raises, Examples); a docstring without sections is printed as it is.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import re
import textwrap
import types
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import piecewise
from docstring_markdown import documentation, markdown

HEAD = """\
# API reference

<!-- Written by scripts/write_docs.py from the docstrings in src/piecewise. -->

All names on this page except the returned objects are imported from the package:
`import piecewise as pw`, then `pw.train(...)`. The [glossary](glossary.md) explains the terms,
[compatibility.md](compatibility.md) says what may change between versions. Arrays have the shape
(N, C, H, W): inputs, channels, rows, columns.
"""

TOPICS: dict[str, tuple[str, ...]] = {
    "Networks and model files": ("Network", "load", "import_net", "CompiledNetwork"),
    "Data sets and preprocessing": (
        "read_data",
        "Dataset",
        "make_xo",
        "Preprocessor",
        "ImagePreprocessor",
        "AudioPreprocessor",
        "TextPreprocessor",
    ),
    "Training": (
        "train",
        "Recipe",
        "Augmentation",
        "plan_training",
        "choose_by_trial",
        "run_training",
        "tune",
        "LiveTrainer",
        "Progress",
        "ProgressBar",
        "OnProgress",
    ),
    "Evaluation": ("evaluate", "Scores", "mistakes", "error_table"),
    "Explanations": (
        "explain",
        "Explanation",
        "explain_html",
        "export_spreadsheet",
        "attributions",
        "top_patches",
        "nudge_curve",
        "KernelHistory",
    ),
    "Robustness": ("example_robustness", "dataset_robustness", "train_with_augmentation"),
    "Data quality": ("inspect_data", "find_label_issues", "influential_examples", "shuffle_test"),
    "scikit-learn": ("ConvNetClassifier",),
    "Errors": (
        "PiecewiseError",
        "CheckpointError",
        "DataError",
        "LimitError",
        "ModelFileError",
        "NotationError",
        "NotFittedError",
        "ShapeError",
        "TrainingError",
    ),
    "Version": ("__version__",),
}
"""Every public name, by topic."""

WIDTH = 88
"""Signatures that are longer get one line per parameter."""

MEMBERS = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)
"""The kinds of attributes of a class that are documented."""

ARRAYS = {
    "Array": "array",
    "Bool": "bool array",
    "Float32": "float32 array",
    "Float64": "float64 array",
    "Int64": "int64 array",
    "Labels": "int64 array",
    "Strings": "str array",
}
"""The types of arrays in words."""

PACKAGE = Path(piecewise.__file__).parent


def page() -> str:
    listed = [name for names in TOPICS.values() for name in names]
    if sorted(listed) != sorted(piecewise.__all__):
        raise SystemExit(f"TOPICS differs from __all__: {set(listed) ^ set(piecewise.__all__)}")
    classes = _class_index()
    lines, described = [HEAD], set(listed)
    for topic, names in TOPICS.items():
        lines += [f"## {topic}", "", *_contents(names)]
        returned: list[str] = []
        for name in names:
            value = getattr(piecewise, name)
            lines += _entry(name, value)
            returned += _returned_classes(value, classes)
        for name in dict.fromkeys(returned):
            if name not in described:
                described.add(name)
                value = getattr(import_module(classes[name]), name)
                lines += _entry(name, value, returned=True)
    linked = [_with_links(line, described) for line in lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(linked).rstrip() + "\n")


def _contents(names: tuple[str, ...]) -> list[str]:
    """A table of public names with their summaries."""
    rows = ["| name | summary |", "|---|---|"]
    for name in names:
        value = getattr(piecewise, name)
        is_documented = isinstance(value, type) or inspect.isroutine(value)
        text = _docstring(value) if is_documented else _assignment_doc(name)
        summary = markdown(" ".join(text.split("\n\n")[0].split())).replace("|", "\\|")
        rows.append(f"| [{name}](#{name.lower()}) | {summary} |")
    return [*rows, ""]


def _with_links(line: str, names: set[str]) -> str:
    """Link the classes in the name and the type of a list item to their entries."""
    _, head, description = re.split(r"^(- \*\*.+?\*\*(?: \(.*?\))?(?=:|$)|)", line, maxsplit=1)
    words = re.split(r"\b([A-Z]\w+)\b", head)
    words = [f"[{word}](#{word.lower()})" if word in names else word for word in words]
    return "".join(words) + description


def _entry(name: str, value: Any, *, returned: bool = False) -> list[str]:
    """The heading, the signature, the documentation and the members of a public name."""
    if isinstance(value, type):
        lines = [f"### {name}", ""]
        if issubclass(value, Exception):
            bases = ", ".join(f"`{base.__name__}`" for base in value.__bases__)
            return [*lines, *documentation(_docstring(value)), f"Bases: {bases}.", ""]
        lines += ["*The class of returned objects.*", ""] if returned else _signature(name, value)
        lines += documentation(_docstring(value), _undocumented_attributes(value))
        return [*lines, *_methods(name, value, briefly=returned)]
    if callable(value) and not _is_alias(value):
        return [f"### {name}", "", *_signature(name, value), *documentation(_docstring(value))]
    text = documentation(_assignment_doc(name))
    return [f"### {name}", "", *text, f"Type: `{_type(value)}`.", ""]


def _is_alias(value: Any) -> bool:
    return getattr(value, "__origin__", None) is not None


def _type(value: Any) -> str:
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(value)) if _is_alias(value) else "str"


def _docstring(value: Any) -> str:
    """The value's own docstring; generated or inherited ones say nothing."""
    text = getattr(value, "__doc__", None) or ""
    generated = isinstance(value, type) and text.startswith(f"{value.__name__}(")
    return "" if generated else inspect.cleandoc(text)


def _assignment_doc(name: str) -> str:
    """The string below the assignment of a public name that is no class and no function; without
    one, the docstring of the module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        documented = dict(_documented_assignments(tree.body))
        if name in documented:
            return documented[name]
        if any(name == ast.unparse(one.targets[0]) for one in tree.body
               if isinstance(one, ast.Assign)):  # fmt: skip
            return ast.get_docstring(tree) or ""
    return ""


def _documented_assignments(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """The names that are assigned in a body, each with the string below it."""
    for statement, below in itertools.pairwise(body):
        target: Any = None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        if isinstance(target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                yield target.id, inspect.cleandoc(text)


# Signatures


def _signature(name: str, value: Any, prefix: str = "pw.") -> list[str]:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return []
    parameters = [_parameter(one) for one in signature.parameters.values() if one.name != "self"]
    kinds = [one.kind for one in signature.parameters.values() if one.name != "self"]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    text = f"{prefix}{name}({', '.join(parameters)})"
    if len(text) > WIDTH:
        text = f"{prefix}{name}(\n" + "".join(f"    {one},\n" for one in parameters) + ")"
    return ["```text", text, "```", ""]


def _parameter(parameter: inspect.Parameter) -> str:
    name = str(parameter).split(":")[0].split("=")[0]  # with its stars
    if parameter.default is inspect.Parameter.empty:
        return name
    default = repr(parameter.default)
    if dataclasses.is_dataclass(parameter.default) and len(default) > WIDTH:
        default = f"{type(parameter.default).__name__}(...)"
    if isinstance(parameter.default, str):
        default = f'"{parameter.default}"'
    return f"{name}={'...' if default.startswith('<') else default}"


# Members of classes


def _undocumented_attributes(value: type) -> list[str]:
    """The fields and properties that the docstring of a class does not list."""
    listed = set(re.findall(r"^(\w+(?:, \w+)*) :", _docstring(value), re.MULTILINE))
    listed = {name for names in listed for name in names.split(", ")}
    texts = _field_docs(value)
    for name, member in sorted(_public(value).items()):
        if isinstance(member, (property, functools.cached_property)):
            texts[name] = _inherited_docstring(value, name)
    names = dict.fromkeys([*_fields(value), *sorted(set(texts) & set(_public(value)))])
    types_ = _field_types(value)
    return [
        _attribute(name, texts.get(name, ""), types_.get(name, ""))
        for name in names
        if name not in listed
    ]


def _inherited_docstring(value: type, name: str) -> str:
    """The docstring of a property of a class, or of the nearest base that documents it."""
    properties = (vars(base).get(name) for base in value.__mro__)
    return next(filter(None, map(_docstring, properties)), "")


def _methods(owner: str, value: type, *, briefly: bool) -> list[str]:
    """The methods of a class, each with its documentation or, ``briefly``, with its summary."""
    lines: list[str] = []
    describe = _brief_method if briefly else _method
    for name, member in sorted(_public(value).items()):
        if not isinstance(member, (property, functools.cached_property)):
            lines += describe(owner, name, getattr(value, name))
    return ["**Methods**", "", *lines, ""] if briefly and lines else lines


def _public(value: type) -> dict[str, Any]:
    """The public methods and properties that classes of this package define."""
    return {
        name: attribute
        for base in reversed(value.__mro__)
        if base.__module__.startswith("piecewise")
        for name, attribute in vars(base).items()
        if not name.startswith("_") and isinstance(attribute, MEMBERS)
    }


def _fields(value: type) -> list[str]:
    """The public fields of a dataclass or named tuple, in their order."""
    names: Iterable[str] = getattr(value, "__dataclass_fields__", getattr(value, "_fields", ()))
    return [name for name in names if not name.startswith("_")]


def _field_docs(value: type) -> dict[str, str]:
    """What the source of a class says below its fields, or the declarations of hyperparameters."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts = dict(_documented_assignments(tree.body))
    for name, field in getattr(value, "__dataclass_fields__", {}).items():
        if "meaning" in field.metadata:
            values = field.metadata["constraint"].description
            texts[name] = f"{field.metadata['meaning']} ({values})"
    return texts


def _field_types(value: type) -> dict[str, str]:
    """The types of the fields as the source names them; those of arrays in words."""
    annotations = inspect.get_annotations(value)
    return {name: _type_text(annotations[name]) for name in _fields(value) if name in annotations}


def _type_text(annotation: Any) -> str:
    """An annotation, which is a text, or a reference with a text in a named tuple."""
    text = re.sub(r"^ClassVar\[(.*)\]$", r"\1", getattr(annotation, "__forward_arg__", annotation))
    return re.sub(r"\w+", lambda found: ARRAYS.get(found[0], found[0]), text)


def _attribute(name: str, text: str, type_: str = "") -> str:
    summary = markdown(" ".join(text.split("\n\n", maxsplit=1)[0].split()))
    label = name if name.startswith("`") else f"**{name}**"
    label += f" ({type_})" if type_ else ""
    return f"- {label}: {summary}" if summary else f"- {label}"


def _method(owner: str, name: str, value: Any) -> list[str]:
    signature = _signature(f"{owner}.{name}", value, prefix="")
    return [f"#### {owner}.{name}", "", *signature, *documentation(_docstring(value))]


def _brief_method(owner: str, name: str, value: Any) -> list[str]:
    call = " ".join("".join(_signature(name, value, prefix="")[1:-2]).split())
    return [_attribute(f"`{call}`", _docstring(value))]


# Returned objects


def _class_index() -> dict[str, str]:
    """The public classes of the package and the module of each."""
    index: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("piecewise", *path.relative_to(PACKAGE).with_suffix("").parts))
        for statement in ast.parse(path.read_text("utf-8")).body:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                index.setdefault(statement.name, module)
    return index


def _returned_classes(value: Any, classes: dict[str, str]) -> list[str]:
    """The classes of the package that a function, or a method of a class, returns."""
    functions = [value]
    if isinstance(value, type):
        functions = [getattr(one, "fget", None) or getattr(one, "__func__", one)
                     for one in _public(value).values()]  # fmt: skip
    names: list[str] = []
    for function in functions:
        annotation = str(getattr(function, "__annotations__", {}).get("return", ""))
        names += [one for one in re.findall(r"\w+", annotation) if one in classes]
    return names
