"""The benchmarks: inputs, agreement, timing and reports."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks import __main__ as benchmarks_main
from benchmarks import clock, report, waits
from benchmarks.agreement import GRADIENTS, distance, write_steps
from benchmarks.channels_last import ChannelsLast
from benchmarks.compile_time import measure_compile_time
from benchmarks.machine import OtherPrograms
from benchmarks.networks import NETS, Net, operations, read_inputs, write_inputs
from benchmarks.peak import peak
from benchmarks.rounds import spread, summarize_rounds, toolkits
from benchmarks.workers import Worker

from piecewise import Network

ROOT = Path(__file__).parents[1]


def test_networks_have_batches_for_all_compared_gradients() -> None:
    assert all(net.pictures >= GRADIENTS * max(net.batches) for net in NETS.values())


def test_operations_small_network_match_hand_count() -> None:
    """A 2x2 kernel at 4 positions, then 4 values to 3 logits; the first layer needs no input
    gradient."""
    net = Net("conv 1 2, full", (1, 3, 3), 3).network()
    assert operations(net) == (2 * (16 + 12), 2 * (2 * 16 + 3 * 12))


def test_summarize_rounds_seconds_give_rates_and_ratios() -> None:
    timings = {
        "piecewise": [1.0, 2.0, 4.0],
        "PyTorch as installed": [2.0, 6.0, 4.0],
        "PyTorch tuned": [4.0, 3.0, 16.0],
        "peak": [1e9, 1e9, 1e9],
    }
    net = NETS["xo"]
    made = summarize_rounds(net, "train", timings)
    assert made["toolkits"]["piecewise"]["value"] == {
        "median": net.pictures / 2, "low": net.pictures / 4, "high": net.pictures,
    }  # fmt: skip
    ratios = made["times as fast as"]
    assert ratios["PyTorch as installed"] == {"median": 2, "low": 1, "high": 3}
    assert ratios["the fastest other"] == {"median": 1.5, "low": 1, "high": 2}
    work = net.pictures * operations(net.network())[1]
    share = made["toolkits"]["piecewise"]["fraction of peak"]["high"]
    assert share == pytest.approx(work / 1e9, rel=1e-3)
    single = summarize_rounds(net, "single", {"piecewise": [2e-5], "other": [1e-5], "peak": [1e9]})
    assert single["toolkits"]["piecewise"]["value"]["median"] == 20
    assert single["times as fast as"]["the fastest other"]["median"] == 0.5


def test_spread_returns_median_low_and_high() -> None:
    assert spread([3, 1, 2.00004]) == {"median": 2, "low": 1, "high": 3}


def test_read_inputs_returns_what_was_written(tmp_path: Path) -> None:
    write_inputs(NETS["xo"], tmp_path / "xo.npz")
    inputs = read_inputs(str(tmp_path / "xo.npz"))
    assert (inputs.net.layers, inputs.net.input) == (NETS["xo"].layers, (1, 9, 9))
    assert inputs.pictures.shape == (8192, 1, 9, 9)
    assert list(inputs.weights) == list(NETS["xo"].network().parameters)


@pytest.mark.parametrize(("name", "dtype"), [("words4000", np.int64), ("bytes", np.uint8)])
def test_read_inputs_of_texts_and_bytes_keep_their_kind(
    name: str, dtype: type, tmp_path: Path
) -> None:
    write_inputs(NETS[name], tmp_path / "inputs.npz")
    inputs = read_inputs(str(tmp_path / "inputs.npz"))
    assert inputs.pictures.dtype == dtype
    assert inputs.net.bytes == (name == "bytes")
    assert inputs.pictures.min() == (1 if name == "words4000" else 0)
    assert inputs.net.network().logits(inputs.pictures[:2]).shape == (2, inputs.net.classes)


def test_operations_of_text_network_include_input_gradient_of_first_convolution() -> None:
    net = Net("embed 2, conv 3 1x2, pool all, full", (1, 9, 5), 3).network()
    assert operations(net) == (2 * (2 * 3 * 2 * 4 + 9), 6 * (2 * 3 * 2 * 4 + 9))


def test_distance_too_large_raises(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.npz", tmp_path / "theirs.npz"
    ones, gradient, near = np.ones((3, 2)), {"full1.weight": np.ones(5)}, np.ones(5) * 1.01
    gradients, tie = [gradient] * GRADIENTS, [{"full1.weight": near}] * (GRADIENTS - 1)
    write_steps(str(mine), ones, gradients, [1.0])
    write_steps(str(theirs), ones * (1 + 1e-5), [*tie, gradient], [1.0])
    assert distance(mine, theirs, "near").logits == pytest.approx(1e-5, rel=1e-3)
    write_steps(str(theirs), ones, [*tie, tie[0]], [1.0])
    with pytest.raises(
        AssertionError, match=r"far: gradient differ by 9\.9e-03, wanted at most 1e-03"
    ):
        distance(mine, theirs, "far")
    write_steps(str(theirs), ones * np.nan, [], [])
    with pytest.raises(AssertionError, match="none: logits differ by nan"):
        distance(mine, theirs, "none")


def test_worker_error_is_raised_in_parent(tmp_path: Path) -> None:
    worker = Worker("piecewise_worker")
    try:
        with pytest.raises(
            RuntimeError, match=r"piecewise_worker: prepare:(.|\n)*FileNotFoundError"
        ):
            worker.ask("prepare", path=str(tmp_path / "none"), batch=64)
        assert worker.ask("peak", threads=1, turns=1000) > 0
    finally:
        worker.close()


def test_toolkits_without_their_environment_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIECEWISE_TOOLKITS", str(tmp_path))
    always = ["piecewise", "PyTorch as installed", "PyTorch tuned", "ONNX Runtime"]
    assert [one.name for one in toolkits(1)] == always
    python = tmp_path / "jax" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert [one.name for one in toolkits(2)] == [*always, "JAX"]
    assert toolkits(2)[-1].python == str(python)


@pytest.mark.parametrize("padding", ["", " pad=same"])
def test_channels_last_parameters_return_to_their_layout(padding: str) -> None:
    net = Network(f"conv 3 3{padding}, relu, pool 2, full 5, relu, full", (2, 7, 8), 4)
    layout = ChannelsLast(net.architecture)
    for name, array in net.parameters.items():
        changed = layout.parameter(name, array)
        assert np.array_equal(layout.original(name, changed), array), name
        assert changed.shape != array.shape or array.ndim == 1, name
    kernel = layout.parameter("conv1.weight", net.parameters["conv1.weight"])
    assert kernel[1, 2, 0, 2] == net.parameters["conv1.weight"][2, 0, 1, 2]


def test_peak_any_threads_is_positive() -> None:
    assert peak(1, turns=100_000) > 0
    assert peak(2, turns=100_000) > 0


def test_other_programs_load_is_a_percentage() -> None:
    assert OtherPrograms().load().endswith("%") or not Path("/proc/stat").exists()


def test_compile_time_is_measured_cold_and_cached() -> None:
    timings = measure_compile_time("xo", 1)
    for kind in ("cold", "cached"):
        assert all(timings[kind][what]["median"] > 0 for what in ("infer", "train"))


def test_speed_page_matches_results_file(tmp_path: Path) -> None:
    results, page = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "speed.md"
    if not results.exists():
        pytest.skip("no results yet")
    text = page.read_text(encoding="utf-8")
    (tmp_path / "speed.md").write_text(text, encoding="utf-8")
    report.write(json.loads(results.read_text(encoding="utf-8")), tmp_path / "speed.md")
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == text


def test_waits_chosen_names_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    waits.main(["--only", "import", "cache", "--rounds", "1"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        waits.WAITS[name][0] for name in ("import", "cache")
    ]
    assert all(float(row.split("|")[2]) > 0 for row in rows)


def test_cpu_time_of_two_threads_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmarks_main.main(["--cpu-time", "--threads", "1,2"])
    assert "--cpu-time measures one thread" in capsys.readouterr().err


def test_clock_of_worker_follows_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.reload(clock).now is time.perf_counter
    monkeypatch.setenv(clock.VARIABLE, "cpu")
    assert importlib.reload(clock).now is time.process_time
    monkeypatch.undo()
    importlib.reload(clock)
