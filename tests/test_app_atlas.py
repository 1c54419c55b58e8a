"""Atlases of the app: what they show, and that large photos are read once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.app import atlas
from piecewise.app.project import Project

SIDE = 32


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A class with a small grey picture and a large photo."""
    made = Project(tmp_path / "project")
    made.add_class("a")
    made.add_file("a", "train", "grey.png", png(np.full((8, 8), 90, np.uint8)))
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    made.add_file("a", "train", "photo.png", png(noise))
    yield made
    made.close()


def png(values: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    return content.getvalue()


def ids(project: Project) -> dict[str, str]:
    """The ids of the samples by the names of their files."""
    return {one.rpartition("-")[2]: one for one in project.samples("a", "train", 0, 10).ids}


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_atlas_of_grey_pictures_is_grey(project: Project) -> None:
    named = ids(project)
    thumbnails = atlas.Thumbnails(project)
    grey = opened(thumbnails.atlas([named["grey.png"]] * 21, SIDE))
    assert grey.mode == "L"
    assert grey.size == (20 * SIDE, 2 * SIDE)
    assert grey.getpixel((20 * SIDE - 1, SIDE - 1)) == 90
    assert grey.getpixel((SIDE - 1, SIDE + 1)) == 90
    both = opened(thumbnails.atlas([named["grey.png"], named["photo.png"]], SIDE))
    assert both.mode == "RGB"
    assert both.getpixel((SIDE - 1, 0)) == (90, 90, 90)


def test_large_photo_is_read_once_until_it_changes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    picture = atlas._picture

    def counted(path: Path, side: int) -> Image.Image:
        read.append(path)
        return picture(path, side)

    monkeypatch.setattr(atlas, "_picture", counted)
    photo, thumbnails = ids(project)["photo.png"], atlas.Thumbnails(project)
    first = thumbnails.atlas([photo], SIDE)
    assert thumbnails.atlas([photo], SIDE) == first
    assert len(read) == 1
    thumbnails.atlas([photo], 2 * SIDE)
    assert len(read) == 2
    path = project.path(photo)
    path.write_bytes(path.read_bytes() + b"\0")
    assert thumbnails.atlas([photo], SIDE) == first
    assert len(read) == 3


def test_few_photos_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "MAX_KEPT", 2)
    photo, thumbnails = ids(project)["photo.png"], atlas.Thumbnails(project)
    for side in (8, 16, 24, 32):
        thumbnails.atlas([photo], side)
    assert [key[3] for key in thumbnails._kept] == [24, 32]
    thumbnails.atlas([photo], atlas.KEPT_SIDE + 1)
    assert [key[3] for key in thumbnails._kept] == [24, 32]
