"""Import a network from a file of another toolkit."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.errors import ModelFileError, PiecewiseError, reason
from ..data.file_bytes import open_error, open_regular_file
from ..spec.architecture import Architecture
from ..storage.model_file import SavedModel
from ..storage.pickles import check_no_pickle
from .formats.protobuf import ProtobufError
from .input_scale import OptionError
from .own_layers import refuse_levels
from .registry import Importer, ImportOptions, importers

_START = 64
"""Bytes by which a format is recognized."""


def import_model(path: str | os.PathLike[str], options: ImportOptions) -> SavedModel:
    """The network of a file of another toolkit.

    Raises ModelFileError, naming the file, if it cannot be read, is of no known format, or has a
    layer that piecewise cannot express, and OptionError if an option does not fit the file. No
    other file is opened than this one and that of ``options.architecture`` or, beside a
    .caffemodel, the .prototxt of its name or deploy.prototxt.
    """
    file = Path(path)
    try:
        importer = _importer(file)
        _check_layers(importer, options)
        with np.errstate(all="ignore"):  # numbers that are not finite are refused by name
            model = importer.read(file, options)
    except OptionError:
        raise
    except ProtobufError as error:
        title = importer.TITLE
        raise ModelFileError(f"{file}: no whole file of {title}: {reason(error)}") from None
    except (OSError, PiecewiseError, ValueError, RecursionError, OverflowError) as error:
        raise ModelFileError(f"{file}: {reason(error)}") from None
    _check_input(model, options)
    return model if options.classes is None else _with_classes(model, options.classes)


def _importer(path: Path) -> Importer:
    """The importer that recognizes a file."""
    try:
        with open_regular_file(path, "file of another toolkit") as file:
            start = file.read(_START)
    except (OSError, ValueError) as error:
        raise open_error(error, "file of another toolkit", path) from None
    for importer in importers():
        if importer.recognizes(path, start):
            return importer
    check_no_pickle(path)
    known = ", ".join(importer.TITLE for importer in importers())
    raise ModelFileError(f"of no known format, wanted one of: {known}")


def _check_layers(importer: Importer, options: ImportOptions) -> None:
    """Refuse layers for a file that has its own."""
    for name in ("layers", "architecture"):
        if getattr(options, name) is not None and name not in importer.FILES_OF_LAYERS:
            raise OptionError(
                f"{name}: got it for a file of the format {importer.TITLE}, which has its own "
                "layers; leave the option out"
            )


def _check_input(model: SavedModel, options: ImportOptions) -> None:
    """Refuse what the file says otherwise. The vocabulary of a text may be left out."""
    own, given = model.architecture.input, options.input
    allowed = [own, (1, 1, own.width)] if model.architecture.reads_texts else [own]
    if given is not None and given not in allowed:
        raise OptionError(f"input: got {'x'.join(map(str, given))}, and the file says {own}")
    if "imported" not in model.training_summary:
        refuse_levels(options.levels)
        if options.layers is not None:
            raise OptionError("layers: piecewise wrote this file, which has its own layers; leave "
                              "the option out")  # fmt: skip


def _with_classes(model: SavedModel, classes: tuple[str, ...]) -> SavedModel:
    """The model with other names of its classes."""
    own = model.architecture
    if len(classes) != len(own.classes):
        raise OptionError(
            f"classes: got {len(classes):,} names, and the net has {len(own.classes):,} outputs"
        )
    architecture = Architecture(own.layers, own.input, classes)
    return replace(model, architecture=architecture)
