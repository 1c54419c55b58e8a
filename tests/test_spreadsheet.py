"""The arithmetic as a spreadsheet: LibreOffice, which knows nothing of nets, gets the same."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import numpy as np
import openpyxl
import pytest

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.insight import spreadsheet as room
from piecewise.insight.spreadsheet import export_spreadsheet

from .networks import PICTURES, TEXTS, random_input, random_layers
from .programs import OFFICE, needs_office
from .steps import HANG
from .test_vote_ledger import drawn_net, some_input


def recalculated(files: list[Path], folder: Path) -> dict[str, openpyxl.Workbook]:
    """What LibreOffice makes of spreadsheets, all formulas worked out by it alone."""
    profile = f"-env:UserInstallation=file://{folder / 'profile'}"
    kind = ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out")]
    command = [OFFICE, profile, "--headless", *kind, *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG)
    made = (folder / "out" / file.name for file in files)
    return {file.stem: openpyxl.load_workbook(file, data_only=True) for file in made}


def without_results(path: Path) -> None:
    """Take out what formulas came to when they were written, so that it cannot be mistaken."""
    book = openpyxl.load_workbook(path)  # openpyxl keeps formulas, and no results
    book.save(path)


def numbers(book: openpyxl.Workbook) -> dict[str, float]:
    """What stands at the end of each block, by the name of the number."""
    return {
        str(row[0].value): float(row[4].value)
        for sheet in book
        for row in sheet.iter_rows(min_row=2)
        if sheet.title != "input" and row[0].value
    }


@needs_office
def test_spreadsheet_libreoffice_computes_equal_values(tmp_path: Path) -> None:
    walks, files = {}, []
    for kinds, seed in [(PICTURES, 0), (PICTURES, 1), (PICTURES, 3), (TEXTS, 0), (TEXTS, 2)]:
        random = Random(f"sheet {seed} {kinds}")
        shape = random_input(random, kinds)
        net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
        path = tmp_path / f"{kinds[0]}-{seed}.xlsx"
        walks[path.stem] = walk = net.walk(some_input(net, seed))
        export_spreadsheet(walk, path, list(walk)[-1], 1)
        without_results(path)
        files.append(path)
    checked = 0
    for name, book in recalculated(files, tmp_path).items():
        for place, value in numbers(book).items():
            layer, _, cell = place.rstrip("]").partition("[")
            why = walks[name].why(layer, *map(int, cell.split(", ")))
            assert np.float32(value) == np.float32(why.recomputed), place
            largest = max((abs(term.product) for term in why.terms), default=0.0)
            assert abs(value - why.value) <= 4 * np.spacing(np.float32(largest)), place
            checked += 1
    assert checked > 100


@needs_office
def test_spreadsheet_changed_pixel_changes_vote(tmp_path: Path) -> None:
    """The formulas are live: LibreOffice becomes the net for a moment, at another picture."""
    net = drawn_net("conv 3 3, norm, relu, pool 2, full 5, relu, full", (1, 7, 7), 2, 6)
    picture = some_input(net, 6)
    path = tmp_path / "changed.xlsx"
    export_spreadsheet(net.walk(picture), path, "full2", 0)
    picture[0, 3, 2] = 4.0
    book = openpyxl.load_workbook(path)
    book["input"].cell(1 + 3 + 1, 2 + 1).value = 4.0
    book.save(path)
    value = numbers(recalculated([path], tmp_path)["changed"])["full2[0, 0, 0]"]
    wanted = float(net.logits(picture[None])[0, 0])
    assert abs(value - wanted) < 2e-6 * max(1.0, abs(wanted))


def test_spreadsheet_cells_are_formulas(tmp_path: Path) -> None:
    net = pw.Network("conv 1 2, relu, full", (1, 3, 3), 2, seed=1)
    walk = net.walk(np.ones((1, 3, 3), np.float32))
    export_spreadsheet(walk, tmp_path / "why.xlsx", "full1", 1)
    book = openpyxl.load_workbook(tmp_path / "why.xlsx")
    assert book.sheetnames == ["input", "conv1", "relu1", "full1"]
    assert book.active.title == "full1"
    assert str(book["full1"]["C3"].value).startswith("='relu1'!")
    assert book["conv1"]["C3"].value == "='input'!A2"
    results = openpyxl.load_workbook(tmp_path / "why.xlsx", data_only=True)
    assert numbers(results)["full1[1, 0, 0]"] == walk.why("full1", 1).value
    again = tmp_path / "again.xlsx"
    export_spreadsheet(walk, again, "full1", 1)
    assert again.read_bytes() == (tmp_path / "why.xlsx").read_bytes()  # no clock in it


def test_spreadsheet_beyond_row_limit_writes_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = pw.Network("conv 2 3, relu, full", (1, 8, 8), 2, seed=1)
    walk = net.walk(some_input(net, 0))
    monkeypatch.setattr(room, "MOST_ROWS", 200)
    export_spreadsheet(walk, tmp_path / "short.xlsx", "full1", 0)
    book = openpyxl.load_workbook(tmp_path / "short.xlsx")
    rows = sum(sheet.max_row for sheet in book if sheet.title != "input")
    assert rows < 250
    values = [book["full1"].cell(row, 3).value for row in range(3, 75)]
    assert any(isinstance(value, float) for value in values)
    assert any(isinstance(value, str) for value in values)


def test_spreadsheet_invalid_arguments_raise(tmp_path: Path) -> None:
    walk = pw.Network("full", (1, 2, 2), 2).walk(np.ones((1, 2, 2), np.float32))
    with pytest.raises(LimitError, match="feature: got 7"):
        export_spreadsheet(walk, tmp_path / "why.xlsx", "full1", 7)
    with pytest.raises(DataError, match="not written: No such file or directory"):
        export_spreadsheet(walk, tmp_path / "nowhere" / "why.xlsx", "full1", 0)
    assert not list(tmp_path.iterdir())
