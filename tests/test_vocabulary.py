"""One word, one meaning: names that were replaced stay out of code, prose and the public API.

Each check is a function of a text, so that a test can plant a violation and see it found.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from .listed_files import ROOT, listed

SOURCE = ROOT / "src" / "piecewise"

REPLACED_NAMES = {
    "DataSet": "Dataset",
    "Preparation": "Preprocessor",
    "PicturePreparation": "ImagePreprocessor",
    "SoundPreparation": "AudioPreprocessor",
    "TextPreparation": "TextPreprocessor",
    "Drawings": "XODataset",
    "Lesson": "TrainingPlan",
    "Taught": "TrainingResult",
    "Part": "Split",
    "Film": "KernelHistory",
    "Frame": "KernelSnapshot",
    "Live": "LiveTrainer",
    "what_mattered": "attributions",
    "Mattered": "Attribution",
    "looks_for": "top_patches",
    "Looks": "TopPatches",
    "Match": "PatchMatch",
    "Suspect": "LabelIssue",
    "Culprit": "Influence",
    "picture_curves": "example_robustness",
    "set_curves": "dataset_robustness",
    "Dial": "Perturbation",
    "teach_tricks": "train_with_augmentation",
    "explain_page": "explain_html",
    "RunError": "CheckpointError",
    "Told": "OnProgress",
    "Place": "Position, Entry or Slot",
    "Places": "Pointers, Offsets or Coordinates",
    "Sure": "ConfidenceThreshold",
    "Moment": "StepContext",
    "Draws": "GeometricDraws",
    "Shades": "IntensityDraws",
    "key_of": "derive_key",
    "is_whole": "is_integer",
    "write_whole": "write_atomically",
    "written_whole": "atomic_writer",
    "voting_stack": "voting_layer",
}
"""Identifiers of Python files, letter by letter."""

REPLACED_WORDS = {
    "told": "on_progress, description, message or text",
    "slope": "gradient",
    "slopes": "gradients",
    "chances": "probabilities",
    "culprits": "influence",
    "suspects": "label_issues",
    "moment": "context",
}
"""Words of identifiers: ``told``, ``_told`` and ``assert_told`` alike."""

REPLACED_PHRASES = {
    "told": "described, reported or printed",
    "slopes?": "gradient",
    "chances": "probabilities",
    "suspects?": "label issue",
    "the house": "the layout",
    "doors?": "interface or entry point",
    "floors": "folders",
    "rooms": "space",
    "wishes": "options",
    "taken up": "resumed",
    "way back": "backward pass",
    "way forward": "forward pass",
    "by lot": "at random",
}
"""Words of comments, strings and pages. A word of the deck is marked by asterisks: *slope*."""

REPLACED_ATTRIBUTES = {
    "Dataset": ("pictures", "parts", "part"),
    "Preprocessor": ("fit", "fit_all", "told", "remark", "ground", "fraction"),
    "Recipe": ("tricks", "validation_share"),
    "Augmentation": ("weight", "light", "flip", "masking", "scaling"),
    "Network": ("nudges", "chances", "averages", "arrays", "program", "read", "prepare", "right"),
    "Calibration": ("sure", "least"),
    "Why": ("how", "replayed", "ending", "place"),
    "Mistake": ("right", "answer", "chance", "near"),
    "Ledger": ("stack",),
}
"""Fields and methods by class."""

EXCEPTIONS: tuple[str, ...] = (
    "tests/test_cli_help.py",  # tests that the old command names are refused
    "tests/test_vocabulary.py",
)
"""Files that the checks skip."""


PYTHON = [path for path in listed(".py") if path != Path(__file__)]
PAGES = listed(".md", ".js", ".css", ".ts")


@cache
def classes() -> list[tuple[Path, ast.ClassDef]]:
    """The classes of the package, with their files."""
    return [
        (path, node)
        for path in PYTHON
        if path.is_relative_to(SOURCE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]


def skipped(path: Path) -> bool:
    return str(path.relative_to(ROOT)) in EXCEPTIONS


def identifiers_and_prose(text: str) -> tuple[list[str], str]:
    """The identifiers of Python code, and its comments and strings."""
    identifiers, prose = [], []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            identifiers.append(token.string)
        elif token.type == tokenize.COMMENT or "STRING" in tokenize.tok_name[token.type]:
            prose.append(token.string.lstrip("#"))
    return identifiers, "\n".join(prose)


def replaced_names(identifiers: list[str]) -> Iterator[str]:
    """Each identifier that has a new name, and the new name."""
    for name, count in Counter(identifiers).items():
        new = REPLACED_NAMES.get(name)
        words = [word for word in name.lower().split("_") if word in REPLACED_WORDS]
        if new or words:
            yield f"{name} ({count}x): {new or REPLACED_WORDS[words[0]]}"


def replaced_phrases(prose: str) -> Iterator[str]:
    """Each phrase that has a better word, and the better word."""
    for phrase, better in REPLACED_PHRASES.items():
        pattern = rf"(?<![\w*-]){phrase}(?![\w*])".replace(" ", r"\s+")
        found = re.findall(pattern, prose, re.IGNORECASE)
        if found:
            yield f"'{found[0]}' ({len(found)}x): {better}"


def aliases_of_arrays(text: str) -> Iterator[str]:
    """Names that are assigned a type of NumPy arrays."""
    for node in ast.walk(ast.parse(text)):
        alias = isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)
        if alias and "npt.NDArray" in ast.unparse(node):
            yield ast.unparse(node)


def members(node: ast.ClassDef) -> set[str]:
    """The fields and methods that a class defines."""
    names = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef):
            names.add(inner.name)
        elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            names.add(inner.target.id)
        elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            names.add(inner.attr)
    return names


def test_python_uses_no_replaced_name() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in PYTHON
        if not skipped(path)
        and (names := list(replaced_names(identifiers_and_prose(path.read_text())[0])))
    }
    assert not found, "\n".join(f"{path}: {names}" for path, names in found.items())


def test_prose_uses_no_replaced_phrase() -> None:
    texts = {path: identifiers_and_prose(path.read_text())[1] for path in PYTHON}
    texts |= {path: path.read_text() for path in PAGES}
    found = {
        str(path.relative_to(ROOT)): phrases
        for path, text in texts.items()
        if not skipped(path) and (phrases := list(replaced_phrases(text)))
    }
    assert not found, "\n".join(f"{path}: {phrases}" for path, phrases in found.items())


def test_no_two_classes_share_a_name() -> None:
    counts = Counter(node.name for _, node in classes())
    double = {name for name, count in counts.items() if count > 1}
    assert not [f"{path.relative_to(ROOT)}: {node.name}" for path, node in classes()
                if node.name in double and not skipped(path)]  # fmt: skip


def test_classes_have_no_replaced_attribute() -> None:
    for path, node in classes():
        old = members(node) & set(REPLACED_ATTRIBUTES.get(node.name, ()))
        assert not old or skipped(path), f"{path.relative_to(ROOT)}: {node.name}: {old}"


@pytest.mark.parametrize("name", REPLACED_ATTRIBUTES)
def test_table_of_attributes_names_classes_that_exist(name: str) -> None:
    assert name in {node.name for _, node in classes()}


def test_only_array_types_defines_array_types() -> None:
    home = SOURCE / "core" / "array_types.py"
    found = {
        str(path.relative_to(ROOT)): aliases
        for path in PYTHON
        if path != home
        and not skipped(path)
        and (aliases := list(aliases_of_arrays(path.read_text())))
    }
    assert not found, "\n".join(f"{path}: {aliases}" for path, aliases in found.items())
    assert list(aliases_of_arrays(home.read_text()))


def test_files_that_are_skipped_exist() -> None:
    assert all((ROOT / name).is_file() for name in EXCEPTIONS)


def test_searches_find_planted_violations() -> None:
    code = "def f(moment, _told):  # the way\n    # back\n    return Place, 'a slope, a *slope*'\n"
    names, prose = identifiers_and_prose(code)
    assert [line.split()[0] for line in replaced_names(names)] == ["moment", "_told", "Place"]
    assert [line.split(" (")[0] for line in replaced_phrases(prose)] == ["'slope'", "'way\n back'"]
    assert not list(replaced_phrases("Foretold or *told*, landslopes, indoors, two-doors."))
    assert list(aliases_of_arrays("A = npt.NDArray[np.int8] | None\nb = f(npt.NDArray)")) == [
        "A = npt.NDArray[np.int8] | None"
    ]
    (node,) = ast.parse("class A:\n a: int\n def b(self): self.c = 1").body
    assert isinstance(node, ast.ClassDef)
    assert members(node) == {"a", "b", "c"}
