"""What the benchmarks say follows from what they measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks import report, waits
from benchmarks.agreement import SLOPES, distance, write_steps
from benchmarks.compiling import compiling
from benchmarks.machine import Others
from benchmarks.nets import NETS, Net, operations, read_given, write_given
from benchmarks.peak import peak
from benchmarks.rounds import figure, spread
from benchmarks.workers import Worker

ROOT = Path(__file__).parents[1]


def test_operations_are_those_counted_by_hand() -> None:
    """A 2x2 kernel at 4 places, then 4 values to 3 votes; the first layer needs no input's
    gradient."""
    net = Net("conv 1 2, full", (1, 3, 3), 3).network()
    assert operations(net) == (2 * (16 + 12), 2 * (2 * 16 + 3 * 12))


def test_figures_follow_from_seconds() -> None:
    found = {
        "piecewise": [1.0, 2.0, 4.0],
        "PyTorch as installed": [2.0, 6.0, 4.0],
        "PyTorch tuned": [4.0, 3.0, 16.0],
        "peak": [1e9, 1e9, 1e9],
    }
    net = NETS["xo"]
    made = figure(net, "train", found)
    assert made["toolkits"]["piecewise"]["figure"] == {
        "median": net.pictures / 2, "low": net.pictures / 4, "high": net.pictures,
    }  # fmt: skip
    ratios = made["times as fast as"]
    assert ratios["PyTorch as installed"] == {"median": 2, "low": 1, "high": 3}
    assert ratios["the fastest other"] == {"median": 1.5, "low": 1, "high": 2}
    work = net.pictures * operations(net.network())[1]
    share = made["toolkits"]["piecewise"]["share of peak"]["high"]
    assert share == pytest.approx(work / 1e9, rel=1e-3)
    single = figure(net, "single", {"piecewise": [2e-5], "other": [1e-5], "peak": [1e9]})
    assert single["toolkits"]["piecewise"]["figure"]["median"] == 20
    assert single["times as fast as"]["the fastest other"]["median"] == 0.5


def test_spread_is_the_median_between_the_ends() -> None:
    assert spread([3, 1, 2.00004]) == {"median": 2, "low": 1, "high": 3}


def test_what_is_given_comes_back(tmp_path: Path) -> None:
    write_given(NETS["xo"], tmp_path / "xo.npz")
    given = read_given(str(tmp_path / "xo.npz"))
    assert (given.net.layers, given.net.input) == (NETS["xo"].layers, (1, 9, 9))
    assert given.pictures.shape == (8192, 1, 9, 9)
    assert list(given.weights) == list(NETS["xo"].network().parameters)


def test_toolkits_that_disagree_are_not_timed(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.npz", tmp_path / "theirs.npz"
    ones, slope, near = np.ones((3, 2)), {"full1.weight": np.ones(5)}, np.ones(5) * 1.01
    slopes, tie = [slope] * SLOPES, [{"full1.weight": near}] * (SLOPES - 1)
    write_steps(str(mine), ones, slopes, [1.0])
    write_steps(str(theirs), ones * (1 + 1e-5), [*tie, slope], [1.0])
    assert distance(mine, theirs, "near").logits == pytest.approx(1e-5, rel=1e-3)
    write_steps(str(theirs), ones, [*tie, tie[0]], [1.0])
    with pytest.raises(AssertionError, match=r"far: slope are 9\.9e-03 apart, wanted 1e-03"):
        distance(mine, theirs, "far")
    write_steps(str(theirs), ones * np.nan, [], [])
    with pytest.raises(AssertionError, match="none: logits are nan apart"):
        distance(mine, theirs, "none")


def test_a_worker_tells_what_went_wrong(tmp_path: Path) -> None:
    worker = Worker("ours")
    try:
        with pytest.raises(RuntimeError, match=r"ours: prepare:(.|\n)*FileNotFoundError"):
            worker.ask("prepare", path=str(tmp_path / "none"), batch=64)
        assert worker.ask("peak", threads=1, turns=1000) > 0
    finally:
        worker.close()


def test_the_peak_is_of_all_threads() -> None:
    assert peak(1, turns=100_000) > 0
    assert peak(2, turns=100_000) > 0


def test_others_take_a_share_of_the_processors() -> None:
    assert Others().share().endswith("%") or not Path("/proc/stat").exists()


def test_compiling_is_measured_cold_and_cached() -> None:
    found = compiling("xo", 1)
    for kind in ("cold", "cached"):
        assert all(found[kind][what]["median"] > 0 for what in ("answer", "train"))


def test_the_page_holds_the_tables_of_its_file(tmp_path: Path) -> None:
    results, page = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "speed.md"
    if not results.exists():
        pytest.skip("no results yet")
    text = page.read_text(encoding="utf-8")
    (tmp_path / "speed.md").write_text(text, encoding="utf-8")
    report.write(json.loads(results.read_text(encoding="utf-8")), tmp_path / "speed.md")
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == text


def test_waits_are_measured_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    waits.main(["--only", "import", "cache", "--rounds", "1"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        waits.WAITS[name][0] for name in ("import", "cache")
    ]
    assert all(float(row.split("|")[2]) > 0 for row in rows)
