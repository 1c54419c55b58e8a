"""Import from Torch7: an nn.Sequential in a binary .t7 file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core.constraints import MAX_CLASSES, MAX_LAYERS, MAX_PARAMETERS
from ...core.errors import ModelFileError, shown
from ...storage.model_file import SavedModel
from ..chain import ChainBuilder
from ..checked_layers import WANTED_INPUT
from ..formats import t7
from ..formats.mapped import mapped
from ..formats.t7 import TorchModule
from ..own_layers import refuse_levels, with_metadata
from ..registry import ImportOptions
from .exporter import CLASSES_FIELD, INPUT_FIELD, METADATA_FIELD
from .modules import ModuleReader, listed

TITLE = "Torch7"
FILES_OF_LAYERS: tuple[str, ...] = ()
MAX_FILE_BYTES = (64 << 20) + 4 * 8 * MAX_PARAMETERS
"""Doubles, with gradients and what modules computed last."""
_MAX_NESTED = 2 * MAX_LAYERS  # modules, before the chain counts layers
_START = b"\x03\0\0\0V 1"  # the version of the first object, after its type and number


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is one of Torch7, by its first bytes or its suffix."""
    return start[8:15] == _START or path.suffix.lower() in (".t7", ".th7")


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a .t7 file with an nn.Sequential, or with a table that has one.

    Raises
    ------
    ValueError
        If it cannot be read, or has modules that piecewise does not have.
    """
    content = mapped(path, "Torch7 file", MAX_FILE_BYTES)
    if bytes(content[:2]).strip().isdigit():
        raise ModelFileError("a Torch7 file in ASCII; save it again with torch.save(path, net)")
    root = _sequential(t7.parse(content))
    modules = list(_flattened(root, ""))
    if not modules:
        raise ModelFileError("its nn.Sequential has no modules")
    metadata = root.fields.get(METADATA_FIELD)
    if isinstance(metadata, str):
        refuse_levels(options.levels)
    chain = ChainBuilder(options.input or _input(root, modules[0][1]), levels=options.levels)
    reader = ModuleReader(chain)
    for where, module in modules:
        reader.add(module, where)
    reader.finish()
    model = chain.finish(_classes(root), source=TITLE)
    return with_metadata(model, metadata) if isinstance(metadata, str) else model


def _sequential(root: Any) -> TorchModule:
    """The network among what a file holds."""
    if isinstance(root, dict):
        nets = [one for one in root.values() if isinstance(one, TorchModule)]
        if len(nets) != 1:
            raise ModelFileError(f"a table with {len(nets)} networks, wanted one")
        root = nets[0]
    if not isinstance(root, TorchModule):
        raise ModelFileError(f"it holds {shown(root)}, wanted an nn.Sequential")
    if root.kind != "Sequential":
        raise ModelFileError(f"it holds an nn.{root.kind}, wanted an nn.Sequential")
    return root


def _flattened(sequential: TorchModule, prefix: str) -> Iterator[tuple[str, TorchModule]]:
    """The modules in order, those of an nn.Sequential inside included, and where each one is."""
    # A stack, because a file may nest modules deeply, and repeat them.
    stack = [(prefix, sequential)]
    count = 0
    while stack:
        where, module = stack.pop()
        count += 1
        if count > _MAX_NESTED:
            raise ModelFileError(f"more than {_MAX_NESTED:,} modules")
        if module.kind != "Sequential":
            yield where, module
            continue
        name = where or "net"
        try:
            inner = listed(module.fields.get("modules"))
        except ValueError as error:
            raise ModelFileError(f"{name}: its modules: {error}") from None
        for number in range(len(inner), 0, -1):
            one = inner[number - 1]
            place = f"{where.split(' ')[0]}.{number}".lstrip(".")
            if not isinstance(one, TorchModule):
                raise ModelFileError(f"{name}: module {number}: got {shown(one)}, wanted a module")
            stack.append((f"{place} (nn.{one.kind})", one))


def _input(root: TorchModule, first: TorchModule) -> tuple[int, int, int]:
    """The input shape: that which the exporter wrote, or that of a reshape at the beginning."""
    dims: list[int] = []
    stated = root.fields.get(INPUT_FIELD)
    size = first.fields.get("size")
    if isinstance(stated, dict):
        dims = [int(one) for one in listed(stated) if isinstance(one, float) and one.is_integer()]
    elif first.kind in ("Reshape", "View") and isinstance(size, np.ndarray) and size.size <= 4:
        dims = [int(one) for one in size.reshape(-1)[-3:]]
    if len(dims) != 3 or min(dims) < 1:
        raise ModelFileError(f"it does not state the shape of its input; {WANTED_INPUT}")
    return dims[0], dims[1], dims[2]


def _classes(root: TorchModule) -> tuple[str, ...] | None:
    """The names of the classes that the exporter wrote."""
    stated = root.fields.get(CLASSES_FIELD)
    if not isinstance(stated, dict) or len(stated) > MAX_CLASSES:
        return None
    names = tuple(one for one in listed(stated) if isinstance(one, str))
    return names if len(names) == len(stated) else None
