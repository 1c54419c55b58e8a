"""The benchmarks run: all toolkits agree, are timed, and end up in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.nets import NETS
from benchmarks.rounds import Team, measured, team

for toolkit in ("torch", "onnx", "onnxruntime"):
    pytest.importorskip(toolkit)

OTHERS = {"PyTorch as installed", "PyTorch tuned", "ONNX Runtime"}


def test_the_command_measures_all_toolkits_and_writes_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "made" / "speed.json"
    main(["--quick", "--only", "xo", "--threads", "2", "--rounds", "1", "--json", str(file)])
    found = json.loads(file.read_text())
    assert {"claim", "n", "machine", "versions", "command"} <= set(found["header"])
    kinds = [(figure["what"], figure["batch"]) for figure in found["figures"]]
    assert kinds == [("train", 64), ("answer", 64), ("single", 64), ("train", 512)]
    for figure in found["figures"]:
        others = OTHERS - ({"ONNX Runtime"} if figure["what"] == "train" else set())
        assert set(figure["toolkits"]) == others | {"piecewise"}
        assert set(figure["times as fast as"]) == others | {"the fastest other"}
        for line in figure["toolkits"].values():
            assert 0 < line["figure"]["low"] <= line["figure"]["median"]
            assert line["share of peak"]["median"] >= 0
    assert [check["batch"] for check in found["agreement"]] == [64, 512]
    assert "| xo | 512 | 2 |" in capsys.readouterr().out


@pytest.fixture(scope="module")
def group() -> Iterator[Team]:
    with team(1, rest=0) as made:
        yield made


@pytest.mark.parametrize("name", [name for name in NETS if name != "xo"])
def test_the_toolkits_agree_on_every_network(name: str, group: Team, tmp_path: Path) -> None:
    found = measured(group, name, 64, 0, 0.0, tmp_path, kinds=())
    assert set(found["agreement"]["apart"]) == OTHERS
