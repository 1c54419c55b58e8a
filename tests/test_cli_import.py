"""`piecewise import`: what it prints, and what it refuses in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save_file

import piecewise as pw
from piecewise.cli.main import status

from .onnx_graphs import Node, graph, random

NODES: list[Node] = [
    ("Conv", ["x", "w"], ["c"]), ("Relu", ["c"], ["r"]), ("GlobalMaxPool", ["r"], ["g"]),
    ("Flatten", ["g"], ["f"]), ("MatMul", ["f", "m"], ["y"]),
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> str:
    constants = {"w": random(4, 3, 3, 3), "m": random(4, 2)}
    path = tmp_path / "model.onnx"
    path.write_bytes(graph(NODES, constants, ("n", 3, 8, 8)).SerializeToString())
    return str(path)


def test_options_are_applied_and_the_assumption_is_printed(
    file: str, tmp_path: Path, capsys: Any
) -> None:
    net = str(tmp_path / "net.safetensors")
    assert status(["import", file, "-o", net, "--classes", "cat,dog"]) == 0
    printed = capsys.readouterr()
    assert "conv 4 3 bias=no, relu, pool all, full" in printed.out
    assert (
        "so they are -1 to 1; if the net was trained on others, import it again with --range"
        in (" ".join(printed.err.split()))
    )
    more = ["--range", "0,1", "--mean", "0.5,0.4,0.3", "--std", "0.2", "--channel-order", "bgr"]
    assert status(["import", file, "-o", net, "--force", "--json", *more]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["layers"] == "norm, conv 4 3 bias=no, relu, pool all, full"
    assert values["classes"] == ["0", "1"]
    assert pw.load(net).preprocessor.shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--classes", "a,b,c"], "--classes: got 3 names, and the net has 2 outputs"),
        (["--range", "0-1"], "--range: got '0-1', wanted numbers with commas between them"),
        (["--range", "1,0"], "--range: got [1.0, 0.0], wanted black below white, as in 0,1"),
        (["--mean", "1,2"], "--mean: got 2 numbers, wanted 1 or 3, one per channel"),
        (["--std", ""], "--std: got '', wanted numbers"),
        (["--layers", "full"], "--layers: got it for a file of the format ONNX"),
        (["--architecture", "a.prototxt"], "--architecture: got it for a file of the format ONNX"),
        (["--input", "3x9x9"], "model.onnx: its input is 3x8x8, and --input says 3x9x9"),
    ],
)
def test_option_that_does_not_fit_is_refused(
    options: list[str], words: str, file: str, tmp_path: Path, capsys: Any
) -> None:
    net = tmp_path / "net.safetensors"
    code = 2 if options[0] in ("--range", "--std") else 1  # wrong for any file
    assert status(["import", file, "-o", str(net), *options]) == code
    assert words in " ".join(capsys.readouterr().err.split())
    assert not net.exists()


def test_name_of_a_folder_and_a_link_to_none_are_refused(
    file: str, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nowhere" / "net.safetensors")
    for name, words in (
        ("folder/", "the name of a folder, wanted the name of a file"),
        ("link.safetensors", "whose folder does not exist"),
    ):
        assert status(["import", file, "-o", f"{tmp_path}/{name}"]) == 1
        assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "folder").exists()


def test_names_of_another_number_than_the_state_dict_has_are_refused(
    tmp_path: Path, capsys: Any
) -> None:
    path = str(tmp_path / "state.safetensors")
    save_file({"fc.weight": random(5, 12), "fc.bias": random(5)}, path)
    options = ["--input", "3x2x2", "--layers", "full", "-o", str(tmp_path / "net.safetensors")]
    assert status(["import", path, *options, "--classes", "a,b"]) == 1
    assert "--classes: got 2 names, and the net has 5 outputs" in capsys.readouterr().err
    assert status(["import", path, *options, "--classes", "a,b,c,d,e"]) == 0


def test_file_of_another_format_is_named(tmp_path: Path, capsys: Any) -> None:
    for name, words in (
        ("a.onnx", "no whole file of ONNX"), ("a.caffemodel", "no whole file of Caffe"),
        ("a.h5", "not an HDF5 file"), ("a.t7", "is it a binary Torch7 file?"),
        ("a.bin", "of no known format"),
    ):  # fmt: skip
        (tmp_path / name).write_text("hello hello hello")
        assert status(["import", str(tmp_path / name), "-o", str(tmp_path / "n.safetensors")]) == 1
        assert words in " ".join(capsys.readouterr().err.split())
