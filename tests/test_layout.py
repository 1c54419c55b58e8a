"""The layout that ARCHITECTURE.md describes: which folder may import which, and no circles."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import piecewise
from piecewise.spec.layer_base import Layer
from piecewise.spec.layers import KINDS

from .layer_kinds import missing
from .listed_files import ROOT, listed

SOURCE = ROOT / "src" / "piecewise"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

ORDER = (
    "core", "spec", "display", "reference", "engine", "trace", "data", "storage", "exchange",
    "network", "training", "tuning", "insight", "page", "plotting", "sklearn_api", "lessons",
    "tour", "serving", "app", "cli", "top",
)  # fmt: skip
"""Folders from low to high: a file imports its own folder and lower ones only."""
ROOT_FILES = {
    "inputs.py": "network",
    "raw_inputs.py": "network",
    "network.py": "network",
    "network_files.py": "network",
    "network_state.py": "network",
    "predictions.py": "network",
    "compiled.py": "network",
    "plotting.py": "plotting",
    "__init__.py": "top",
    "__main__.py": "top",
}
INNER_ORDER = {
    "engine": ("ir", "kernels", "passes", "codegen", "runtime"),
    "data": (
        "file_bytes", "file_kinds", "value_range", "pixel_columns", "preprocessing", "images",
        "audio", "text", "modalities", "sources", "loading", "decoding", "dataset", "arrays",
        "xo", "inspection",
    ),
}  # fmt: skip
"""The same inside two large folders, for their folders and files."""


def folder_of(name: str) -> str:
    """The folder of a file, or the group of a file at the top: core/errors.py -> core."""
    return ROOT_FILES[name] if "/" not in name else name.split("/", maxsplit=1)[0]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports_of(path: Path) -> Iterator[str]:
    """The files of the package that a file imports, anywhere in it, also for types alone."""
    here = path.relative_to(SOURCE).with_suffix("").parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*here[: len(here) - node.level], *(node.module or "").split("."))
            base = tuple(part for part in base if part)
            for alias in node.names:
                targets = ((*base, alias.name), base, (*base, "__init__"))
                names = ("/".join(target) + ".py" for target in targets)
                yield next(name for name in names if name in NAMES)


@cache
def imports() -> dict[str, set[str]]:
    """The files that each file imports."""
    return {name: set(imports_of(path)) for name, path in zip(NAMES, FILES, strict=True)}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, its first node repeated at the end; empty if there is none."""
    finished, path = set[str](), list[str]()

    def visit(node: str) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in finished:
            return []
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if circle := visit(other):
                return circle
        finished.add(path.pop())
        return []

    return next((circle for node in sorted(graph) if (circle := visit(node))), [])


def folder_graph() -> dict[str, set[str]]:
    """Which folder, at any depth, imports which; a folder does not import its own subfolders."""
    graph: dict[str, set[str]] = {}
    for name, others in imports().items():
        for other in others:
            here, there = str(Path(name).parent), str(Path(other).parent)
            nested = here == "." or there == "." or there.startswith(f"{here}/")
            if here != there and not nested and not here.startswith(f"{there}/"):
                graph.setdefault(here, set()).add(there)
    return graph


def test_order_lists_every_folder() -> None:
    assert {folder_of(name) for name in NAMES} == set(ORDER)
    for folder, inner in INNER_ORDER.items():
        entries = {path.stem for path in (SOURCE / folder).iterdir()} - {"__init__", "__pycache__"}
        assert entries == set(inner)


@pytest.mark.parametrize("name", NAMES)
def test_import_stays_in_folder_or_goes_down(name: str) -> None:
    folder = folder_of(name)
    for other in imports()[name]:
        target = folder_of(other)
        assert ORDER.index(target) <= ORDER.index(folder), f"{name} imports {other} from above"
        if target == folder and folder in INNER_ORDER and not name.endswith("__init__.py"):
            inner = INNER_ORDER[folder]
            here, there = (inner.index(Path(file).parts[1].removesuffix(".py"))
                           for file in (name, other))  # fmt: skip
            assert there <= here, f"{name} imports {other} from above"


def test_imports_form_no_circle_of_files() -> None:
    assert not circle_in(imports())


def test_imports_form_no_circle_of_folders() -> None:
    assert not circle_in(folder_graph())


def test_circle_search_finds_a_planted_circle() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not circle_in({"a": {"b", "c"}, "b": {"c"}})


def test_import_search_sees_every_form_of_import() -> None:
    assert "engine/ir/llvm_text.py" in imports()["engine/kernels/reductions.py"]
    assert "training/experiment.py" in imports()["cli/train.py"]
    assert "trace/walk.py" in imports()["network.py"]


def modules_outside(path: Path) -> set[str]:
    """The modules of other packages that a file imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_engine_and_reference_share_only_core_and_spec(name: str) -> None:
    """Neither could judge the other if they shared the code of a layer."""
    folder = folder_of(name)
    if folder in ("engine", "reference"):
        allowed = {"core", "spec", folder}
        assert {folder_of(other) for other in imports()[name]} <= allowed


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_the_compiler_file_imports_llvmlite(path: Path) -> None:
    if path != SOURCE / "engine" / "runtime" / "llvm_compiler.py":
        assert not [name for name in modules_outside(path) if name.split(".")[0] == "llvmlite"]


def test_outside_search_sees_llvmlite() -> None:
    path = SOURCE / "engine" / "runtime" / "llvm_compiler.py"
    assert "llvmlite.binding" in modules_outside(path)


def test_files_stay_small() -> None:
    """Modules, pages, style sheets and scripts, also those of the tests."""
    paths = listed(".py", ".js", ".mjs", ".ts", ".css", ".html", ".sh")
    lengths = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in paths}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
    assert {Path(name).suffix for name in lengths} >= {".py", ".js", ".css", ".sh"}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_functions_stay_small(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if node.name in piecewise.__all__:  # the API reference shows their long docstrings
                length -= len((ast.get_docstring(node) or "").splitlines())
            assert length <= LONGEST_FUNCTION, f"{path.name}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_runs_code_from_elsewhere(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & {"pickle", "marshal", "shelve"}, path


@pytest.mark.parametrize("kind", KINDS, ids=[kind.word for kind in KINDS])
def test_layer_kind_lacks_no_entry(kind: type[Layer]) -> None:
    lines = missing(kind)
    assert not lines, "\n".join(lines)


def test_architecture_page_describes_every_folder_and_file() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    listed = set(re.findall(r"^\| `([\w/]+\.py)` \|", page, re.MULTILINE))
    assert listed == {name for name in NAMES if not name.endswith("__init__.py")}


def test_ci_runs_the_targets_that_people_run() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make check test test-toolkits" in script
    assert {"make build", "make test-arm"} <= set(script.splitlines())
    serial = '-m "serial and not long" $(grep -l "pytest.mark.serial" tests/*.py)\n'
    assert serial in (ROOT / ".github" / "workflows" / "ci.yml").read_text()  # it has no make
    assert serial in (ROOT / "Makefile").read_text().replace("$$", "$")
    subprocess.run(["make", "-n", "-B", "help"], cwd=ROOT, capture_output=True, check=True)
