"""The example notebook: it runs from top to bottom in a kernel of its own, and says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "see-through.ipynb"
SECONDS = 120
HTML, PNG, PLAIN = "text/html", "image/png", "text/plain"


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells by id, after all have run; an error in one raises here."""
    book, place = read(), tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patched:  # nothing of the person who runs the tests
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
            patched.setenv(name, str(place / name.lower()))
        client = NotebookClient(book, timeout=SECONDS, resources={"metadata": {"path": str(place)}})
        client.execute()
    assert not list(place.glob("*.*"))  # it leaves no files behind
    return {cell["id"]: cell for cell in book.cells}


def shown(cell: Any, kind: str) -> str:
    """The one output of a kind."""
    (found,) = [out["data"][kind] for out in cell.outputs if kind in out.get("data", {})]
    return str(found)


def printed(cell: Any) -> str:
    return "".join(out["text"] for out in cell.outputs if out["output_type"] == "stream")


def test_it_is_kept_without_outputs() -> None:
    book = read()
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert len({cell["id"] for cell in book.cells}) == len(book.cells)


def test_every_cell_ran_and_complained_of_nothing(cells: dict[str, Any]) -> None:
    code = [cell for cell in cells.values() if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        complaints = [out["text"] for out in cell.outputs if out.get("name") == "stderr"]
        # Matplotlib says so the first time it runs, on a slow machine.
        assert not [one for one in complaints if "font cache" not in one], cell["id"]
        assert cell.outputs or cell["id"] == "load"


def test_what_is_drawn(cells: dict[str, Any]) -> None:
    for name in ("draw", "scores", "table", "mattered", "tricks"):
        assert len(shown(cells[name], PNG)) > 1_000
    for name, words in (
        ("net", "conv 8 3"),
        ("train", "loss by epoch"),
        ("film", "epoch 20"),
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


def test_the_slope_is_what_nudging_finds(cells: dict[str, Any]) -> None:
    told = re.search(r"is (-?[\d.e-]+), of 49 terms", printed(cells["backprop"]))
    found = re.search(
        r"by backpropagation (-?[\d.e-]+), by nudging (-?[\d.e-]+)\.", shown(cells["nudge"], HTML)
    )
    assert told is not None
    assert found is not None
    slope, *others = (float(one) for one in (told[1], *found.groups()))
    assert abs(slope) > 0.01
    assert others == pytest.approx([slope, slope], rel=1e-3)


def test_over_the_lessons_the_net_stands_in_a_valley(cells: dict[str, Any]) -> None:
    slopes = [
        abs(float(re.findall(r"by backpropagation (-?[\d.e-]+)", shown(cells[name], HTML))[0]))
        for name in ("nudge", "nudge-all")
    ]
    assert slopes[1] < slopes[0] / 20
