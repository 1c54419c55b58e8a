"""The project files agree: CI, issue forms, distributions, pinned tools."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from piecewise import __version__

from .test_docs import script

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_citation_has_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (\S+)$", text, re.MULTILINE)[1] == __version__  # type: ignore[index]


NOT_PINNED = {"pyarrow"}
"""Extras that no requirements file installs: their tests are skipped without them."""


def test_minimum_versions_are_the_lower_bounds_and_at_most_the_pinned_versions() -> None:
    lines = script("minimum_versions").minimum_versions()
    project = PROJECT["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    assert len(lines) == len(project["dependencies"]) + len(extras)
    assert "numpy==2.1" in lines
    pinned = (ROOT / "requirements" / "test.txt").read_text()
    pinned += (ROOT / "requirements" / "toolkits.txt").read_text()
    for line in lines:
        name, minimum = line.split("==")
        versions = re.findall(rf"^{re.escape(name)}==([\d.]+)", pinned, re.MULTILINE)
        assert versions or name in NOT_PINNED, f"{name} is not pinned"
        assert all(numbers(version) >= numbers(minimum) for version in versions), line


def test_minimum_versions_other_operator_raises(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["numpy~=2.1"]\noptional-dependencies = {}\n')
    with pytest.raises(SystemExit, match=r"numpy~=2\.1"):
        script("minimum_versions").minimum_versions(project)


def test_ci_runs_the_make_targets() -> None:
    text = WORKFLOW.read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert "\n      - run: .ci/run\n" in text
    assert "make build\n" in (ROOT / ".ci" / "run").read_text()
    for markers in re.findall(r'-m ("[^"]+")', text):
        assert f"-m {markers}" in makefile, f"make test selects other tests than {markers}"
    for target in re.findall(r"make ([a-z-]+)", text):
        assert target in targets()
    for path in re.findall(r"(?:scripts|requirements)/[\w.]+", text):
        assert (ROOT / path).is_file(), path


def test_ci_covers_every_system_and_every_supported_python() -> None:
    text = WORKFLOW.read_text()
    for system in ("ubuntu-24.04,", "ubuntu-24.04-arm", "macos-", "windows-"):
        assert system in text, system
    supported = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    matrices = re.findall(r"python: \[(.+)\]", text)
    assert len(matrices) == 2
    for matrix in matrices:
        assert re.findall(r'"([\d.]+)"', matrix) == supported


def test_ci_pins_its_actions_and_may_only_read() -> None:
    text = WORKFLOW.read_text()
    uses = re.findall(r"uses: (\S+)", text)
    assert len(uses) >= 5
    for action in uses:
        assert re.fullmatch(r"actions/[\w-]+@v\d+\.\d+\.\d+", action), action
    assert "permissions:\n  contents: read\n" in text
    assert "write" not in text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_have_the_required_keys(form: Path) -> None:
    text = form.read_text()
    assert "\t" not in text
    if form.stem == "config":
        return
    for key in ("name", "description", "labels", "body"):
        assert re.search(rf"^{key}:", text, re.MULTILINE), key
    ids = re.findall(r"^    id: (\w+)$", text, re.MULTILINE)
    assert len(set(ids)) == len(ids) >= 3
    assert "required: true" in text
    for command in re.findall(r"`piecewise ([\w-]+)`", text):
        assert (ROOT / "src" / "piecewise" / "cli" / f"{command}.py").is_file(), command


def test_pre_commit_hooks_call_make() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    entries = re.findall(r"entry: (.+)", text)
    assert len(entries) == text.count("language: system") == 3
    for entry in entries:
        assert entry.removeprefix("make ") in targets()


def test_sdist_contains_the_files_that_its_tests_need() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in included:
        assert name == "/*.md" or (ROOT / name).exists(), name
    for needed in script("build_dist").IN_SDIST:
        if needed != "pyproject.toml":  # always in it
            first = needed.split("/")[0]
            assert first in included or ("/*.md" in included and first.endswith(".md")), needed


def test_page_tools_are_pinned_and_come_from_the_npm_registry() -> None:
    folder = ROOT / "scripts" / "page"
    tools = json.loads((folder / "package.json").read_text())
    lock = (folder / "package-lock.json").read_text()
    assert "dependencies" not in tools
    for name, version in tools["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert json.loads(lock)["packages"][f"node_modules/{name}"]["version"] == version
    assert lock.count('"integrity"') == len(json.loads(lock)["packages"]) - 1
    hosts = set(re.findall(r'"resolved": "([^"]+)/', lock))
    assert all(host.startswith("https://registry.npmjs.org/") for host in hosts)


def test_project_files_contain_no_mail_address() -> None:
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md", "CITATION.cff", "CONTRIBUTING.md"):
        assert not re.search(r"\w@\w+\.\w", (ROOT / name).read_text()), name
