"""Seats of a class for tests: archives of drawings, as the app saves them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from piecewise.app.examples import letters


def archive(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of files by their paths."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def letter_seat(path: Path, seed: int, each: int = 5, tests: int = 0) -> Path:
    """The archive of a seat with generated letters; so many of each class are for the test."""
    drawn = {label: [one.content for one in uploads] for label, uploads in letters(each, seed)}
    return archive(path, {
        f"{'test' if at < tests else 'train'}/{label}/{at:04}.png": content
        for label, contents in drawn.items() for at, content in enumerate(contents)
    })  # fmt: skip
