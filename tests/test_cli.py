"""The command line as users call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from piecewise.cli import doctor
from piecewise.cli.json_keys import JSON_KEYS
from piecewise.cli.main import COMMANDS, status
from piecewise.core.version import __version__
from piecewise.data.xo import make_xo
from piecewise.network import Network

from .children import interrupted
from .steps import HANG

Printed = pytest.CaptureFixture[str]


def piecewise(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "piecewise", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `.npz` of drawn X's and O's with a test split."""
    path = tmp_path_factory.mktemp("data") / "xo.npz"
    drawings = make_xo(700, size=12, seed=0)
    np.savez(path, images=drawings.inputs[:, 0], labels=drawings.labels,
             class_names=np.array(["X", "O"]), is_test=np.arange(700) >= 500)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of PNG files, a folder per class, with a broken one among them."""
    path = tmp_path_factory.mktemp("pictures")
    drawings = make_xo(200, size=20, seed=1)
    for number, (picture, label) in enumerate(zip(drawings.inputs, drawings.labels, strict=True)):
        part = "test" if number >= 150 else "train"
        home = path / part / drawings.classes[label]
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[0]).save(home / f"{number}.png")
    (path / "train" / "X" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return path


@pytest.fixture(scope="module")
def net(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net trained by the command line."""
    path = tmp_path_factory.mktemp("net") / "xo.safetensors"
    assert status(["train", str(data), "-o", str(path), "--epochs", "4"]) == 0
    return path


def draw_by_hand(path: Path) -> None:
    """An X in black pen on white paper, as a drawing program saves it."""
    paper = Image.new("RGB", (180, 140), "white")
    pen = ImageDraw.Draw(paper)
    pen.line((40, 30, 100, 110), fill="black", width=7)
    pen.line((105, 25, 45, 115), fill="black", width=7)
    paper.save(path)


def test_train_json_has_test_split_score(data: Path, tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "a.safetensors"
    arguments = ["train", str(data), "-o", str(path), "--epochs", "4", "--seed", "3", "--json"]
    assert status(arguments) == 0
    printed = capsys.readouterr()
    output = json.loads(printed.out)
    assert output["test"]["n"] == 200
    assert output["test"]["accuracy"] > 0.9
    assert output["validation"]["n"] == 50
    assert np.array(output["test"]["confusion"]).sum() == 200
    assert {"seconds", "recipe", "layers", "parameters_sha256"} <= output.keys()
    assert output["recipe"]["epochs"] == 4
    assert output["recipe"]["seed"] == 3
    assert "epoch   4 of 4" in printed.err
    again = Network.load(path)
    assert again.parameters_sha256 == output["parameters_sha256"]
    assert again.classes == ("X", "O")
    status([*arguments[:3], str(tmp_path / "b.safetensors"), *arguments[4:]])
    second = json.loads(capsys.readouterr().out)
    assert second["parameters_sha256"] == output["parameters_sha256"]


def test_evaluate_test_split_matches_train(net: Path, data: Path, capsys: Printed) -> None:
    assert status(["evaluate", str(net), str(data), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert {"n", "classes", "accuracy", "macro_f1", "confusion", "per_class"} <= output.keys()
    assert output["n"] == 200
    arrays = np.load(data)
    pictures, labels = arrays["images"][500:], arrays["labels"][500:]
    answers = Network.load(net).logits(pictures).argmax(axis=1)
    assert output["accuracy"] == (answers == labels).mean()
    assert status(["evaluate", str(net), str(data)]) == 0
    assert "true label" in capsys.readouterr().out


def test_predict_hand_drawn_image_returns_label(net: Path, tmp_path: Path, capsys: Printed) -> None:
    drawn = tmp_path / "my drawing.png"
    draw_by_hand(drawn)
    assert status(["predict", str(net), str(drawn), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["schema"], printed["skipped"]) == (1, [])
    (output,) = printed["predictions"]
    assert output["predicted"] == "X"
    assert output["input"] == str(drawn)
    assert output["classes"] == ["X", "O"]
    assert sum(output["probabilities"]) == pytest.approx(1, abs=1e-6)
    assert np.argmax(output["logits"]) == 0
    assert status(["predict", str(net), str(drawn), str(drawn)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{drawn}: X   (X ")


def test_train_image_folder_reports_skipped_files(
    folder: Path, tmp_path: Path, capsys: Printed
) -> None:
    path = tmp_path / "net.safetensors"
    arguments = ["train", str(folder), "-o", str(path), "--epochs", "6", "--json"]
    assert status(arguments) == 0
    printed = capsys.readouterr()
    output = json.loads(printed.out)
    assert output["test"]["n"] == 50
    assert output["test"]["accuracy"] > 0.85
    assert "skipped: " in printed.err
    assert "broken.png: cannot be read as a picture" in printed.err
    picture = next((folder / "test" / "O").iterdir())
    assert status(["predict", str(path), str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["predicted"] == "O"


def test_train_layers_and_recipe_options_are_used(
    data: Path, tmp_path: Path, capsys: Printed
) -> None:
    path = tmp_path / "net.safetensors"
    arguments = ["train", str(data), "-o", str(path), "--json", "--layers", "conv 3 3, relu, full",
                 "--image-size", "9", "--epochs", "1", "--batch-size", "64",
                 "--learning-rate", "0.01", "--loss", "absolute"]  # fmt: skip
    assert status(arguments) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["layers"], output["input"]) == ("conv 3 3, relu, full", [1, 9, 9])
    said = {"epochs": 1, "batch_size": 64, "learning_rate": 0.01, "loss": "absolute"}.items()
    assert said <= output["recipe"].items()


def test_control_characters_in_names_are_replaced(tmp_path: Path, capsys: Printed) -> None:
    path, drawn = tmp_path / "net.safetensors", tmp_path / "a\x1b[2Jb.png"
    Network("full", (1, 9, 9), ("X\x1b]0;title\x07", "O\n")).save(path)
    draw_by_hand(drawn)
    for arguments in (["show", str(path)], ["predict", str(path), str(drawn)]):
        assert status(arguments) == 0
        page = capsys.readouterr().out
        assert "\x1b" not in page
        assert "\x07" not in page


def test_show_describes_model_file(net: Path, capsys: Printed) -> None:
    assert status(["show", str(net), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert {"layers", "input", "classes", "parameters", "parameters_sha256"} <= output.keys()
    assert output["input"] == [1, 12, 12]
    assert status(["show", str(net)]) == 0
    words = capsys.readouterr().out
    assert output["layers"] in words
    assert output["parameters_sha256"] in words


def test_demo_recognizes_tricky_x(tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "xo.safetensors"
    assert status(["demo", "--json", "-o", str(path)]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["n"] == 10_000
    assert output["accuracy"] >= 0.995
    assert output["deck"]["tricky X"]["predicted"] == "X"
    assert min(output["accuracy_by_trick"].values()) >= 0.995
    before, during, after = (
        sum(row["error"] for row in output[f"errors_{when}"])
        for when in ("before", "during", "after")
    )
    assert after < during < before
    assert after < 0.1 * before
    assert Network.load(path).parameters_sha256 == output["parameters_sha256"]


def test_demo_text_fits_80_columns(capsys: Printed) -> None:
    assert status(["demo"]) == 0
    page = capsys.readouterr().out
    assert "The deck's tricky X is an X" in page
    assert "all tricks at once" in page
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "…" not in page


BAD = [
    (["predict", "nowhere.safetensors", "x.png"], "nowhere.safetensors: No such file or directory"),
    (["predict", "{empty}", "x.png"], "not a complete safetensors file"),
    (["predict", "{net}", "nowhere.png"], "nowhere.png: no such file"),
    (["predict", "{net}", "{empty}"], "empty.bin: cannot be read as a picture"),
    (["predict", "{net}", "{here}"], "no pictures in it, wanted files of these kinds: png jpg"),
    (["predict", "{here}", "x.png"], "a folder, wanted a model file"),
    (["evaluate", "{net}", "nowhere"], "nowhere: no such file or folder"),
    (["evaluate", "{net}", "{empty}"], "wanted a folder with one folder per class"),
    (["evaluate", "{net}", "{here}"], "no file in it to learn from; wanted one folder per class"),
    (["train", "nowhere.npz", "-o", "{here}/a"], "nowhere.npz: no such file or folder"),
    (["train", "{empty}", "-o", "{here}/a"], "wanted a folder with one folder per class"),
    (["train", "{broken}", "-o", "{here}/a"], "broken.npz: not a whole .npz file"),
    (["train", "{data}", "-o", "{here}/no/a"], "there is no folder"),
    (["train", "{data}", "-o", "{here}"], "a folder, wanted the name of a file"),
    (["train", "{data}", "-o", "/dev/null"], "/dev/null: the file exists and is not a model file"),
    (["train", "{data}", "-o", "{here}/a", "--layers", "conv 8 99, full"], "is larger than its"),
    (["show", "{empty}"], "not a complete safetensors file"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(line) for line, _ in BAD])
def test_failures_print_one_sentence_and_exit_1(
    arguments: list[str], words: str, net: Path, data: Path, tmp_path: Path, capsys: Printed
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "empty.bin").touch()
    (tmp_path / "broken.npz").write_bytes(data.read_bytes()[:200])
    places = {"net": net, "data": data, "here": tmp_path / "here", "empty": tmp_path / "empty.bin",
              "broken": tmp_path / "broken.npz"}  # fmt: skip
    assert status([argument.format(**places) for argument in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    last = printed.err.splitlines()[-1]
    assert last.startswith("piecewise: ")
    assert words in last
    assert "Traceback" not in printed.err
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tuor"], "'tuor' is not a command; did you mean 'tour'?"),
        (["train", "x.npz"], "missing option '-o'"),
        (["predict", "net"], "predict needs an INPUT, or --text"),
        (["demo", "--speed"], "no such option"),
        (["train", "x.npz", "-o", "y", "--layers", "conv"], "conv needs its features and kernel"),
        (["train", "x.npz", "-o", "y", "--image-size", "x"], "got 'x', wanted one whole number"),
        (["train", "x.npz", "-o", "y", "--epochs", "0"], "got 0, wanted a whole number from 1"),
        (["train", "x.npz", "-o", "y", "--loss", "l2"], "got 'l2', wanted cross-entropy"),
        (["train", "x.npz", "-o", "y", "--seed", "-1"], "got '-1', wanted a whole number from 0"),
        (["train", "x.npz", "-o", "y", "--augment", "turn 3"], "augmentation: there is no 'turn'"),
        (["train", "x.npz", "-o", "y", "--epochs", "many"], "got 'many', wanted a whole number"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str, capsys: Printed) -> None:
    assert status(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_help_lists_every_command(capsys: Printed) -> None:
    assert status(["--help"]) == 0
    page = capsys.readouterr().out
    for name, home in COMMANDS.items():
        assert name in page
        assert home.summary[:30] in page
        assert status([name, "--help"]) == 0
        assert ("--json" in capsys.readouterr().out) == bool(JSON_KEYS[name])
    assert status(["--version"]) == 0
    assert capsys.readouterr().out == f"piecewise {__version__}\n"


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError("libllvmlite.so"), RuntimeError("can't start new thread")]
)
def test_lack_of_memory_gives_one_sentence(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> dict[str, Any]:
        raise error

    monkeypatch.setattr(doctor, "environment", fail)
    assert status(["doctor"]) == 1
    wanted = "piecewise: not enough memory; try a smaller network, image size or data set\n"
    assert capsys.readouterr().err == wanted


def test_train_ctrl_c_saves_net_and_exits_130(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    layers = "2 * (conv 16 5 pad=same, relu), full"  # no trials, and 1,000 long epochs
    command = [sys.executable, "-m", "piecewise", "train", str(data), "-o", str(path),
               "--epochs", "1000", "--augment", "none", "--layers", layers]  # fmt: skip
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if line.startswith("epoch   2"):
                break
        os.kill(run.pid, signal.SIGINT)
        rest = run.stderr.read()
        assert run.wait(HANG) == 130
    assert "stopped; the net is saved as it is" in rest
    assert str(path) in rest
    assert "Traceback" not in rest
    assert len(Network.load(path).history) >= 2


def test_train_ctrl_c_in_first_epoch_keeps_existing_net(
    data: Path, net: Path, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(net.read_bytes())
    arguments = ["train", str(data), "-o", str(path), "--force", "--layers",
                 "2 * (conv 32 5 pad=same, relu), full", "--augment", "none"]  # fmt: skip
    with interrupted(arguments, "piecewise.training.step", "BackpropagationSteps.run", 2) as run:
        _, rest = run.communicate(timeout=HANG)
    assert run.returncode == 130
    assert "stopped in the first epoch; nothing is saved" in rest
    assert path.read_bytes() == net.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]


def test_output_other_file_is_not_overwritten(data: Path, tmp_path: Path, capsys: Printed) -> None:
    other = tmp_path / "other.safetensors"
    other.write_text("not a net")
    for command in (["train", str(data)], ["demo"]):
        assert status([*command, "-o", str(other), "--force"]) == 1
        assert "the file exists and is not a model file" in capsys.readouterr().err
    assert other.read_text() == "not a net"


def test_predict_unreadable_file_others_are_answered(
    net: Path, tmp_path: Path, capsys: Printed
) -> None:
    draw_by_hand(tmp_path / "x.png")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    files = [str(tmp_path / name) for name in ("x.png", "nowhere.png", "blank.png")]
    assert status(["predict", str(net), *files, "--json"]) == 1
    printed = capsys.readouterr()
    output = json.loads(printed.out)["predictions"]
    assert [answer["input"] for answer in output] == [files[0], files[2]]
    assert [answer["warning"] for answer in output] == [None, "there is no ink in it"]
    assert "nowhere.png: no such file" in printed.err


@pytest.mark.parametrize(
    "arguments", [["show", "{net}"], ["show", "{net}", "--json"], ["tour"], ["--help"]]
)
def test_full_disk_on_stdout_is_reported(arguments: list[str], net: Path) -> None:
    line = [argument.format(net=net) for argument in arguments]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run([sys.executable, "-m", "piecewise", *line], stdout=full,
                             stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert run.returncode == 1
    assert run.stderr == ("piecewise: the output could not be written: No space left on device\n")


def test_ascii_stdout_gets_question_marks(net: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "emoji \N{GRINNING FACE}.png"
    draw_by_hand(drawn)
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = piecewise("predict", str(net), str(drawn), env=plain)
    assert "emoji ?.png: X" in run.stdout
    run = piecewise("predict", str(net), str(drawn), "--json", env=plain)
    assert json.loads(run.stdout)["predictions"][0]["input"] == str(drawn)


def test_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m piecewise tour --plain | head -n 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert run.stderr == ""


def test_predict_writes_results_to_stdout_only(net: Path, tmp_path: Path) -> None:
    draw_by_hand(tmp_path / "x.png")
    run = piecewise("predict", str(net), str(tmp_path / "x.png"))
    assert run.returncode == 0
    assert run.stderr == ""
    assert run.stdout.count("\n") == 1
