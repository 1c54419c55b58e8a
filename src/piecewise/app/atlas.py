"""Atlases: small pictures of many samples in one PNG."""

from __future__ import annotations

import io
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
_MOST_SHOWN = 300  # characters of a text


def atlas(project: Project, ids: Sequence[str], side: int) -> bytes:
    """A PNG with a square for each of the samples, in rows of 20, in their order."""
    across = min(ACROSS, len(ids))
    down = -(-len(ids) // across)
    sheet = Image.new("RGB", (across * side, down * side), "white")
    for number, sample in enumerate(ids):
        corner = number % across * side, number // across * side
        sheet.paste(_thumbnail(project, sample, side), corner)
    content = io.BytesIO()
    sheet.save(content, "PNG", compress_level=1)
    return content.getvalue()


def _thumbnail(project: Project, sample: str, side: int) -> Image.Image:
    """A square picture of a sample; grey if it cannot be read, or was moved meanwhile."""
    try:
        path = project.path(sample)
    except MissingError:
        return Image.new("RGB", (side, side), "grey")
    if project.kind == "sounds":
        return _waveform(path, side)
    if project.kind != "pictures":
        return Image.new("RGB", (side, side), "lightgrey")
    try:
        with Image.open(path) as image:
            image.draft("RGB", (side, side))
            small = image.convert("RGB")
            small.thumbnail((side, side))
            if (times := side // max(small.size)) > 1:  # few pixels are shown as squares
                large = times * small.width, times * small.height
                small = small.resize(large, Resampling.NEAREST)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Image.new("RGB", (side, side), "grey")
    square = Image.new("RGB", (side, side), "white")
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square


def _waveform(path: Path, side: int) -> Image.Image:
    """The loudness of a sound over time: black bars on white."""
    try:
        samples, _ = read_sound(path)
    except (DataError, OSError):
        return Image.new("RGB", (side, side), "grey")
    picture = np.full((side, side), 255, np.uint8)
    if len(samples):
        starts = np.arange(side) * len(samples) // side
        loudness = np.maximum.reduceat(np.abs(samples), starts)
        heights = np.rint(loudness / max(1e-6, float(loudness.max())) * 0.42 * side)
        rows = np.abs(np.arange(side) - side // 2)[:, None]
        picture[rows <= heights] = 40
    return Image.fromarray(picture).convert("RGB")


def beginning(project: Project, sample: str) -> str:
    """The first characters of a text, without line breaks; empty if it cannot be read, or was moved
    meanwhile."""
    try:
        return " ".join(read_text(project.path(sample))[:_MOST_SHOWN].split())
    except (DataError, OSError):
        return ""
