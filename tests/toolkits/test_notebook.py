"""The example notebook: it runs from top to bottom in a kernel of its own, and says what is so."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest

from ..test_docs import script

notebook = script("run_notebook")  # which runs examples/see-through.ipynb
HTML, PNG, PLAIN = "text/html", "image/png", "text/plain"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells by id, after all have run; an error in one raises here."""
    place = tmp_path_factory.mktemp("notebook")
    book = notebook.executed(place)
    assert not list(place.glob("*.*"))  # it leaves no files behind
    return {cell["id"]: cell for cell in book.cells}


def shown(cell: Any, kind: str) -> str:
    """The one output of a kind."""
    (found,) = [out["data"][kind] for out in cell.outputs if kind in out.get("data", {})]
    return str(found)


def printed(cell: Any) -> str:
    return "".join(out["text"] for out in cell.outputs if out["output_type"] == "stream")


def texts(cell: Any) -> list[str]:
    """The text outputs of a cell; pictures in them are left out, as libraries pack them."""
    found = [printed(cell)]
    for out in cell.outputs:
        data = out.get("data", {})
        found += [f"{kind}: {data[kind]}" for kind in sorted(data) if kind.startswith("text/")]
    return [re.sub(r"data:image/[^\"]*", "data:image", text) for text in found]


def test_it_is_kept_with_its_outputs() -> None:
    book = notebook.read()
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) == len(code) - 1  # one imports
    assert len({cell["id"] for cell in book.cells}) == len(book.cells)
    for private in ("/home/", "/root/", "/Users/", "site-packages", "/tmp/"):
        assert private not in notebook.NOTEBOOK.read_text("utf-8")


def test_its_texts_are_those_that_it_is_kept_with(cells: dict[str, Any]) -> None:
    for cell in notebook.read().cells:
        if cell.cell_type == "code":
            assert texts(cells[cell["id"]]) == texts(cell), f"{cell['id']}: run make notebook"


def test_every_cell_ran_and_complained_of_nothing(cells: dict[str, Any]) -> None:
    code = [cell for cell in cells.values() if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert not [out["text"] for out in cell.outputs if out.get("name") == "stderr"], cell["id"]
        assert cell.outputs or cell["id"] == "load"


def test_what_is_drawn(cells: dict[str, Any]) -> None:
    for name in ("draw", "scores", "table", "mattered", "tricks"):
        assert len(shown(cells[name], PNG)) > 1_000
    for name, words in (
        ("net", "conv 8 3"),
        ("train", "loss by epoch"),
        ("recorder", "epoch 20"),
        ("walk", "pool1"),
        ("match", "conv1.weight["),
        ("nudge", "<svg"),
    ):
        assert words in shown(cells[name], HTML)


def test_the_net_has_learned(cells: dict[str, Any]) -> None:
    """The text says that its answers are worth something, and the hardest picture is not sure."""
    total = re.search(r"total error of 200 pictures: ([\d.]+),", printed(cells["table"]))
    assert total is not None
    assert 0 < float(total[1]) < 20  # half wrong would be 200


def test_the_votes_are_the_logit(cells: dict[str, Any]) -> None:
    assert shown(cells["ledger"], PLAIN) == "True"
    assert printed(cells["ledger"]).endswith("their sum: the logit\n")


def test_why_ends_at_a_pixel(cells: dict[str, Any]) -> None:
    lines = printed(cells["why"]).splitlines()
    layers = [re.match(r"(\w+)\[", line) for line in lines]
    assert [layer and layer[1] for layer in layers] == ["pool1", "relu1", "conv1", "input"]


def test_gradient_matches_finite_difference(cells: dict[str, Any]) -> None:
    match = re.search(r"is (-?[\d.e-]+), of 49 terms", printed(cells["backprop"]))
    found = re.search(
        r"by backpropagation (-?[\d.e-]+), by nudging (-?[\d.e-]+)\.", shown(cells["nudge"], HTML)
    )
    assert match is not None
    assert found is not None
    gradient, *others = (float(one) for one in (match[1], *found.groups()))
    assert abs(gradient) > 0.01
    assert others == pytest.approx([gradient, gradient], rel=1e-3)


def test_over_the_lessons_the_net_stands_in_a_valley(cells: dict[str, Any]) -> None:
    gradients = [
        abs(float(re.findall(r"by backpropagation (-?[\d.e-]+)", shown(cells[name], HTML))[0]))
        for name in ("nudge", "nudge-all")
    ]
    assert gradients[1] < gradients[0] / 20
