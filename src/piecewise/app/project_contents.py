"""What is in a project of the app: a folder of data, and what the app keeps about it in .piecewise.

The folder is what `piecewise train` reads: train/CLASS/FILE and test/CLASS/FILE. Everything else
lies in .piecewise, which readers skip.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..core.errors import shown
from ..data.modalities import MODALITY_OF_SUFFIX
from ..data.preprocessing import Preprocessor
from .failures import MissingError
from .listing import PARTS, Listing, ProjectClass, SamplePage
from .project_files import OWN, pinned_preprocessor, read_json
from .strokes import Drawing, from_png

NAMES = "classes.json"


class ProjectContents:
    """The name, the classes, the samples and the settings of a project folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self._values = read_json(folder / OWN / "project.json")
        self._names = {str(key): str(name) for key, name in read_json(folder / NAMES).items()}
        self._listing = Listing(folder)
        self.version = 0
        """One more after every change of samples, classes or settings."""

    @property
    def name(self) -> str:
        """The name of the project: what a person called it, or its folder."""
        return str(self._values.get("name") or self.root.resolve().name)

    @property
    def kind(self) -> str:
        """The modality of the samples; pictures as long as there are none."""
        return self.fixed_kind or "pictures"

    @property
    def fixed_kind(self) -> str | None:
        """The modality of the samples; None as long as there are none."""
        first = self._listing.first_id()
        return first and MODALITY_OF_SUFFIX["." + first.rsplit(".", 1)[1].lower()]

    def classes(self) -> list[ProjectClass]:
        """All classes, in the order that a person gave them."""
        folders = self._listing.folders
        known = [folder for folder in self._order if folder in folders]
        known += [folder for folder in folders if folder not in known]
        count = self._listing.count
        return [ProjectClass(folder, self._names.get(folder, folder), count("train", folder),
                             count("test", folder), self._listing.revision(folder))
                for folder in known]  # fmt: skip

    def samples(self, folder: str, part: str, start: int = 0, count: int = 200) -> SamplePage:
        """Samples of a class in a part, the newest first."""
        ids = self._listing.ids(part, self._known(folder))[::-1]
        return SamplePage(len(ids), ids[start : start + count])

    def ids(self, part: str, folder: str) -> list[str]:
        """The ids of all samples of a class in a part."""
        return self._listing.ids(part, self._known(folder))

    def content(self, sample_id: str) -> bytes:
        """The bytes of a sample's file."""
        return self._listing.path(sample_id).read_bytes()

    def path(self, sample_id: str) -> Path:
        """The file of a sample."""
        return self._listing.path(sample_id)

    def drawing(self, sample_id: str) -> Drawing | None:
        """The strokes of a sample that was drawn; None for other samples."""
        return from_png(self.content(sample_id))

    def labelled(self, part: str) -> tuple[list[str], list[int]]:
        """The ids of all samples of a part, and the number of the class of each."""
        ids: list[str] = []
        labels: list[int] = []
        for number, one in enumerate(self.classes()):
            found = self._listing.ids(part, one.folder)
            ids += found
            labels += [number] * len(found)
        return ids, labels

    def data_sha256(self) -> str:
        """A hash of the classes, the names of the samples and the sizes of their files."""
        digest = hashlib.sha256()
        for one in self.classes():
            digest.update(json.dumps([one.folder, one.name]).encode())
            for part in PARTS:
                for sample_id, size in self._listing.sizes(part, one.folder):
                    digest.update(f"{sample_id} {size}\n".encode())
        return digest.hexdigest()

    @property
    def preprocessor(self) -> Preprocessor | None:
        """The preprocessor that the first training pinned; None before."""
        value = self._values.get("preprocessor")
        return None if value is None else pinned_preprocessor(value)

    @property
    def has_imported_preprocessor(self) -> bool:
        """Whether the pinned preprocessor is that of an imported net."""
        value = self._values.get("preprocessor")
        return isinstance(value, dict) and value.get("imported") is True

    @property
    def settings(self) -> dict[str, Any]:
        """The knobs that a person turned: layers, recipe and others."""
        value = self._values.get("settings")
        return dict(value) if isinstance(value, dict) else {}

    @property
    def _order(self) -> list[str]:
        """The order of the class folders that a person gave."""
        value = self._values.get("order")
        return list(dict.fromkeys(map(str, value))) if isinstance(value, list) else []

    def _known(self, folder: str) -> str:
        if folder not in self._listing.folders:
            raise MissingError(f"class: there is none of the folder {shown(folder)}")
        return folder
