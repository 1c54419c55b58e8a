"""Edits of layers by columns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.layer_edits import Edit, edits
from piecewise.core.errors import LimitError
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Shape

from .app_room import Room

LAYERS = "conv 8 5, norm, relu, pool 2, dropout 0.3, conv 16 3, relu, full"
SHAPE = Shape(1, 28, 28)


def made(column: int, knob: str | None = None, layers: str = LAYERS) -> dict[str, Edit]:
    found = edits(layers, column, knob, SHAPE, 2)
    return {one.value or one.edit: one for one in found}


def test_values_of_a_knob_come_with_their_cost() -> None:
    found = made(0, "features")
    assert found["12"].layers == LAYERS.replace("conv 8 5", "conv 12 5")
    assert [value for value, one in found.items() if one.is_current] == ["8"]
    net = Architecture(found["12"].layers, SHAPE, 2)
    assert found["12"].parameters == net.parameter_count
    assert found["12"].shape == [12, 12, 12]
    assert found["12"].products == sum(stage.multiplications for stage in net.stages)
    assert made(0, "window")["3\u00d73"].layers == LAYERS.replace("pool 2", "pool 3")
    assert made(0, "rate")["0.5"].layers == LAYERS.replace("0.3", "0.5")
    assert made(2, "neurons")["4"].message  # the last layer has one output for each class


def test_impossible_value_comes_with_its_reason() -> None:
    found = made(1, "kernel", "conv 8 5, relu, pool 4, conv 16 3, relu, full")
    assert found["6\u00d76"].message is None
    assert "7x7" in str(found["7\u00d77"].message)
    assert found["7\u00d77"].parameters is None


def test_current_value_that_is_not_offered_is_among_them() -> None:
    found = made(0, "features", "conv 10 5, relu, full")
    assert list(found)[5:8] == ["8", "10", "12"]
    assert found["10"].is_current


@pytest.mark.parametrize(("edit", "column", "wanted"), [
    ("norm", 0, "conv 8 5, relu, pool 2, dropout 0.3, conv 16 3, relu, full"),
    ("norm", 1, "conv 8 5, norm, relu, pool 2, dropout 0.3, conv 16 3, norm, relu, full"),
    ("pool", 1, "conv 8 5, norm, relu, pool 2, dropout 0.3, conv 16 3, relu, pool 2, full"),
    ("dropout", 0, "conv 8 5, norm, relu, pool 2, conv 16 3, relu, full"),
    ("left", 1, "conv 16 3, relu, conv 8 5, norm, relu, pool 2, dropout 0.3, full"),
    ("right", 0, "conv 16 3, relu, conv 8 5, norm, relu, pool 2, dropout 0.3, full"),
    ("duplicate", 1, "conv 8 5, norm, relu, pool 2, dropout 0.3, 2 * (conv 16 3, relu), full"),
    ("remove", 0, "conv 16 3, relu, full"),
    ("conv", -1, f"conv 8 3, relu, {LAYERS}"),
    ("full", 1, LAYERS.replace("relu, full", "relu, full 32, relu, full")),
])  # fmt: skip
def test_column_is_changed(edit: str, column: int, wanted: str) -> None:
    found = made(column)[edit]
    assert (found.layers, found.message) == (wanted, None)


def test_last_column_stays_last() -> None:
    assert "right" not in made(2)
    assert made(2)["remove"].message
    assert made(2)["left"].message
    assert set(made(-1)) == {"conv", "full"}


def test_dropout_of_the_input_belongs_to_the_first_column() -> None:
    found = edits("dropout 0.1, conv 8 5, full", 0, "features", SHAPE, 2)
    assert [one.value for one in found if one.is_current] == ["8"]


def test_knob_that_a_column_has_not_is_named() -> None:
    for column, knob in ((2, "kernel"), (-1, "features"), (0, "nonsense"), (9, "kernel")):
        with pytest.raises(LimitError):
            edits(LAYERS, column, knob, SHAPE, 2)


def test_kernels_of_texts_have_one_row() -> None:
    found = edits("embed 8, conv 4 1x3, relu, pool all, full", 1, "kernel", Shape(1, 50, 20), 2)
    assert [one.value for one in found][:3] == ["1\u00d71", "1\u00d72", "1\u00d73"]
    assert [one.value for one in found if one.is_current] == ["1\u00d73"]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    opened = Room(tmp_path_factory.mktemp("edits"))
    yield opened
    opened.close()


def test_edits_of_the_inputs_of_a_project(room: Room) -> None:
    wanted = {"layers": LAYERS, "column": 1, "knob": "kernel"}
    status, found = room.ask("POST", "/api/edits", wanted)
    assert status == 200, found
    assert [one["value"] for one in found["edits"] if one["is_current"]] == ["5\u00d75"]
    assert room.ask("POST", "/api/edits", {**wanted, "column": 9})[0] == 422
    assert room.ask("POST", "/api/edits", {**wanted, "layers": "conv"})[0] == 422


def test_turned_knobs_are_turned_back(room: Room) -> None:
    before = room.project.settings
    room.ask("PATCH", "/api/project", {"layers": "full", "recipe": {"epochs": 2}})
    room.ask("PATCH", "/api/project", {"layers": None})
    assert room.ask("POST", "/api/undo") == (200, {"undone": "turned knobs"})
    assert room.project.settings == {"layers": "full", "recipe": {"epochs": 2}}
    room.ask("POST", "/api/undo")
    assert room.project.settings == before
    room.ask("POST", "/api/redo")
    assert room.project.settings["layers"] == "full"
    room.ask("PATCH", "/api/project", {"layers": "full"})  # changes nothing
    assert room.ask("POST", "/api/undo")[1] == {"undone": "turned knobs"}
    assert room.project.settings == before
