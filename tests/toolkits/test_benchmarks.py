"""The benchmarks with all toolkits: agreement, timing and tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.networks import NETS
from benchmarks.rounds import WorkerGroup, measure_network, start_workers, toolkits

for toolkit in ("torch", "onnx", "onnxruntime"):
    pytest.importorskip(toolkit)

ROOT = Path(__file__).parents[2]
OTHERS = {one.name: one for one in toolkits(1) if one.name != "piecewise"}


def test_command_measures_all_toolkits_and_writes_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "made" / "speed.json"
    main(["--quick", "--only", "xo", "--threads", "2", "--rounds", "1", "--json", str(file)])
    results = json.loads(file.read_text())
    assert {"summary", "measurement", "machine", "versions", "command"} <= set(results["header"])
    kinds = [(measurement["what"], measurement["batch"]) for measurement in results["measurements"]]
    assert kinds == [("train", 64), ("infer", 64), ("single", 64), ("train", 512)]
    for measurement in results["measurements"]:
        others = {name for name, one in OTHERS.items() if measurement["what"] in one.commands}
        assert set(measurement["toolkits"]) == others | {"piecewise"}
        assert set(measurement["times as fast as"]) == others | {"the fastest other"}
        for line in measurement["toolkits"].values():
            assert 0 < line["value"]["low"] <= line["value"]["median"]
            assert line["fraction of peak"]["median"] >= 0
    assert [check["batch"] for check in results["agreement"]] == [64, 512]
    assert "| xo | 512 | 2 |" in capsys.readouterr().out


@pytest.fixture(scope="module")
def group() -> Iterator[WorkerGroup]:
    with start_workers(1, rest=0) as made:
        yield made


@pytest.mark.parametrize("name", [name for name in NETS if name != "xo"])
def test_toolkits_every_network_agree(name: str, group: WorkerGroup, tmp_path: Path) -> None:
    batch = NETS[name].batches[0]  # with more than 16 images, batch norm differs by toolkit
    results = measure_network(group, name, batch, 0, 0.0, tmp_path, kinds=())
    assert set(results["agreement"]["differences"]) == set(OTHERS)


HELPED = {one.module: one.python for one in OTHERS.values()}


@pytest.mark.parametrize("script", [*HELPED, "training_time_pytorch"])
def test_help_of_the_processes_of_toolkits(script: str) -> None:
    command = [HELPED.get(script, sys.executable), "-m", f"benchmarks.{script}", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m benchmarks.{script}")
