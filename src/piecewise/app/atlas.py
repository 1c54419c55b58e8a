"""Atlases: small pictures of many samples in one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from .project import Project

MAX_ATLAS = 200
"""Samples of one atlas."""
LEAST_SIDE, MAX_SIDE = 8, 256
ACROSS = 20
"""Squares in a row."""


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
    """A square picture of a sample; grey if it cannot be read."""
    path = project.path(sample)
    if project.kind != "pictures":
        return Image.new("RGB", (side, side), "lightgrey")
    try:
        with Image.open(path) as image:
            image.draft("RGB", (side, side))
            small = image.convert("RGB")
            small.thumbnail((side, side))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Image.new("RGB", (side, side), "grey")
    square = Image.new("RGB", (side, side), "white")
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square
