"""The scripts in examples/ run as they are, print what they promise, and leave nothing behind."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import piecewise as pw

EXAMPLES = Path(__file__).parents[1] / "examples"


def printed(name: str, folder: Path, *arguments: Path) -> str:
    """What an example prints when it runs in an empty folder."""
    source = str(Path(pw.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": source}, text=True, capture_output=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def accuracy(text: str) -> float:
    """The accuracy that an example prints, in percent."""
    match = re.search(r"^validation: ([\d.]+)%", text, re.MULTILINE)
    assert match, text
    return float(match[1])


def test_pictures(tmp_path: Path) -> None:
    text = printed("own_pictures", tmp_path)
    assert accuracy(text) > 95
    assert text.endswith("O/1.png: O\n")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    folder, empty = tmp_path / "mine", tmp_path / "empty"
    empty.mkdir()
    for number in range(24):
        name, grey = (("dark", 20), ("light", 220))[number % 2]
        file = folder / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 9), grey + number % 5).save(file)
    assert re.search(r"^dark/0\.png: (dark|light)$", printed("own_pictures", empty, folder), re.M)
    assert not list(empty.iterdir())


def test_dask_predict_equals_the_net(tmp_path: Path) -> None:
    pytest.importorskip("dask.bag", reason="dask is not installed")
    xo = pw.make_xo(20, size=9, seed=0)
    net = pw.Network("full", (1, 9, 9), ("X", "O"), preprocessor=xo.preprocessor)
    net.save(saved := tmp_path / "net.safetensors")
    (folder := tmp_path / "pictures").mkdir()
    for number, picture in enumerate(xo.inputs[:, 0]):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    output = tmp_path / "predictions"
    assert printed("dask_predict", tmp_path, saved, folder, output) == ""
    lines = [line for file in output.iterdir() for line in file.read_text().splitlines()]
    files = sorted(map(str, folder.iterdir()))
    predicted = zip(files, net.predict(files), strict=True)
    assert [json.loads(line) for line in lines] == [
        {"input": file, "predicted": answer} for file, answer in predicted
    ]


def test_spark_function_equals_the_net_frame_by_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    spec = importlib.util.spec_from_file_location("spark_predict", EXAMPLES / "spark_predict.py")
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    xo = pw.make_xo(20, size=9, seed=0)
    net = pw.Network("full", (1, 9, 9), ("X", "O"), preprocessor=xo.preprocessor)
    net.save(saved := tmp_path / "net.safetensors")
    rows = list[dict[str, Any]]()
    for number, picture in enumerate(xo.inputs[:, 0]):
        Image.fromarray(picture).save(file := tmp_path / f"{number:02}.png")
        rows.append({"path": str(file), "content": file.read_bytes()})
    frames = [pandas.DataFrame(rows[:12]), pandas.DataFrame(rows[12:])]
    found = list(example.predict_frames(iter(frames), str(saved)))
    assert [len(one) for one in found] == [12, 8]
    together = pandas.concat(found)
    assert list(together["path"]) == [row["path"] for row in rows]
    assert list(together["predicted"]) == net.predict([row["path"] for row in rows])
    assert set(together["predicted"]) == {"X", "O"}


def test_sounds(tmp_path: Path) -> None:
    text = printed("own_sounds", tmp_path)
    assert accuracy(text) > 95
    assert text.startswith("each sound becomes sounds at 8,000 Hz")
    falling = re.search(r"falling/1\.wav: falling ([\d.]+)%", text)
    assert falling
    assert float(falling[1]) > 80


def test_texts(tmp_path: Path) -> None:
    text = printed("own_texts", tmp_path)
    assert accuracy(text) > 95
    assert re.search(r"'the film was dull, day 3': bad \([\d.]+%\)\n'a lovely room': good", text)


def test_explaining(tmp_path: Path) -> None:
    text = printed("explain", tmp_path, tmp_path / "report.html")
    assert text.startswith("predicted X, with a logit of ")
    vote = re.search(r"strongest vote: ([\d.]+) x -?[\d.]+ at (pool1\[\d, \d, \d\])\n", text)
    assert vote
    assert f"\n{vote[2]} = {vote[1][:5]}" in text  # its arithmetic follows
    assert len(re.findall(r": row \d, column \d matters most", text)) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_every_example_is_tested_and_listed() -> None:
    tests = Path(__file__).parent
    text = (tests / "test_examples.py").read_text() + "".join(
        (tests / "toolkits" / name).read_text() for name in ("test_examples.py", "test_notebook.py")
    )
    readme = (EXAMPLES / "README.md").read_text()
    for file in EXAMPLES.iterdir():
        if file.name == "README.md" or file.is_dir():
            continue
        assert f'"{file.stem}"' in text or file.name in text, f"{file.name} is not tested"
        assert f"({file.name})" in readme, f"{file.name} is not listed"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_examples_are_short(file: Path) -> None:
    assert file.read_text().count("\n") <= 50
