"""Import a network from a file of another toolkit."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import ModelFileError, PiecewiseError, reason
from ..data.file_bytes import open_regular_file
from ..storage.model_file import SavedModel
from ..storage.pickles import check_no_pickle
from .registry import Importer, ImportOptions, importers

_START = 64
"""Bytes by which a format is recognized."""


def import_model(path: str | os.PathLike[str], options: ImportOptions) -> SavedModel:
    """The network of a file of another toolkit.

    Raises ModelFileError, naming the file, if it cannot be read, is of no known format, or has a
    layer that piecewise cannot express. No other file is opened than this one and that of
    ``options.architecture`` or, beside a .caffemodel, the .prototxt of its name or deploy.prototxt.
    """
    file = Path(path)
    try:
        return _importer(file).read(file, options)
    except (OSError, PiecewiseError, ValueError, RecursionError, OverflowError) as error:
        raise ModelFileError(f"{file}: {reason(error)}") from None


def _importer(path: Path) -> Importer:
    """The importer that recognizes a file."""
    with open_regular_file(path) as file:
        start = file.read(_START)
    for importer in importers():
        if importer.recognizes(path, start):
            return importer
    check_no_pickle(path)
    known = ", ".join(importer.TITLE for importer in importers())
    raise ModelFileError(f"of no known format, wanted one of: {known}")
