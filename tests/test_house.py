"""The house as ARCHITECTURE.md describes it: floors, sizes, and every kind of layer complete."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from piecewise.spec.layers import KINDS, Layer

from .layer_kinds import missing

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "piecewise"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def floors() -> dict[str, int]:
    """The floor of each file by the table of ARCHITECTURE.md."""
    floor, found = -1, dict[str, int]()
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        row = re.fullmatch(r"\| (\d+ \w+)? ?\| ((?:`[\w/.]+` ?)+) \| .+ \|", line)
        if row:
            floor += bool(row[1])
            if row[1]:
                assert row[1].startswith(f"{floor} "), line
            found |= dict.fromkeys(re.findall(r"`([\w/.]+)`", row[2]), floor)
    return found


FLOORS = floors()


def test_the_table_lists_exactly_the_files_there_are() -> None:
    rooms = {name for name in NAMES if name.endswith("/__init__.py")}
    assert set(FLOORS) == set(NAMES) - rooms


def imported(path: Path) -> Iterator[str]:
    """The files of ours that a file imports, wherever in it."""
    here = path.relative_to(SOURCE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level] + tuple((node.module or "").split("."))
            base = tuple(part for part in base if part)
            for alias in node.names:
                for target in ((*base, alias.name), base):
                    name = "/".join(target) + ".py"
                    if name in FLOORS:
                        yield name
                        break


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_go_down(path: Path) -> None:
    name = str(path.relative_to(SOURCE))
    if name == "__init__.py":
        return  # the public names come from everywhere
    room = name.removesuffix("__init__.py")  # the file itself, but for a room's __init__
    floor = max(floor for file, floor in FLOORS.items() if file.startswith(room))
    for other in imported(path):
        assert FLOORS[other] <= floor, f"{name} (floor {floor}) imports {other} from above"


def outside(path: Path) -> set[str]:
    """The modules of others that a file imports, wherever in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_engine_and_the_reference_know_nothing_of_each_other(path: Path) -> None:
    """Neither could judge the other if they had code in common above the description."""
    room, other = "engine/", "reference/"
    name = str(path.relative_to(SOURCE))
    if name.startswith(room):
        allowed = {file for file, floor in FLOORS.items() if floor <= 1 or file.startswith(room)}
        assert set(imported(path)) <= allowed
    if name.startswith(other):
        assert not [file for file in imported(path) if file.startswith(room)]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_one_file_knows_the_compiler(path: Path) -> None:
    if path != SOURCE / "engine" / "native.py":
        assert not [module for module in outside(path) if module.split(".")[0] == "llvmlite"]


def test_the_floor_test_sees_imports() -> None:
    assert "llvmlite.binding" in outside(SOURCE / "engine" / "native.py")
    assert "engine/ir/llvm_text.py" in set(imported(SOURCE / "engine" / "kernels" / "sums.py"))
    assert "training/experiment.py" in set(imported(SOURCE / "cli" / "train.py"))
    assert "trace/walk.py" in set(imported(SOURCE / "network.py"))
    assert FLOORS["core/errors.py"] == 0 < FLOORS["network.py"] < FLOORS["cli/main.py"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{path.name}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_in_a_file_can_run_code_from_elsewhere(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & {"pickle", "marshal", "shelve"}, path


@pytest.mark.parametrize("kind", KINDS, ids=[kind.word for kind in KINDS])
def test_every_kind_of_layer_is_complete(kind: type[Layer]) -> None:
    lines = missing(kind)
    assert not lines, "\n".join(lines)


def test_ci_calls_what_a_person_calls() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make check test test-toolkits" in script
    listed = subprocess.run(["make", "-n", "-B", "help"], cwd=ROOT, capture_output=True, check=True)
    assert listed.returncode == 0
