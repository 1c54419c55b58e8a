"""The samples of a passport that nobody gave: what they are, and that they find faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import piecewise as pw
from piecewise.cli.main import status
from piecewise.data.audio.decoding import Sound
from piecewise.exchange import registry
from piecewise.exchange.exporter import Files
from piecewise.exchange.html.exporter import HtmlExporter
from piecewise.exchange.onnx.exporter import OnnxExporter
from piecewise.exchange.passport.comparison import Comparison
from piecewise.exchange.passport.generated import generated_samples
from piecewise.exchange.passport.record import PROBABILITIES, ToolkitRun
from piecewise.exchange.runner import Runner
from piecewise.exchange.runners.javascript import JavaScriptRunner
from piecewise.exchange.runners.onnxruntime import OnnxRuntime
from piecewise.storage.model_file import SavedModel

from .exchange_judging import write
from .exchange_nets import saved, text_net
from .programs import needs_node
from .test_export_usage import DRAWINGS, PHOTOS, SOUNDS, TEXT_LAYERS, TEXTS, net_for

LETTERS = pw.TextPreprocessor("letters", tuple("abcdef "), 30)
NGRAMS = pw.TextPreprocessor("n-grams", ("good", "bad", "not good", "-oo-", "go-"), 12)
RUNNERS = {"onnx": OnnxRuntime, "html": JavaScriptRunner}
NETS = {
    "photos": net_for(PHOTOS),
    "drawings": net_for(DRAWINGS),
    "sounds": net_for(SOUNDS),
    "words": net_for(TEXTS, TEXT_LAYERS[0]),
    "pictures of words": net_for(TEXTS, TEXT_LAYERS[1]),
    "letters": net_for(LETTERS, TEXT_LAYERS[0]),
    "n-grams": net_for(NGRAMS, TEXT_LAYERS[0]),
}


def run_of(model: SavedModel, runner: Runner, files: Files, folder: Path) -> ToolkitRun:
    """What a toolkit answers for files about the generated samples."""
    comparison = Comparison(model, generated_samples(model))
    exporter = registry.exporter(runner.exporter)
    return comparison.run(runner, exporter, write(files, folder))


@needs_node
@pytest.mark.parametrize("format_", RUNNERS)
@pytest.mark.parametrize("name", NETS)
def test_formats_with_preprocessing_agree(format_: str, name: str, tmp_path: Path) -> None:
    model = saved(NETS[name])
    run = run_of(model, RUNNERS[format_](), registry.exporter(format_).files(model), tmp_path)
    assert run.agrees, run
    assert run.difference is not None
    assert run.difference.sample in (generated_samples(model).names or [])


OTHERS = [replace(PHOTOS, padding="black"), replace(PHOTOS, resize="crop"),
          replace(PHOTOS, resize="stretch")]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS, ids=["padding", "crop", "stretch"])
def test_other_resizing_differs_and_the_sample_is_named(
    other: pw.ImagePreprocessor, tmp_path: Path
) -> None:
    """Pictures of the input's own size would not show it."""
    model = saved(NETS["photos"])
    wrong = replace(model, preprocessor=other)
    run = run_of(model, OnnxRuntime(), OnnxExporter().files(wrong), tmp_path)
    assert run.agrees is False
    assert run.difference is not None
    assert "of the input's size" not in run.difference.sample


@needs_node
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("settings.backdrop ?? backdropOf(picture)", "'black'"),
        ("const most = isDeep ? 1 : 255", "const most = isDeep ? 1 : 254"),
        ("orientation >= 5", "orientation >= 9"),
        ("[0, whiteOf(picture)]", "[0, 65535]"),
        ("peak = Math.max(peak, Math.abs(value))", "peak = 1"),
        ("return cancels ?", "return false ?"),
    ],
)  # fmt: skip
def test_fault_in_reading_files_differs(right: str, wrong: str, tmp_path: Path) -> None:
    is_sound = "peak" in right or "cancels" in right
    net = NETS["sounds" if is_sound else "photos"]
    model = saved(net)
    files = HtmlExporter().files(model)
    text = files["net.html"].decode()
    if right not in text:
        pytest.fail(right)
    files["net.html"] = text.replace(right, wrong).encode()
    samples = generated_samples(model)
    outputs = JavaScriptRunner().run(write(files, tmp_path), samples)
    expected = net.probabilities(samples.inputs)
    assert np.abs(outputs.probabilities - expected).max() > PROBABILITIES


def test_samples_are_of_many_kinds() -> None:
    pictures, sounds = (generated_samples(saved(NETS[name])) for name in ("photos", "sounds"))
    assert pictures.raw is not None
    assert sounds.raw is not None
    assert {one.shape[2] for one in pictures.raw} >= {1, 2, 3, 4}
    assert {one.dtype for one in pictures.raw} >= {np.dtype(np.uint8), np.dtype(np.uint16)}
    assert len({one.shape[:2] for one in pictures.raw}) >= 6
    assert all(isinstance(one, Sound) for one in sounds.raw)
    assert {one.rate for one in sounds.raw} == {8_000, 11_025, 44_100}
    assert max(len(SOUNDS.windows(one)) for one in sounds.raw) > 1
    texts = generated_samples(saved(text_net("average")))
    assert not texts.inputs[0].any()
    assert (texts.inputs == 1).any()
    assert max(len(str(one).split()) for one in texts.raw or []) > texts.inputs.shape[1]


def test_samples_of_large_nets_stay_small() -> None:
    preprocessor = pw.ImagePreprocessor((3, 400, 400))
    net = pw.Network("pool all, full", preprocessor.shape, 2, 0, preprocessor)
    samples = generated_samples(saved(net), 7)
    assert max(max(one.shape[:2]) for one in samples.raw or []) <= 500


def test_command_names_the_sample_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = NETS["photos"]
    net.save(tmp_path / "net.safetensors")
    black = replace(saved(net), preprocessor=replace(PHOTOS, padding="black"))
    files = OnnxExporter().files(black)
    monkeypatch.setattr(OnnxExporter, "files", lambda *_: files)
    out = tmp_path / "out"
    arguments = ["export", str(tmp_path / "net.safetensors"), "-o", str(out), "--to", "onnx"]
    assert status(arguments) == 1
    assert ", most of picture " in capsys.readouterr().out
    assert "picture " in (out / "passport.html").read_text()
