"""What the place "Look inside" asks the server for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_room import Room, line
from .test_app_answers import parsed


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    taught = Room(tmp_path_factory.mktemp("inside"))
    taught.teach()
    yield taught
    taught.close()


def asked(room: Room, **values: Any) -> dict[str, Any]:
    return parsed(
        room.ask("POST", "/api/answer", {"strokes": line("up", 3), "width": 6, **values})
    )[0]


@pytest.mark.parametrize("position", [["conv1", 2, 3, 4], ["pool1", 1, 2, 2], ["full1", 1, 0, 0],
                                      ["relu1", 0, 0, 0]])  # fmt: skip
def test_arithmetic_comes_with_the_result_after_every_term(room: Room, position: Any) -> None:
    walk = asked(room)["walk"]
    status, found = room.ask("POST", "/api/why", {"walk": walk, "position": position})
    assert status == 200, found
    running = [term["running"] for term in found["terms"]]
    assert running[-1] == found["value"] == found["recomputed"]
    why = room.session.answers.explanation(walk).walk.why(*position)
    assert tuple(running) == why.running
    products: dict[str, float] = {}
    for term in why.terms:
        if term.position:
            name = str(term.position.feature)
            products[name] = products.get(name, 0.0) + term.product
    assert found["map_sums"] == pytest.approx(products)
    assert found["python"] == f'walk.why("{position[0]}", {", ".join(map(str, position[1:]))})'


def test_arithmetic_as_a_spreadsheet(room: Room) -> None:
    values = {"walk": asked(room)["walk"], "position": ["conv1", 2, 3, 4]}
    status, content = room.ask("POST", "/api/why.xlsx", values)
    assert status == 200, content
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert "xl/workbook.xml" in book.namelist()
    assert room.ask("POST", "/api/why.xlsx", {**values, "position": ["conv9", 0, 0, 0]})[0] == 422
