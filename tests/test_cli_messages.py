"""Messages of the command line: one line, its options by name, addresses whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from piecewise.cli.main import status

TABLE = "text,label\n" + "".join(f"word {number},{'ab'[number % 2]}\n" for number in range(20))


def error_of(capsys: Any, arguments: list[str], code: int) -> str:
    """The last line on standard error, which is the message."""
    assert status(arguments) == code
    printed = capsys.readouterr().err
    assert printed.endswith("\n")
    return str(printed.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "x"], "missing option '-o' / '--output'; see piecewise train --help"),
        (["predict"], "missing argument 'NET'; see piecewise predict --help"),
        (["trian"], "'trian' is not a command; did you mean 'train'?"),
        (["train", "x", "-o", "n", "--run-dir", ""],
         "--run-dir needs the name of a folder; see piecewise train --help"),
        (["train", "x", "-o", "n", "--epochs", "0"],
         "invalid value for '--epochs': got 0, wanted a whole number from 1 to 100,000; see "
         "piecewise train --help"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(capsys: Any, arguments: list[str], message: str) -> None:
    assert status(arguments) == 2
    assert capsys.readouterr().err == f"piecewise: {message}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resize", "pad"], "--resize applies to images only"),
        (["--image-size", "8"], "--image-size applies to images only"),
        (["--patience", "3"], ": --patience: got 3, but there is no validation split; wanted a "
         "validation split, or --folds 0 and --validation-fraction above 0"),
        (["--folds", "60"], ": --folds: got 60"),
        (["--groups", "zz"], ": --groups: got 'zz'"),
        (["--text-column", "zz"], ": --text-column: got 'zz', wanted one of the columns"),
        (["--encoding", "utf-16"], "; name its encoding with --encoding, or save it as UTF-8"),
        (["--augment", "rotation 5"], ": --augment: got one for texts"),
        (["--optimizer", "adamw", "--momentum", "0.5"], "or set --optimizer to sgd"),
    ],
)  # fmt: skip
def test_error_names_the_option(
    tmp_path: Path, capsys: Any, options: list[str], message: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    train = ["train", str(path), "-o", str(tmp_path / "n.safetensors")]
    assert message in error_of(capsys, [*train, *options], 1)


def test_text_length_of_a_net_of_ngrams_is_a_warning(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    train = ["train", str(path), "-o", str(tmp_path / "n.safetensors"), "--force", "--epochs", "1"]
    words = "warning: --text-length has no effect, because this net reads n-grams; for a net that"
    for options, is_warned in (
        (["--text-length", "5"], True),
        (["--text-length", "5", "--layers", "embed 2, pool all"], False),
        ([], False),
    ):
        assert status([*train, "--folds", "0", *options]) == 0
        assert (words in capsys.readouterr().err) == is_warned


@pytest.mark.parametrize("scheme", ["https", "s3"])
@pytest.mark.parametrize("suffix", ["", ".zip", ".csv", ".npz", ".png"])
def test_address_is_shown_whole(capsys: Any, scheme: str, suffix: str) -> None:
    address = f"{scheme}://example.org/a{suffix}"
    wanted = f"piecewise: {address}: addresses are not fetched; save the file first"
    for arguments in (["train", address, "-o", "n.safetensors"], ["inspect", address],
                      ["predict", address, "a.png"]):  # fmt: skip
        assert error_of(capsys, arguments, 1) == wanted


def test_address_of_an_input_is_shown_whole(tmp_path: Path, capsys: Any) -> None:
    path, net = tmp_path / "t.csv", str(tmp_path / "n.safetensors")
    path.write_text(TABLE)
    assert status(["train", str(path), "-o", net, "--layers", "embed 2, pool all", "--epochs",
                   "1", "--folds", "0"]) == 0  # fmt: skip
    for command in ("predict", "explain"):
        for suffix in ("txt", "csv", "zip"):
            address = f"https://example.org/a.{suffix}"
            wanted = f"piecewise: {address}: addresses are not fetched; save the file first"
            assert error_of(capsys, [command, net, address], 1) == wanted
