"""Pictures, sounds and texts from a person's folder to answers: one road, and the same bits."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status

MESSAGES = {
    "ham": ("see you at {} then", "are you home, or still at {}?", "ok, {} it is", "call me at {}"),
    "spam": ("WIN {} now!!!", "your prize of {} is waiting", "claim {} today, free", "free {} www"),
}


def picture(label: int, seed: int) -> bytes:
    """A bright bar, upright or lying, somewhere."""
    random = np.random.default_rng([label, seed])
    pixels = random.integers(0, 60, (12, 12), np.uint8)
    place = random.integers(2, 10)
    pixels[(slice(None), place) if label else (place, slice(None))] = 250
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def sound(label: int, seed: int) -> bytes:
    """A tone that rises or falls."""
    random = np.random.default_rng([label, seed])
    time = np.arange(4_000) / 8_000
    tone = np.sin(2 * np.pi * (700 + (900 if label else -900) * (time - 0.25)) * time)
    made = io.BytesIO()
    samples = (0.2 + 0.6 * random.random()) * tone + 0.01 * random.standard_normal(4_000)
    soundfile.write(made, samples, 8_000, format="WAV")
    return made.getvalue()


def text(label: int, seed: int) -> bytes:
    random = np.random.default_rng([label, seed])
    sentences = MESSAGES[("ham", "spam")[label]]
    return sentences[random.integers(len(sentences))].format(random.integers(5, 5_000)).encode()


KINDS = {"pictures": (picture, ".png"), "sounds": (sound, ".wav"), "texts": (text, ".txt")}


def folder(root: Path, kind: str, count: int = 24) -> Path:
    make, ending = KINDS[kind]
    for part, seeds in (("train", range(count)), ("test", range(1_000, 1_000 + count // 2))):
        for label, name in enumerate(("ham", "spam")):
            home = root / part / name
            home.mkdir(parents=True)
            for seed in seeds:
                (home / f"{seed % 4}_ann {seed}{ending}").write_bytes(make(label, seed))
    return root


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", KINDS)
def test_file_has_same_probabilities_by_every_path(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, net_file = folder(tmp_path / "set", kind), tmp_path / "net.safetensors"
    assert status(["train", str(root), "-o", str(net_file), "--epochs", "8", "--json"]) == 0
    result = printed(capsys)
    assert result["test"]["accuracy"] > 0.9
    files = sorted(str(file) for file in (root / "test").rglob("*.*"))

    net = pw.load(net_file)
    assert net.preprocessor.modality == kind
    by_python = net.probabilities(net.read_inputs(*files)).tolist()
    alone = [net.probabilities(net.read_inputs(file)).tolist()[0] for file in files]

    assert status(["predict", str(net_file), *files, "--json"]) == 0
    by_command = [answer["probabilities"] for answer in printed(capsys)["predictions"]]

    answers = tmp_path / "answers.jsonl"
    arguments = ["evaluate", str(net_file), str(root), "--predictions", str(answers), "--json"]
    assert status(arguments) == 0
    assert printed(capsys)["accuracy"] == result["test"]["accuracy"]
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    by_name = {line["input"]: line["probabilities"] for line in lines}
    evaluated = [by_name[file] for file in files]
    assert by_python == alone == by_command == evaluated
    wrong = [line["predicted"] != line["label"] for line in lines]
    assert wrong == sorted(wrong, reverse=True)  # these come first

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, file.relative_to(root))
    packed = ["train", str(tmp_path / "set.zip"), "-o", str(net_file), "--force", "--epochs", "8"]
    packed += ["--json"]
    assert status(packed) == 0
    assert printed(capsys)["parameters_sha256"] == result["parameters_sha256"]


def test_table_of_texts_equals_folder_of_texts(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", "texts")
    from_folder = pw.read_data(root)
    rows = [
        {"text": Path(name).read_text(), "label": label, "split": part}
        for name, label, part in zip(
            from_folder.names,
            [from_folder.classes[number] for number in from_folder.labels],
            from_folder.splits.tolist(),
            strict=True,
        )
    ]
    table = tmp_path / "set.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    from_table = pw.read_data(table)
    assert from_table.preprocessor == from_folder.preprocessor
    assert (from_table.inputs == from_folder.inputs).all()
    assert (from_table.labels == from_folder.labels).all()
    assert from_table.names[2] == f"{table}: line 3"


def test_text_option_equals_text_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, net = folder(tmp_path / "set", "texts"), str(tmp_path / "net.safetensors")
    assert status(["train", str(root), "-o", net, "--epochs", "4", "--json"]) == 0
    capsys.readouterr()
    (tmp_path / "one.txt").write_text("Free prize WWW")
    arguments = ["predict", net, str(tmp_path / "one.txt"), "--text", "free PRIZE www", "--json"]
    assert status(arguments) == 0
    one, other = printed(capsys)["predictions"]
    assert one["probabilities"] == other["probabilities"]
    assert other["input"] == "free PRIZE www"
    assert status(["predict", net, "--text", "qqq"]) == 0
    captured = capsys.readouterr()
    assert (
        "qqq: a doubtful answer: none of its n-grams is one that the net has learned"
        in captured.err
    )
    assert status(["predict", net]) == 2


def test_input_of_other_modality_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds, net = folder(tmp_path / "sounds", "sounds", 8), str(tmp_path / "net.safetensors")
    assert status(["train", str(sounds), "-o", net, "--epochs", "1"]) == 0
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(picture(0, 0))
    capsys.readouterr()
    assert status(["predict", net, str(drawn)]) == 1
    assert f"{drawn}: cannot be read as a sound" in capsys.readouterr().err
    assert status(["predict", net, "--text", "hello"]) == 1
    assert "--text: got a text, wanted files: this net reads sounds" in capsys.readouterr().err
    pictures = folder(tmp_path / "pictures", "pictures", 8)
    assert status(["evaluate", net, str(pictures)]) == 1
    assert "got pictures, wanted sounds for this net" in capsys.readouterr().err


def test_predictions_never_overwrite_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, net = folder(tmp_path / "set", "texts", 8), str(tmp_path / "net.safetensors")
    assert status(["train", str(root), "-o", net, "--epochs", "1"]) == 0
    before = Path(net).read_bytes()
    capsys.readouterr()
    assert status(["evaluate", net, str(root), "--predictions", net]) == 1
    assert "the file exists and piecewise did not write it" in capsys.readouterr().err
    assert Path(net).read_bytes() == before
    for _ in range(2):  # the second time over the first
        assert status(["evaluate", net, str(root), "--predictions", str(tmp_path / "a.jsonl")]) == 0


def test_one_hot_text_network_learns(tmp_path: Path) -> None:
    """The deck's rows of the dictionary instead of an embedding: a full-height kernel."""
    data = pw.read_data(folder(tmp_path / "set", "texts"))
    rows = data.preprocessor.shape[1]
    plan = pw.plan_training(data, layers=f"conv 16 {rows}x2, relu, pool all, full", epochs=30)
    taught = pw.run_training(plan)
    assert taught.scores["test"].accuracy > 0.9
    assert pw.load(saved(taught.net, tmp_path)).probabilities(data.inputs[:3]).tolist() == (
        taught.net.probabilities(data.inputs[:3]).tolist()
    )


def saved(net: pw.Network, folder: Path) -> Path:
    net.save(folder / "saved.safetensors")
    return folder / "saved.safetensors"


def test_groups_stay_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, net = folder(tmp_path / "set", "pictures"), str(tmp_path / "net.safetensors")
    data = pw.read_data(root, groups="{group}_*")
    assert data.groups is not None
    assert sorted(set(data.groups.tolist())) == ["0", "1", "2", "3"]
    arguments = ["train", str(root), "-o", net, "--force", "--epochs", "3"]
    arguments += ["--groups", "{group}_*"]
    assert status([*arguments, "--folds", "groups", "--json"]) == 0
    result = printed(capsys)
    assert set(result["groups"]) == {"0", "1", "2", "3"}
    assert result["folds"]["n"] == 48
    assert status([*arguments, "--groups", "*_bob {group}"]) == 1
    assert "its name does not fit the groups '*_bob {group}'" in capsys.readouterr().err
    assert status(["train", str(root), "-o", net, "--force", "--folds", "groups"]) == 1
    assert "folds: got 'groups', but the data have none" in capsys.readouterr().err


def test_python_texts_are_preprocessed(tmp_path: Path) -> None:
    data = pw.read_data(folder(tmp_path / "set", "texts", 8))
    net = pw.run_training(pw.plan_training(data, epochs=2)).net
    (tmp_path / "one.txt").write_text("WIN now!!!")
    by_text = net.probabilities(net.preprocess("WIN now!!!", "see you"))
    assert by_text[:1].tolist() == net.probabilities(net.read_inputs(tmp_path / "one.txt")).tolist()
    with pytest.raises(pw.DataError, match="got nothing to preprocess"):
        net.read_inputs()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"splits": ["train", "Test"]}, "got the split 'Test', wanted train, validation or test"),
        ({"labels": [0, 2]}, "labels need to be class numbers, integers from 0 to 1"),
        ({"labels": [0, -1]}, "labels need to be class numbers, integers from 0 to 1"),
        ({"labels": [0.0, 1.0]}, "labels need to be class numbers, integers from 0 to 1"),
        ({"labels": ["a", "c"]}, "labels: got 'c', wanted the class names"),
        ({"labels": [0, 1, 1]}, "got 2 inputs, 3 labels and 2 splits, wanted equally many"),
        ({"preprocessor": None}, "got None, wanted a Preprocessor"),
        ({"groups": np.array(["x"])}, "got 1 groups for 2 inputs, wanted one for each input"),
    ],
)
def test_dataset_inconsistent_values_are_refused(changed: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "inputs": np.zeros((2, 1, 5, 5), np.uint8), "labels": [0, 1], "classes": ("a", "b"),
        "splits": ["train", "test"], "preprocessor": pw.ImagePreprocessor((1, 5, 5)),
    }  # fmt: skip
    assert len(pw.Dataset(**good)) == 2
    with pytest.raises(pw.DataError, match=words):
        pw.Dataset(**{**good, **changed})


def test_read_data_invalid_path_or_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pw.DataError, match="got an empty path"):
        pw.read_data("")
    root = folder(tmp_path / "set", "texts", 2)
    wrong: Any = 5
    with pytest.raises(pw.DataError, match="got 5, wanted a name or a pattern"):
        pw.read_data(root, groups=wrong)
    data = pw.read_data(root, groups="*{group}*")
    data.groups = np.full(len(data), "one")
    with pytest.raises(pw.DataError, match="all training examples are of one group"):
        pw.plan_training(data)


def test_mistakes_are_sorted_by_confidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, net = folder(tmp_path / "set", "texts"), str(tmp_path / "net.safetensors")
    assert status(["train", str(root), "-o", net, "--epochs", "8"]) == 0
    for seed in (1_000, 1_004, 1_007):  # spam called ham
        name = f"{seed % 4}_ann {seed}.txt"
        (root / "test" / "spam" / name).rename(root / "test" / "ham" / f"moved {name}")
    answers = tmp_path / "answers.jsonl"
    assert status(["evaluate", net, str(root), "--predictions", str(answers)]) == 0
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert all("moved" in line["input"] for line in lines[:3])
    for some in (lines[:3], lines[3:]):
        sure = [max(line["probabilities"]) for line in some]
        assert sure == sorted(sure, reverse=True)


def test_folds_use_each_group_once(tmp_path: Path) -> None:
    data = pw.read_data(folder(tmp_path / "set", "pictures"), groups="{group}_*")
    alone, shared = pw.plan_training(data, folds="groups"), pw.plan_training(data, folds=3)
    assert (alone.folds, alone.repeats) == (4, 1)
    assert (shared.folds, shared.repeats) == (3, 2)
