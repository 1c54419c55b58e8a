"""Files of every format that piecewise exports come back with all that belongs to the net."""

from __future__ import annotations

from pathlib import Path

import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.spec.calibration import Calibration, ConfidenceThreshold

from .exchange_judging import ALL, net_of

FILES = {
    "onnx": "net.onnx",
    "pytorch": "net.safetensors",
    "tensorflow": "net.keras",
    "caffe": "net.caffemodel",
    "torch": "net.t7",
    "cntk": "net.onnx",
    "dl4j": "net.h5",
}
"""The formats that can be imported."""
KINDS = [kind for kind in ALL if not kind.startswith("text")]


@pytest.fixture(scope="module", params=KINDS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = net_of(request.param)
    net.calibration = Calibration(
        1.3, 3, (ConfidenceThreshold(0.9, 0.5, 0.8), ConfidenceThreshold(0.5, 0.9, 1.0)), (0.9, 0.6)
    )
    folder = tmp_path_factory.mktemp("export")
    from piecewise.exchange.registry import exporter  # noqa: PLC0415

    for name, file in FILES.items():
        made = exporter(name)
        if made.refusal(net.saved_model()) is None:
            for part, content in made.files(net.saved_model()).items():
                (folder / name).mkdir(exist_ok=True)
                (folder / name / part).write_bytes(content)
            assert (folder / name / file).exists()
    net.save(folder / "own.safetensors")
    return folder


def test_own_file_of_every_format_comes_back_whole(exported: Path) -> None:
    net = pw.load(exported / "own.safetensors")
    for name, file in FILES.items():
        path = exported / name / file
        if not path.exists():
            continue
        back = pw.import_net(path)
        assert (back.notation, back.input) == (net.notation, net.input), name
        assert back.classes == net.classes, name
        assert back.preprocessor == net.preprocessor, name
        assert back.calibration == net.calibration, name
        assert back.parameters_sha256 == net.parameters_sha256, name
        assert not back.training_summary, name
        with pytest.raises(LimitError, match="mean: piecewise wrote this file"):
            pw.import_net(path, mean=0.5)


def test_changed_layers_count_and_a_note_says_so(tmp_path: Path) -> None:
    net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    net.export(tmp_path / "e", to=["caffe"])
    text = tmp_path / "e/caffe/deploy.prototxt"
    changed = text.read_text().replace("pool: MAX", "pool: AVE")
    assert changed != text.read_text()
    text.write_text(changed)
    back = pw.import_net(tmp_path / "e/caffe/net.caffemodel")
    assert back.notation == "conv 4 3, relu, pool 2 kind=average, full"
    assert back.classes == ("0", "1")
    notes = back.training_summary["imported"]["notes"]
    assert any("its layers are not those that piecewise wrote" in note for note in notes)
