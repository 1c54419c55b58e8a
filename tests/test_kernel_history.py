"""KernelHistory: snapshots of the kernels, training left unchanged, files that hold them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.core.progress import Epoch, Progress
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.display.images import ABOVE, BELOW, ZERO
from piecewise.insight.dynamics import kernel_history as module
from piecewise.insight.dynamics.kernel_history import (
    CHANNELS,
    FEATURES,
    MOST_FRAMES,
    KernelHistory,
    kernels,
    montage,
)
from piecewise.insight.evaluation.error_table import error_table

XO = pw.make_xo(96, 9, seed=0)
GIVEN = XO.inputs, XO.labels
UNSEEN = pw.make_xo(40, 9, seed=1)
EXAMPLES = UNSEEN.inputs, UNSEEN.labels


def fresh(layers: str = "conv 3 3, relu, pool 2, dropout 0.2, full") -> pw.Network:
    return pw.Network(layers, (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)


def filmed(
    epochs: int = 4, net: pw.Network | None = None, **what: Any
) -> tuple[pw.Network, KernelHistory]:
    net = net or fresh()
    film = KernelHistory(net, **what)
    pw.train(net, *GIVEN, pw.Recipe(epochs=epochs), on_progress=film)
    return net, film


def test_snapshots_equal_kernels_after_each_epoch() -> None:
    net, film = filmed(4)
    first = fresh().parameters["conv1.weight"]
    np.testing.assert_array_equal(film.snapshots[0].kernels, first)
    assert [frame.epoch for frame in film.snapshots] == [0, 1, 2, 3, 4]
    assert [frame.step for frame in film.snapshots] == [0, 3, 6, 9, 12]
    assert [frame.loss for frame in film.snapshots] == [None, *(one["loss"] for one in net.history)]
    seen: list[np.ndarray] = []

    def looking(progress: Progress) -> None:
        if progress.epoch:
            seen.append(other.parameters["conv1.weight"].copy())

    other = fresh()
    pw.train(other, *GIVEN, pw.Recipe(epochs=4), on_progress=looking)
    for frame, wanted in zip(film.snapshots[1:], seen, strict=True):
        np.testing.assert_array_equal(frame.kernels, wanted)
    assert len({frame.kernels.tobytes() for frame in film.snapshots}) == 5


@pytest.mark.parametrize("threads", [1, 2])
def test_kernel_history_does_not_change_training(threads: int) -> None:
    plain = fresh()
    pw.train(plain, *GIVEN, pw.Recipe(epochs=3), threads=threads)
    films = []
    for _ in range(2):
        net = fresh()
        films.append(KernelHistory(net, examples=EXAMPLES))
        pw.train(net, *GIVEN, pw.Recipe(epochs=3), on_progress=films[-1], threads=threads)
        assert net.parameters_sha256 == plain.parameters_sha256
    assert films[0].to_json() == films[1].to_json()


@pytest.mark.parametrize("loss", ["cross-entropy", "absolute"])
def test_snapshot_errors_equal_error_table(loss: str) -> None:
    wanted: list[float] = []
    net = fresh()
    film = KernelHistory(net, examples=EXAMPLES)

    def both(progress: Progress) -> None:
        film(progress)
        if progress.epoch:
            wanted.append(error_table(net, *EXAMPLES).total)

    recipe = pw.Recipe(epochs=3, loss=loss, learning_rate=0.01)
    pw.train(net, *GIVEN, recipe, on_progress=both)
    assert [frame.error for frame in film.snapshots[1:]] == wanted
    before = fresh()
    before.recipe = net.recipe  # so that the answers of the start are what those later are
    assert film.snapshots[0].error == error_table(before, *EXAMPLES).total
    assert wanted[-1] < (film.snapshots[0].error or 0)


def test_kernel_history_feature_records_one_kernel() -> None:
    whole, one = filmed(2)[1], filmed(2, feature=2)[1]
    for frame, other in zip(whole.snapshots, one.snapshots, strict=True):
        np.testing.assert_array_equal(frame.kernels[2:3], other.kernels)


def test_kernels_of_full_layer_have_shape_of_its_input() -> None:
    net, film = filmed(1, layer="full1")
    assert film.snapshots[1].kernels.shape == (2, 3, 4, 4)
    picture = XO.inputs[0]
    walk = net.walk(picture)
    votes = film.snapshots[1].kernels.astype(np.float64) * walk["pool1"]
    logits = votes.sum(axis=(1, 2, 3)) + net.parameters["full1.bias"]
    np.testing.assert_allclose(logits, walk.logits, rtol=1e-5)


def test_kernels_each_layer_kind_has_four_axes() -> None:
    net = fresh("conv 4 3, relu, conv 5 1x3, relu, pool all, full 6, relu, full")
    assert kernels(net, "conv2").shape == (5, 4, 1, 3)
    assert kernels(net, "full1").shape == (6, 1, 1, 5)
    assert kernels(net, "full2").shape == (2, 1, 1, 6)
    words = TextPreprocessor("words", ("free", "prize"), 5)
    net = pw.Network("embed 3, full", words.shape, 2)
    assert kernels(net, "embed1").shape == (4, 1, 1, 3)
    assert np.shares_memory(kernels(net, "embed1"), net.parameters.flat)


def tell(film: KernelHistory, epochs: range) -> None:
    """As training tells it, after changing the net a bit."""
    for number in epochs:
        film._net.parameters["conv1.weight"][0, 0, 0, 0] = number
        done = Epoch(number, 1 / number, None, None, 0.0)
        film(Progress("training", 10 * number, 10_000, 0.5))  # in between, nothing is kept
        film(Progress("training", 10 * number, 10_000, 0.5, done))


@pytest.mark.parametrize("epochs", [1, 5, MOST_FRAMES - 1, MOST_FRAMES, 300, 1_000])
def test_kernel_history_many_epochs_are_thinned_evenly(epochs: int) -> None:
    film = KernelHistory(fresh(), feature=0)
    tell(film, range(1, epochs + 1))
    numbers = [frame.epoch or 0 for frame in film.snapshots]
    assert numbers[0] == 0
    assert numbers[-1] == epochs
    assert min(epochs + 1, MOST_FRAMES // 2) <= len(film) <= MOST_FRAMES
    apart = {after - before for before, after in pairwise(numbers[:-1])}
    assert len(apart) <= 1
    for frame in film.snapshots[1:]:
        assert frame.kernels[0, 0, 0, 0] == frame.epoch
        assert frame.step == 10 * (frame.epoch or 0)


def test_kernel_history_large_kernels_keep_fewer_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 4 * 27)
    film = KernelHistory(fresh())
    tell(film, range(1, 50))
    assert 2 <= len(film) <= 4
    assert film.snapshots[-1].epoch == 49
    monkeypatch.setattr(module, "MOST_NUMBERS", 3 * 27 - 1)
    with pytest.raises(
        LimitError, match=r"^KernelHistory: got 27 numbers of conv1, wanted at most 26; choos"
    ):
        KernelHistory(fresh())
    assert len(KernelHistory(fresh(), feature=1)) == 1


def test_kernel_history_resumed_run_records_from_checkpoint(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.epoch and progress.epoch.epoch == 2:
            raise Stopped

    net, recipe = fresh(), pw.Recipe(epochs=4)
    with pytest.raises(Stopped):
        pw.train(net, *GIVEN, recipe, on_progress=stop, run_dir=tmp_path / "run")
    again = fresh()
    film = KernelHistory(again)
    pw.train(again, *GIVEN, recipe, on_progress=film, run_dir=tmp_path / "run")
    whole = filmed(4)[1]
    assert [(frame.epoch, frame.step) for frame in film.snapshots] == [(None, 6), (3, 9), (4, 12)]
    for frame, wanted in zip(film.snapshots, whole.snapshots[2:], strict=True):
        np.testing.assert_array_equal(frame.kernels, wanted.kernels)


def test_kernel_history_resume_discards_earlier_snapshots() -> None:
    film = KernelHistory(fresh(), feature=0)
    tell(film, range(1, 300))
    film(Progress("training", 5_000, 10_000, 0.5, resumed=True))
    assert [(frame.epoch, frame.step) for frame in film.snapshots] == [(None, 5_000)]
    tell(film, range(501, 550))
    assert [frame.epoch for frame in film.snapshots] == [None, *range(501, 550)]


@pytest.mark.parametrize("ending", [".png", ".gif", ".PNG"])
def test_kernel_history_saved_animation_has_all_frames(tmp_path: Path, ending: str) -> None:
    film = filmed(4)[1]
    path = tmp_path / f"film{ending}"
    film.save(path, seconds=0.1)
    largest = max(float(np.abs(frame.kernels).max()) for frame in film.snapshots)
    again, times = Image.open(BytesIO(path.read_bytes())), []
    assert getattr(again, "n_frames", 1) == 5
    for number, frame in enumerate(film.snapshots):
        again.seek(number)
        times.append(round(again.info["duration"]))
        pixels = np.asarray(again.convert("RGB")).astype(int)
        wanted = montage(frame.kernels, largest).astype(int)
        side = pixels.shape[0] // wanted.shape[0]
        assert side > 10
        small = pixels[side // 2 :: side, side // 2 :: side]
        assert np.abs(small - wanted).max() <= (40 if ending == ".gif" else 0)  # 256 colours
    assert times == [100] * 4 + [1_500]
    before = path.read_bytes()
    film.save(path, seconds=0.1)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_kernel_history_single_snapshot_can_be_saved(tmp_path: Path) -> None:
    KernelHistory(fresh()).save(tmp_path / "one.png")
    assert Image.open(BytesIO((tmp_path / "one.png").read_bytes())).size[0] > 300


def test_kernel_history_failed_save_keeps_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, path = KernelHistory(fresh()), tmp_path / "film.png"
    path.write_bytes(b"before")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(DataError, match=r"film.png: not written: No space left on device$"):
        film.save(path)
    assert path.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(
        LimitError, match=r"^KernelHistory: got '.mp4', wanted a file's name that ends in .png"
    ):
        film.save(tmp_path / "film.mp4")
    with pytest.raises(
        LimitError, match=r"^KernelHistory: seconds: got 0, wanted a number from 0.02 to 60$"
    ):
        film.save(path, seconds=0)
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"nowhere/film.png: not written: No such file"):
        film.save(tmp_path / "nowhere" / "film.png")


def test_montage_has_signed_colours_and_grey_lines() -> None:
    given = np.zeros((3, 1, 2, 2), np.float32)
    given[0, 0, 0] = 2, -2
    drawn = montage(given, 2.0)
    assert drawn.shape == (7, 7, 3)
    assert tuple(drawn[1, 1]) == ABOVE
    assert tuple(drawn[1, 2]) == BELOW
    assert tuple(drawn[2, 2]) == ZERO
    assert {tuple(pixel) for pixel in drawn[::3].reshape(-1, 3)} == {(128, 128, 128)}
    assert {tuple(pixel) for pixel in drawn[4:, 4:].reshape(-1, 3)} == {(128, 128, 128)}
    many = montage(np.zeros((FEATURES + 9, CHANNELS + 9, 3, 3), np.float32), 1.0)
    assert many.shape == (4 * FEATURES + 1, 4 * CHANNELS + 1, 3)


def test_kernel_history_html_has_images_and_charts() -> None:
    _, film = filmed(20, examples=EXAMPLES)
    page = film._repr_html_()
    epochs = re.findall(r'alt="conv1, (epoch \d+)', page)
    assert len(epochs) == module.SHOWN
    assert (epochs[0], epochs[-1]) == ("epoch 0", "epoch 20")
    addresses = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    last = Image.open(BytesIO(b64decode(addresses[-1])))
    largest = max(float(np.abs(frame.kernels).max()) for frame in film.snapshots)
    wanted = montage(film.snapshots[-1].kernels, largest)
    side = last.size[0] // wanted.shape[1]
    np.testing.assert_array_equal(np.asarray(last.convert("RGB"))[::side, ::side], wanted)
    assert page.count("<svg xmlns") == 2
    assert f"loss {film.snapshots[-1].loss:.4g}" in page
    assert "error by" not in KernelHistory(fresh())._repr_html_()
    assert "not all drawn" in KernelHistory(fresh("conv 40 3, relu, full"))._repr_html_()
    assert repr(film).startswith("KernelHistory(conv1: 21 frames, to epoch 20, loss ")
    assert list(film.lines())[-1] == film.snapshots[-1].description


def test_kernel_history_to_json_returns_plain_values() -> None:
    _, film = filmed(2, feature=1, examples=EXAMPLES)
    plain = json.loads(json.dumps(film.to_json()))
    assert (plain["layer"], plain["feature"], len(plain["snapshots"])) == ("conv1", 1, 3)
    for one, frame in zip(plain["snapshots"], film.snapshots, strict=True):
        assert np.float32(one["kernels"]).tobytes() == frame.kernels.tobytes()
        assert (one["epoch"], one["step"], one["loss"]) == (frame.epoch, frame.step, frame.loss)
        assert one["error"] == frame.error


def test_kernel_history_invalid_arguments_raise() -> None:
    net = fresh()
    for layer in ("relu1", "conv2", "pool1"):
        with pytest.raises(LimitError, match=rf"^layer: got '{layer}', wanted one with kernels; "):
            KernelHistory(net, layer)
    for feature in (3, -1, 1.0, True, "0"):
        with pytest.raises(
            LimitError, match=r"^KernelHistory: feature: got .* a whole number from 0 to 2$"
        ):
            KernelHistory(net, feature=feature)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"^labels: got 1, wanted 40, one per input$"):
        KernelHistory(net, examples=(UNSEEN.inputs, [0]))
