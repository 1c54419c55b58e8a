"""Graphs that read tokens: from the input to the first embedding."""

from __future__ import annotations

import numpy as np

from ...core.errors import ModelFileError, shown
from ...spec.layer_base import Shape
from ..input_scale import InputLevels
from .axes import Axes
from .constants import Constants, refused
from .model_proto import NodeProto
from .path import Path
from .walker import Walker

INTEGERS = {6, 7, 12, 13}
"""Element types of tokens."""
_OF_EACH_TOKEN = {"Add", "Sub", "Mul", "Cast", "Less", "Not", "Where", "Identity"}


def reads_tokens(path: Path) -> bool:
    """Whether the input of a path is tokens: whole numbers, or numbers that select rows."""
    first = next((one for one in path.nodes if one.operator not in ("Cast", "Identity")), None)
    selects = first is not None and first.operator == "Gather"
    return path.input.type in INTEGERS or selects


def token_walker(
    path: Path, constants: Constants, wanted: Shape | None, levels: InputLevels | None = None
) -> Walker:
    """A walker from tokens (N, positions); the first layer is an embedding."""
    dims = path.input.dims or []
    positions = dims[1] if len(dims) == 2 else 0
    if positions is None and wanted is not None:
        positions = wanted.width
    if not positions:
        raise ModelFileError(
            f"its input {shown(path.input.name)} has integers of the shape {shown(dims)}, "
            "wanted tokens (N, positions); give the positions with `input`, as in 1x1x20"
        )
    axes = Axes.of("W", {"C": 1, "H": 1, "W": positions})
    at = next((at for at, one in enumerate(path.nodes) if _is_embedding(one, constants)), None)
    if at is None:
        raise ModelFileError("its input holds integers, and no embedding (Gather) reads them")
    if at:
        _map_tokens(path, constants, at)
    return Walker(path, constants, Shape(1, 2, positions), axes, levels)


def _is_embedding(node: NodeProto, constants: Constants) -> bool:
    return node.operator == "Gather" and len(node.inputs) == 2 and node.inputs[0] in constants


def _map_tokens(path: Path, constants: Constants, at: int) -> None:
    """Move what a graph computes from each token, such as negative numbers that count from the end,
    into the table: the row of every token is looked up once."""
    embedding, before = path.nodes[at], path.nodes[:at]
    table = constants[embedding.inputs[0]]
    rows = Constants({})
    rows[path.input.name] = np.arange(len(table))
    for node in before:
        for name in node.inputs:
            if name in constants and constants[name].size == 1:
                rows[name] = constants[name].reshape(())
        known = all(name in rows for name in node.inputs)
        if node.operator not in _OF_EACH_TOKEN or not known:
            raise refused(node, "it comes before the embedding and is not of each token alone")
        rows.evaluate(node)
    found = rows[embedding.inputs[1]] if embedding.inputs[1] in rows else table[:0]
    if found.shape != (len(table),) or found.min() < 0 or found.max() >= len(table):
        raise refused(embedding, "it reads other rows than those of the tokens")
    if (found != np.arange(len(table))).any():
        constants[embedding.inputs[0]] = table[found.astype(np.int64)]
    path.start_at(at)
