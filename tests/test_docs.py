"""The documentation is up to date: generated pages, examples, links, versions."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import piecewise
from piecewise import plotting
from piecewise.cli.main import status
from piecewise.core.version import __version__
from piecewise.exchange import registry
from piecewise.exchange.runners.python_toolkits import NUMPY

ROOT = Path(__file__).parents[1]
TERMS = (
    "activation", "batch normalization", "calibration", "checkpoint", "confidence interval",
    "confidence threshold", "cross-validation", "data augmentation", "data leak", "dense",
    "early stopping", "embedding", "fine-tun", "fully connected", "grad-cam", "hyperparameter",
    "influential", "label error", "learning rate", "one-hot", "overfit", "receptive field",
    "resume", "saliency", "spectrogram", "test set", "token", "training set", "validation set",
    "vocabulary",
)  # fmt: skip


def script(name: str) -> ModuleType:
    """Import a script of the folder scripts."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "scripts"))  # scripts import each other
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


@pytest.mark.parametrize("name", script("write_docs").PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    expected = script("write_docs").PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == expected, "run: python scripts/write_docs.py docs"


def test_api_reference_has_an_entry_for_every_public_name() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert set(piecewise.__all__) <= set(headings)
    assert len(headings) == len(set(headings))


def test_readme_picture_is_up_to_date() -> None:
    assert (ROOT / "docs" / "pixels-to-votes.svg").read_text() == script("draw_picture").drawing()


@pytest.mark.parametrize(
    ("page", "minimum"),
    [("README.md", 11), ("docs/learning.md", 30), ("docs/data.md", 7), ("docs/see-through.md", 18)],
)
def test_examples_in_pages_run_and_print_the_shown_output(
    page: str, minimum: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(ROOT / page), module_relative=False)
    assert result.attempted >= minimum
    assert result.failed == 0


@pytest.mark.parametrize("term", TERMS)
def test_guides_use_the_terms_that_people_search_for(term: str) -> None:
    pages = ("data.md", "learning.md", "layers.md", "see-through.md")
    text = " ".join((ROOT / "docs" / page).read_text().lower() for page in pages)
    assert re.search(rf"\b{term}", " ".join(text.split())), term


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/README.md",
        "docs/api.md",
        "docs/glossary.md",
        "docs/decisions.md",
        "docs/accuracy.md",
        "docs/speed.md",
        "docs/layers.md",
        "docs/recipe.md",
        "docs/command-line.md",
        "docs/engine.md",
        "docs/data.md",
        "docs/app.md",
        "docs/learning.md",
        "docs/see-through.md",
        "docs/testing.md",
        "docs/compatibility.md",
        "docs/releasing.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "examples/README.md",
    ],
)
def test_links_and_paths_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    for link, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        target = (ROOT / page).parent / link if link else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), f"{link}#{anchor}"
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', text):
        assert ((ROOT / page).parent / picture).is_file(), picture
    for path in re.findall(r"`((?:src|tests|scripts|docs)/[\w/.-]+\.\w+)`", text):
        is_example = path == "src/piecewise/reference/scale.py"  # the layer in CONTRIBUTING.md
        assert (ROOT / path).exists() or is_example, path


def test_pictures_of_the_app_are_small_and_all_shown() -> None:
    pages = (ROOT / "README.md").read_text() + (ROOT / "docs" / "app.md").read_text()
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.read_bytes().startswith(b"\x89PNG"), picture.name
        assert picture.stat().st_size <= 150_000, picture.name
        assert f"pictures/{picture.name}" in pages, picture.name


def test_python_names_in_pages_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r"\bpw\.(\w+)", page.read_text()):
            assert name in piecewise.__all__, f"{page.name}: pw.{name}"
        for name in re.findall(r"`(plot_\w+)`", page.read_text()):
            assert hasattr(plotting, name), f"{page.name}: {name}"


def test_commands_and_options_in_pages_exist() -> None:
    reference = (ROOT / "docs" / "command-line.md").read_text()
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text()
        for name in re.findall(r"(?:`|\$ )piecewise ([a-z][a-z-]+)", text):
            assert f"## {name}\n" in reference, f"{page.name}: piecewise {name}"
        for line in re.findall(r"^\$ piecewise .+|`piecewise [^`]+`", text, re.MULTILINE):
            for option in re.findall(r" (--[a-z][a-z-]+)", line):
                assert option == "--help" or option in reference, f"{page.name}: {option}"


def test_commands_about_exports_in_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They follow each other, on a net of pictures."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index("### Take it with you") : text.index("### The app")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "runners", lambda: [NUMPY])
    net = piecewise.Network("conv 2 3, relu, pool 4, full", (3, 20, 20), ["cat", "dog"])
    net.save("net.safetensors")
    commands = re.findall(r"^\$ piecewise (.+)$", section, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert status(command.split()) == 0, command
    again = piecewise.load("again.safetensors")
    assert again.parameters_sha256 == net.parameters_sha256
    assert again.classes == net.classes
    for path in re.findall(r"`(export/[\w./]+)`", section):
        assert Path(path).is_file(), path
    usages = [folder / "USAGE.md" for folder in Path("export").iterdir() if folder.is_dir()]
    assert len(usages) == 11
    assert all(usage.is_file() for usage in usages)


def test_make_targets_in_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in ("README.md", "CONTRIBUTING.md", "docs/releasing.md"):
        for target in re.findall(r"`?make ([a-z-]+)", (ROOT / page).read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_changelog_starts_with_this_version() -> None:
    version = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version is not None
    assert version[1] == __version__


def test_supported_pythons_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert "FROM, BELOW = (3, 11), (3, 14)" in (ROOT / "scripts" / "check_python.py").read_text()
    assert "3.11, 3.12 or 3.13" in (ROOT / "README.md").read_text()
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
