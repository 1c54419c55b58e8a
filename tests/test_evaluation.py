"""Evaluation of data sets: training examples are counted apart, unknown classes are left out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.errors import DataError, ModelFileError
from piecewise.spec import training_digests
from piecewise.spec.training_digests import TrainingDigests, digests_of
from piecewise.storage.model_file import KEY
from piecewise.training.evaluation import DatasetScores

Printed = pytest.CaptureFixture[str]
XO = pw.make_xo(120, size=9, seed=0)
OTHERS = pw.make_xo(80, size=9, seed=1)


def trained(count: int = 120, keep_digests: bool = True) -> pw.Network:
    net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"), 0, XO.preprocessor)
    pw.train(net, XO.inputs[:count], XO.labels[:count], pw.Recipe(epochs=2),
             keep_digests=keep_digests)  # fmt: skip
    return net


def data_of(*parts: tuple[pw.Dataset | object, str]) -> pw.Dataset:
    """A data set of XO sets, each with the name of its split."""
    sets = [part for part, _ in parts]
    splits = np.concatenate([[split] * len(part) for part, split in parts])  # type: ignore[arg-type]
    inputs = np.concatenate([one.inputs for one in sets])  # type: ignore[attr-defined]
    labels = np.concatenate([one.labels for one in sets])  # type: ignore[attr-defined]
    return pw.Dataset(inputs, labels, ("X", "O"), splits, XO.preprocessor)


def evaluated(net: pw.Network, data: pw.Dataset) -> DatasetScores:
    scores = pw.evaluate(net, data)
    assert isinstance(scores, DatasetScores)
    return scores


def test_digest_is_that_of_the_bytes() -> None:
    content = bytes(range(9))
    by_hand = hashlib.blake2b(content, digest_size=6, person=b"u1").hexdigest()
    rows = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert [f"{one:012x}" for one in digests_of(rows).tolist()] == [by_hand]
    twice = np.concatenate([rows, rows])
    assert len(set(digests_of(twice).tolist())) == 1
    flipped = np.flip(rows, 3)
    assert digests_of(flipped) != digests_of(rows)
    for dtype in (np.int16, np.int32, np.uint16, ">i8"):  # tokens of any integer type
        assert digests_of(rows[0, 0].astype(dtype)).tolist() == (
            digests_of(rows[0, 0].astype(np.int64)).tolist()
        )
    assert digests_of(np.asfortranarray(rows)).tolist() == digests_of(rows).tolist()


def test_digests_of_many_inputs_are_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(0).random((5, 2, 3))
    each = [int(digests_of(one[None])[0]) for one in inputs]
    monkeypatch.setattr(training_digests, "_ROWS", 2)
    for same in (inputs, inputs.astype(np.float32), np.asfortranarray(inputs)):
        assert digests_of(same).tolist() == each
    assert len(digests_of(np.empty((3, 0, 2), np.float32))) == 3


def test_evaluate_counts_training_examples_apart() -> None:
    net = trained()
    mixed = evaluated(net, data_of((XO, "train"), (OTHERS, "train")))
    assert mixed.counted == "unseen"
    assert mixed.n == 80
    assert mixed.seen is not None
    assert mixed.unseen is not None
    assert (mixed.seen.n, mixed.unseen.n) == (120, 80)
    alone = pw.evaluate(net, OTHERS.inputs, OTHERS.labels)
    assert mixed.confusion.tolist() == mixed.unseen.confusion.tolist() == alone.confusion.tolist()
    training = pw.evaluate(net, XO.inputs, XO.labels)
    assert mixed.seen.confusion.tolist() == training.confusion.tolist()
    only = evaluated(net, data_of((XO, "train")))
    assert (only.counted, only.n, only.unseen) == ("training", 120, None)
    new = evaluated(net, data_of((OTHERS, "train")))
    assert (new.counted, new.n, new.seen) == ("all", 80, None)
    plain = json.loads(json.dumps(mixed.to_json()))
    assert (plain["counted"], plain["seen"]["n"], plain["unseen"]["n"]) == ("unseen", 120, 80)


def test_evaluate_test_split_with_few_training_examples_is_scored_whole() -> None:
    net, few = trained(), data_of((OTHERS, "test"))
    few.inputs[:10], few.labels[:10] = XO.inputs[:10], XO.labels[:10]
    scores = evaluated(net, few)
    assert (scores.split, scores.counted, scores.n) == ("test", "all", 80)
    assert scores.seen is not None
    assert scores.seen.n == 10
    few.inputs[:60], few.labels[:60] = XO.inputs[:60], XO.labels[:60]
    scores = evaluated(net, few)
    assert (scores.counted, scores.n) == ("unseen", 20)


def test_digests_are_saved_with_the_net(tmp_path: Path) -> None:
    net, path = trained(), tmp_path / "net.safetensors"
    net.save(path)
    loaded = pw.load(path)
    assert loaded.training_digests == net.training_digests
    assert loaded.parameters_sha256 == net.parameters_sha256
    assert len(loaded.training_digests) == len(np.unique(XO.inputs, axis=0))
    assert load_file(path)["training_digests"].shape == (len(net.training_digests), 6)
    size = path.stat().st_size
    private = trained(keep_digests=False)
    private.save(path)
    assert not len(pw.load(path).training_digests)
    assert size - path.stat().st_size >= 6 * len(net.training_digests)
    assert private.parameters_sha256 == net.parameters_sha256


def test_fine_tuning_adds_digests() -> None:
    net = trained(60)
    pw.train(net, OTHERS.inputs, OTHERS.labels, pw.Recipe(epochs=1))
    digests = net.training_digests
    assert digests.contain(XO.inputs[:60]).all()
    assert digests.contain(OTHERS.inputs).all()
    assert digests.contain(XO.inputs).mean() < 0.6


def test_too_many_examples_keep_no_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(training_digests, "MAX_DIGESTS", 100)
    net = trained()
    assert net.training_digests == TrainingDigests(is_complete=False)
    net.save(tmp_path / "net.safetensors")
    assert not pw.load(tmp_path / "net.safetensors").training_digests.is_complete
    np.savez(tmp_path / "xo.npz", images=XO.inputs[:, 0], labels=XO.labels)
    command = ["evaluate", str(tmp_path / "net.safetensors"), str(tmp_path / "xo.npz")]
    assert status(command) == 0
    assert "training examples cannot be counted apart" in capsys.readouterr().err


@pytest.mark.parametrize(
    "table",
    [
        np.zeros((2, 6), np.uint8),  # not ascending
        np.zeros((1, 5), np.uint8),
        np.zeros(6, np.uint8),
        np.zeros((1, 6), np.float32),
    ],
)
def test_load_invalid_digests_raises(table: object, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    trained().save(path)
    with safe_open(path, framework="numpy") as file:
        metadata = {KEY: file.metadata()[KEY]}
    save_file({**load_file(path), "training_digests": table}, path, metadata)  # type: ignore[dict-item]
    with pytest.raises(ModelFileError, match=r"digests|checksum"):
        pw.load(path)


def test_evaluate_unknown_classes_are_left_out(tmp_path: Path, capsys: Printed) -> None:
    net = trained()
    net.save(path := tmp_path / "net.safetensors")
    labels = np.array(["X", "O", "triangle", "star"])[OTHERS.labels]
    labels[:7], labels[7:9] = "triangle", "star"
    np.savez(tmp_path / "new.npz", images=OTHERS.inputs[:, 0], labels=labels)
    np.savez(tmp_path / "none.npz", images=OTHERS.inputs[:9, 0], labels=labels[:9])
    known = pw.evaluate(net, OTHERS.inputs[9:], OTHERS.labels[9:])
    unknown = {"star": 2, "triangle": 7}
    for data in (tmp_path / "new.npz", pw.read_data(tmp_path / "new.npz", net.preprocessor)):
        scores = pw.evaluate(net, data)  # the data set orders its classes differently
        assert isinstance(scores, DatasetScores)
        assert scores.unknown_classes == unknown
        assert scores.confusion.tolist() == known.confusion.tolist()
    assert status(["evaluate", str(path), str(tmp_path / "new.npz"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["n"], plain["unknown_classes"]) == (71, unknown)
    assert status(["evaluate", str(path), str(tmp_path / "new.npz")]) == 0
    words = "left out: 9 examples of classes that the net does not have: star, triangle"
    assert words in capsys.readouterr().err
    assert status(["evaluate", str(path), str(tmp_path / "none.npz")]) == 1
    assert "none of its classes is known: got ['star', 'triangle'], wanted ['X', 'O']" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(("names", "unknown"), [(("X", "O"), "2"), (("1", "2"), "0")])
def test_evaluate_unknown_numeric_labels(
    names: tuple[str, str], unknown: str, tmp_path: Path
) -> None:
    """Numbers are indices into class names, but names if the classes are numbers."""
    net = pw.Network("full", (1, 9, 9), names, 0, XO.preprocessor)
    labels = np.array([0, 1, 1, 2, 2, 2] * 5)
    np.savez(tmp_path / "a.npz", images=OTHERS.inputs[:30, 0], labels=labels)
    scores = pw.evaluate(net, tmp_path / "a.npz")
    assert isinstance(scores, DatasetScores)
    counts = {"0": 5, "1": 10, "2": 15}
    assert scores.unknown_classes == {unknown: counts.pop(unknown)}
    assert scores.confusion.sum(axis=1).tolist() == list(counts.values())


def test_evaluate_headline_in_text(tmp_path: Path, capsys: Printed) -> None:
    np.savez(tmp_path / "xo.npz", images=XO.inputs[:, 0], labels=XO.labels)
    for count, first, note in (
        (120, "training score: ", "so this is the training score"),
        (60, "unseen examples: ", "of the 60 examples that it was trained on"),
    ):
        trained(count).save(path := tmp_path / "net.safetensors")
        command = ["evaluate", str(path), str(tmp_path / "xo.npz")]
        assert status(command) == 0
        printed = capsys.readouterr()
        assert printed.out.startswith(first)
        assert note in printed.err
        page = tmp_path / f"{count}.html"
        assert status([*command, "--report", str(page)]) == 0
        assert note in page.read_text()
        capsys.readouterr()


def test_evaluate_wrong_arguments_raise() -> None:
    net, data = trained(), data_of((XO, "train"))
    with pytest.raises(DataError, match="labels: got none, wanted the class number"):
        pw.evaluate(net, XO.inputs)
    with pytest.raises(DataError, match="a data set has its own labels"):
        pw.evaluate(net, data, XO.labels)
    light = pw.ImagePreprocessor((1, 9, 9), background="light")
    other = pw.Dataset(XO.inputs, XO.labels, ("X", "O"), data.splits, light)
    with pytest.raises(DataError, match="preprocessed differently"):
        pw.evaluate(net, other)


def test_evaluate_recording_has_one_answer_for_its_windows() -> None:
    net, data = trained(40), data_of((OTHERS, "train"))
    data.inputs[0] = XO.inputs[0]  # a window that the net was trained on
    data.recordings = np.arange(80) // 2
    data.labels[:] = data.labels[::2].repeat(2)
    scores = evaluated(net, data)
    assert scores.seen is not None
    assert (scores.seen.n, scores.n, scores.counted) == (1, 39, "unseen")
    logits = net.logits(data.inputs).reshape(40, 2, 2).mean(axis=1)[1:]
    right = logits.argmax(axis=1) == data.labels[2::2]
    assert scores.accuracy == right.mean()


def test_evaluate_texts_of_other_units_are_prepared_again(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    lines = [f"{name} thing number {number},{name}" for number in range(30) for name in ("a", "b")]
    path.write_text("\n".join(["text,label", *lines]))
    data = pw.read_data(path)
    letters = pw.TextPreprocessor("letters", tuple("abcdefghijklmnopqrstuvwxyz "), 24)
    net = pw.Network("embed 4, pool all kind=average, full", letters.shape, ("a", "b"), 0, letters)
    own = pw.read_data(path, letters, classes=("a", "b"))
    assert data.inputs.shape != own.inputs.shape
    expected = pw.evaluate(net, own).confusion.tolist()
    assert pw.evaluate(net, data).confusion.tolist() == expected
