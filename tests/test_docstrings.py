"""The docstrings of the public names: their sections, and their examples, which run."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import piecewise as pw

HEADING = "\n{name}\n{line}\n"
IGNORED = ("self", "cls")


def public_objects() -> Iterator[tuple[str, Any]]:
    """Every public name, and every public method and property of the classes."""
    for name in pw.__all__:
        value = getattr(pw, name)
        if name == "__version__" or name == "OnProgress":
            continue
        yield name, value
        if inspect.isclass(value):
            for base in value.__mro__[:-1]:
                if base.__module__.startswith("piecewise"):
                    for member, attribute in vars(base).items():
                        if not member.startswith("_") and documented(attribute):
                            yield f"{name}.{member}", inherited(value, member)


def documented(attribute: Any) -> bool:
    return inspect.isfunction(attribute) or isinstance(
        attribute, property | classmethod | staticmethod
    )


def inherited(kind: type, member: str) -> Any:
    """The first member of this name in the class or its bases that has a docstring."""
    attributes = [vars(base)[member] for base in kind.__mro__ if member in vars(base)]
    return next((one for one in attributes if inspect.getdoc(one)), attributes[0])


OBJECTS = dict(public_objects())
EXAMPLES = [name for name, value in OBJECTS.items() if ">>>" in (inspect.getdoc(value) or "")]
WITH_EXAMPLES = (
    "Network", "Network.load", "train", "evaluate", "Recipe", "Scores", "Augmentation",
    "plan_training", "run_training", "LiveTrainer", "CompiledNetwork",
)  # fmt: skip
SECTIONS = ("Network", "CompiledNetwork", "LiveTrainer", "Recipe", "Scores", "train", "evaluate",
            "plan_training", "run_training", "load")  # fmt: skip


def has_section(text: str, name: str) -> bool:
    return HEADING.format(name=name, line="-" * len(name)) in f"\n{text}\n"


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_have_a_summary(name: str) -> None:
    text = inspect.getdoc(OBJECTS[name])
    assert text
    assert re.search(r"[.:)]$", text.split("\n\n")[0])


@pytest.mark.parametrize("name", [n for n in OBJECTS if n.split(".")[0] in SECTIONS])
def test_docstrings_have_sections_for_parameters_and_returns(name: str) -> None:
    value = OBJECTS[name]
    function = getattr(value, "__func__", value)
    if not inspect.isroutine(function):
        return
    text, signature = inspect.getdoc(function) or "", inspect.signature(function)
    if [one for one in signature.parameters if one not in IGNORED]:
        assert has_section(text, "Parameters")
    if signature.return_annotation not in ("None", "Self", None):
        assert has_section(text, "Returns")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_main_names_have_an_example(name: str) -> None:
    assert name in EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    text = inspect.getdoc(OBJECTS[name]) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    output = list[str]()
    runner.run(example, out=output.append)
    assert not runner.failures, "".join(output)
