"""Atlases: small pictures of many samples in one PNG."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from ..core.errors import DataError
from ..data.audio.decoding import read_sound
from ..data.text.decoding import read_text
from .failures import MissingError
from .project import Project

MAX_ATLAS = 200
"""Samples of one atlas."""
LEAST_SIDE, MAX_SIDE = 8, 256
ACROSS = 20
"""Squares in a row."""
LARGE = 64 << 10
"""Bytes of a file from which on its picture is kept: reading it takes long."""
MAX_KEPT, KEPT_SIDE = 4_000, 64
"""How many pictures are kept at most, and how large they are: 50 MB in all."""
_MOST_SHOWN = 300  # characters of a text


class Thumbnails:
    """Small pictures of the samples of a project. Those of large files are kept in memory."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int, int], Image.Image] = OrderedDict()

    def atlas(self, ids: Sequence[str], side: int) -> bytes:
        """A PNG with a square for each of the samples, in rows of 20, in their order. It is grey if
        all of them are, which a browser decodes sooner."""
        squares = [self._square(sample, side) for sample in ids]
        across = min(ACROSS, len(ids))
        down = -(-len(ids) // across)
        mode = "L" if all(square.mode == "L" for square in squares) else "RGB"
        sheet = Image.new(mode, (across * side, down * side), "white")
        for number, square in enumerate(squares):
            sheet.paste(square, (number % across * side, number // across * side))
        content = io.BytesIO()
        sheet.save(content, "PNG", compress_level=1)
        return content.getvalue()

    def _square(self, sample: str, side: int) -> Image.Image:
        """A square picture of a sample; grey if it cannot be read, or was moved meanwhile."""
        try:
            path = self._project.path(sample)
            status = path.stat()
        except (MissingError, OSError):
            return Image.new("L", (side, side), "grey")
        if self._project.kind == "sounds":
            return _waveform(path, side)
        if self._project.kind != "pictures":
            return Image.new("L", (side, side), "lightgrey")
        if status.st_size < LARGE or side > KEPT_SIDE:
            return _picture(path, side)
        key = (sample, status.st_mtime_ns, status.st_size, side)
        with self._lock:
            known = self._kept.get(key)
        square = known or _picture(path, side)
        with self._lock:
            self._kept[key] = square
            self._kept.move_to_end(key)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return square


def _picture(path: Path, side: int) -> Image.Image:
    """A picture in the middle of a white square; a grey one if it cannot be read."""
    try:
        with Image.open(path) as image:
            mode = "L" if image.mode in ("1", "L") else "RGB"
            image.draft(mode, (side, side))
            small = image.convert(mode)
            small.thumbnail((side, side))
            if (times := side // max(small.size)) > 1:  # few pixels are shown as squares
                large = times * small.width, times * small.height
                small = small.resize(large, Resampling.NEAREST)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Image.new("L", (side, side), "grey")
    square = Image.new(mode, (side, side), "white")
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square


def _waveform(path: Path, side: int) -> Image.Image:
    """The loudness of a sound over time: black bars on white."""
    try:
        samples, _ = read_sound(path)
    except (DataError, OSError):
        return Image.new("L", (side, side), "grey")
    picture = np.full((side, side), 255, np.uint8)
    if len(samples):
        starts = np.arange(side) * len(samples) // side
        loudness = np.maximum.reduceat(np.abs(samples), starts)
        heights = np.rint(loudness / max(1e-6, float(loudness.max())) * 0.42 * side)
        rows = np.abs(np.arange(side) - side // 2)[:, None]
        picture[rows <= heights] = 40
    return Image.fromarray(picture)


def beginning(project: Project, sample: str) -> str:
    """The first characters of a text, without line breaks; empty if it cannot be read, or was moved
    meanwhile."""
    try:
        return " ".join(read_text(project.path(sample))[:_MOST_SHOWN].split())
    except (DataError, OSError):
        return ""
