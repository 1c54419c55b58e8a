"""Export a network: the files of every format that can express it, and their passport."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError, LimitError, ModelFileError
from ..core.progress import OnProgress, Progress
from ..storage.model_file import SavedModel
from . import registry
from .export_folder import PAGE, PASSPORT, ExportFolder
from .exporter import Exporter, Files
from .passport.comparison import Comparison, compare
from .passport.generated import generated_samples
from .passport.page import passport_page
from .passport.record import Passport, sha256
from .readable import json_text
from .runner import Samples
from .source_code.sentences import wrapped

USAGE = "USAGE.md"
GENERATED = "generated: files of many kinds and sizes"
"""The source of samples that nobody gave."""


class ExportResult(NamedTuple):
    """What an export wrote."""

    folder: Path
    files: tuple[Path, ...]
    passport: Passport
    removed: tuple[str, ...] = ()
    """Formats of an earlier export into this folder that are not in this one."""


class ExportInterrupted(KeyboardInterrupt):
    """An interrupt while toolkits were compared: the export is complete, but its passport lacks
    some toolkits.

    Parameters
    ----------
    result : ExportResult
    """

    def __init__(self, result: ExportResult) -> None:
        super().__init__("interrupted; all files are written, but not all toolkits were compared")
        self.result = result


def export_model(
    model: SavedModel,
    folder: Path,
    to: Sequence[str] | None = None,
    samples: Samples | None = None,
    source: str = GENERATED,
    on_progress: OnProgress | None = None,
) -> ExportResult:
    """Write a network in the formats ``to`` (all that can express it, if None) into a folder, each
    in a folder of its own, and their passport. They replace those of an earlier export.

    Raises LimitError or ModelFileError if there is no such format or one of ``to`` cannot express
    the network; DataError if the folder has other files, or cannot be written. The folder is then
    as it was before. Raises ExportInterrupted if the comparison with toolkits is interrupted.
    """
    exporters, refused = _chosen(model, to)
    samples = generated_samples(model) if samples is None else samples
    passport = Passport(model, len(samples.inputs), source, refused=refused)
    interrupted = False
    try:
        with ExportFolder(folder) as place:
            comparison = Comparison(model, samples)
            if to is None:
                _leave_readme(model, exporters, refused, place)
            _write(model, exporters, passport, place, on_progress)
            try:
                compare(comparison, passport, exporters, registry.runners(), place.new, on_progress)
            except KeyboardInterrupt:
                interrupted = True
            result = _complete(passport, exporters, place)
    except OSError as error:
        raise DataError(f"{folder}: not written: {error.strerror}") from None
    if interrupted:
        raise ExportInterrupted(result)
    return result


def _write(
    model: SavedModel,
    exporters: dict[str, Exporter],
    passport: Passport,
    place: ExportFolder,
    on_progress: OnProgress | None,
) -> None:
    """Write the files of all formats; DataError if the user has a file in the place of one."""
    for done, exporter in enumerate(exporters.values()):
        if on_progress:
            on_progress(Progress("writing", done, len(exporters), note=exporter.title))
        files = files_of(exporter, model)
        _check_places(place, files)
        place.add(files)
        passport.add_files(exporter.name, files)


def _complete(
    passport: Passport, exporters: dict[str, Exporter], place: ExportFolder
) -> ExportResult:
    """Add the passport, and put everything in place of the earlier export."""
    page = passport_page(passport, exporters).encode()
    passport.page_sha256 = sha256(page)
    text = json_text(passport.to_json(), indent=1)
    files = [path for one in passport.files.values() for path in one]
    _check_places(place, [*files, PAGE])
    place.add({PAGE: page, PASSPORT: text.encode()})
    place.replace()
    written = tuple(place.path / path for path in [*files, PAGE, PASSPORT])
    removed = tuple(name for name in place.earlier if name and name not in passport.files)
    return ExportResult(place.path, written, passport, removed)


def _check_places(place: ExportFolder, paths: Iterable[str]) -> None:
    if (file := place.file_of_user(paths)) is not None:
        raise DataError(
            f"{file}: piecewise did not export this file, or it was changed since; move it "
            "elsewhere, or choose another folder"
        )


def _leave_readme(
    model: SavedModel, exporters: dict[str, Exporter], refused: dict[str, str], place: ExportFolder
) -> None:
    """Leave out a format without a folder if one of its files would replace one of the user."""
    for name, exporter in list(exporters.items()):
        file = None if exporter.folder else place.file_of_user(exporter.files(model))
        if file is not None:
            refused[name] = f"{file.name} is yours, or you changed it, so it stays as it is"
            del exporters[name]


def _chosen(
    model: SavedModel, to: Sequence[str] | None
) -> tuple[dict[str, Exporter], dict[str, str]]:
    """The exporters to use, by name, and why others refuse the network."""
    names = registry.exporter_names() if to is None else to
    exporters = {one.name: one for one in map(registry.exporter, names)}
    refused = {name: why for name, one in exporters.items() if (why := one.refusal(model))}
    if to is not None and refused:
        name, why = next(iter(refused.items()))
        raise ModelFileError(f"{exporters[name].title} cannot express this net: {why}")
    if not names:
        raise LimitError("to: got no format, wanted at least one")
    return {name: one for name, one in exporters.items() if name not in refused}, refused


def files_of(exporter: Exporter, model: SavedModel) -> Files:
    """The files of an exporter, with its usage, by their paths in the folder of an export."""
    files, usage = exporter.files(model), exporter.usage(model)
    if usage:
        files = {**files, USAGE: wrapped(usage).encode()}
    folder = exporter.folder
    return {f"{folder}/{name}" if folder else name: content for name, content in files.items()}
