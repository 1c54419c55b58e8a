"""Export a network: the files of every format that can express it, and their passport."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.atomic_write import write_atomically
from ..core.errors import DataError, LimitError, ModelFileError
from ..core.progress import OnProgress, Progress
from ..storage.model_file import SavedModel
from . import registry
from .exporter import Exporter, Files
from .passport.comparison import Comparison, compare
from .passport.page import passport_page
from .passport.record import Passport
from .passport.samples import generated_samples
from .runner import Samples

PASSPORT, PAGE, USAGE = "passport.json", "passport.html", "USAGE.md"
GENERATED = "generated noise"
"""The source of samples that nobody gave."""


class ExportResult(NamedTuple):
    """What an export wrote."""

    folder: Path
    files: tuple[Path, ...]
    passport: Passport


def export_model(
    model: SavedModel,
    folder: Path,
    to: Sequence[str] | None = None,
    samples: Samples | None = None,
    source: str = GENERATED,
    on_progress: OnProgress | None = None,
) -> ExportResult:
    """Write a network in the formats ``to`` (all that can express it, if None) into a folder, each
    in a folder of its own, and then their passport.

    Raises LimitError or ModelFileError, before anything is written, if there is no such format or
    one of ``to`` cannot express the network; DataError if the folder has other files, or cannot be
    written.
    """
    exporters, refused = _chosen(model, to)
    _check_folder(folder)
    samples = generated_samples(model) if samples is None else samples
    comparison = Comparison(model, samples)
    passport = Passport(model, len(samples.inputs), source, refused=refused)
    written: list[Path] = []
    try:
        folder.mkdir(exist_ok=True)
        (folder / PASSPORT).unlink(missing_ok=True)  # it is there only when all files are
        for done, exporter in enumerate(exporters.values()):
            if on_progress:
                on_progress(Progress("writing", done, len(exporters), note=exporter.title))
            files = _files(exporter, model)
            passport.add_files(exporter.name, files)
            written += _write(folder / exporter.folder, files)
        compare(comparison, passport, exporters, registry.runners(), folder, on_progress)
        text = json.dumps(passport.to_json(), indent=1, ensure_ascii=False)
        pages = {PAGE: passport_page(passport, exporters).encode(), PASSPORT: text.encode()}
        written += _write(folder, pages)
    except OSError as error:
        raise DataError(f"{folder}: not written: {error.strerror}") from None
    return ExportResult(folder, tuple(written), passport)


def _chosen(
    model: SavedModel, to: Sequence[str] | None
) -> tuple[dict[str, Exporter], dict[str, str]]:
    """The exporters to use, by name, and why others refuse the network."""
    names = registry.exporter_names() if to is None else tuple(dict.fromkeys(to))
    exporters = {name: registry.exporter(name) for name in names}
    refused = {name: why for name, one in exporters.items() if (why := one.refusal(model))}
    if to is not None and refused:
        name, why = next(iter(refused.items()))
        raise ModelFileError(f"{exporters[name].title} cannot express this net: {why}")
    if not names:
        raise LimitError("to: got no format, wanted at least one")
    return {name: one for name, one in exporters.items() if name not in refused}, refused


def _files(exporter: Exporter, model: SavedModel) -> Files:
    """The files of an exporter, with its usage."""
    files, usage = exporter.files(model), exporter.usage(model)
    return {**files, USAGE: usage.encode()} if usage else files


def _check_folder(folder: Path) -> None:
    """Refuse a folder with files of others: an earlier export has a passport."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: a file, wanted the name of a folder")
    if not folder.parent.is_dir():
        raise DataError(f"{folder}: there is no folder {folder.parent}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / PAGE).is_file():
        raise DataError(
            f"{folder}: the folder has files that piecewise did not export; choose a new folder"
        )


def _write(folder: Path, files: Files) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]
