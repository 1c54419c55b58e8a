"""The help of every command: groups, ranges, defaults, and room for the text at 80 columns."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import rich_click as click
from PIL import Image

from piecewise.cli import options
from piecewise.cli.json_keys import JSON_KEYS
from piecewise.cli.main import COMMANDS, status
from piecewise.data.xo import make_xo
from piecewise.training.defaults import KINDS, default_config
from piecewise.training.recipe import knobs

Printed = pytest.CaptureFixture[str]
PANELS = {
    options.DATA,
    options.NETWORK,
    options.TRAINING,
    options.SEARCH,
    options.SERVER,
    options.OUTPUT,
}
SHAPES = {
    "drawings": (1, 28, 28),
    "photos": (3, 32, 32),
    "sounds": (1, 32, 32),
    "texts": (1, 1, 100),
}


def options_of(name: str) -> list[click.RichOption]:
    """The options of a command but --help."""
    command = import_module(f"piecewise.cli.{COMMANDS[name].module}").command
    return [one for one in command.params if isinstance(one, click.RichOption)]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_grouped_and_fits_80_columns(
    name: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert status([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for one in options_of(name):
        assert one.panel in PANELS, one.name
        assert any(line.startswith(f"╭─ {one.panel} ") for line in lines)
        assert one.help
        first = " ".join(one.help.split()[:2])
        line = next(line for line in lines if one.opts[-1] in line and first in line)
        assert line.index(first) < 40, line


@pytest.mark.parametrize("name", COMMANDS)
def test_options_with_constraint_state_range_and_default(name: str) -> None:
    for one in options_of(name):
        assert one.help
        if isinstance(one.type, options.ConstraintType) and one.name != "augmentation":
            assert f"({one.type.constraint.description})" in one.help
            assert "Default: " in one.help or one.required


def test_recipe_defaults_in_help_match_training() -> None:
    written = {one.name: one.help or "" for one in options_of("train")}
    assert SHAPES.keys() == KINDS.keys()
    for kind, shape in SHAPES.items():
        recipe = default_config(kind, shape, 2, 500).recipe
        for field in knobs():
            default = written[field.name].rpartition("Default: ")[2].rstrip(".")
            if default != options.FROM_DATA:
                value = field.metadata["constraint"].write(getattr(recipe, field.name))
                assert value == default, (kind, field.name)


@pytest.mark.parametrize("name", ["data", "tricks", "suspects", "culprits"])
def test_old_command_names_are_refused(name: str, capsys: Printed) -> None:
    assert status([name]) == 2
    assert f"'{name}' is not a command" in capsys.readouterr().err


def test_json_keys_are_those_documented(tmp_path: Path, capsys: Printed) -> None:
    xo = make_xo(60, size=9, seed=0)
    np.savez(tmp_path / "xo.npz", images=xo.inputs[:, 0], labels=xo.labels)
    Image.fromarray(xo.inputs[0, 0]).save(picture := tmp_path / "x.png")
    data, net, shown = str(tmp_path / "xo.npz"), str(tmp_path / "net.safetensors"), str(picture)
    commands = [
        ["train", data, "-o", net, "--layers", "full", "--epochs", "1", "--folds", "0"],
        ["inspect", data],
        ["predict", net, shown],
        ["evaluate", net, data],
        ["explain", net, shown],
        ["why", net, shown],
        ["robustness", net, data],
        ["export", net, "-o", str(tmp_path / "export"), "--to", "card"],
        ["show", net],
        ["tour"],
    ]
    for command in commands:
        assert status([*command, "--json"]) == 0
        output = json.loads(capsys.readouterr().out)
        assert next(iter(output)) == "schema"
        assert output.pop("schema") == 1
        assert not set(output) - set(JSON_KEYS[command[0]]), command[0]
    assert list(JSON_KEYS) == list(COMMANDS)
