"""Edits of layers by columns, each checked on the inputs of a project before it is made.

A column of the page is a block: a convolution, an embedding or a fully connected layer, and the
layers without weights of their own that follow it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..core.errors import DataError, LimitError, NotationError, reason
from ..spec.architecture import Architecture
from ..spec.layer_base import Layer, Shape, layer_fields
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..spec.notation import parse, write

_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_SIDES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11)
VALUES: dict[str, tuple[Any, ...]] = {
    "features": _COUNTS,
    "neurons": _COUNTS,
    "channels": _COUNTS,
    "kernel": _SIDES,
    "window": (2, 3, 4, 5, "all"),
    "rate": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
}
"""The values of each knob of a column that are offered."""
_HEADS = Convolution, Full, Embed
_FOLLOWERS: dict[str, Layer] = {
    "norm": Norm(), "relu": Relu(), "pool": Pool((2, 2)), "dropout": Dropout(0.3)
}  # fmt: skip
"""The layers of a block after its first, in their order."""
Block = tuple[Layer, ...]


class Edit(NamedTuple):
    """An edit of a column: what it is, its value, the layers that it makes, what they cost; or why
    no net can have them."""

    edit: str
    value: str
    layers: str
    is_current: bool
    shape: list[int] | None
    parameters: int | None
    products: int | None
    message: str | None


def edits(layers: str, column: int, knob: str | None, shape: Shape, classes: int) -> list[Edit]:
    """The edits of a column of these layers; -1 is the input. With a knob, its values; without, the
    layers that can be added and removed, and the places to which the column can move. LimitError
    if the column has no such knob."""
    blocks = _blocks(parsed := parse(layers))
    if not -1 <= column < len(blocks):
        raise LimitError(f"column: got {column}, wanted one from -1 to {len(blocks) - 1}")
    is_row = shape.height == 1 or isinstance(parsed[0], Embed)  # texts
    made = _values(blocks, column, knob, is_row) if knob else _structures(blocks, column, is_row)
    return [
        _checked(name, value, new, layers, (shape, classes), column) for name, value, new in made
    ]


def _blocks(layers: Sequence[Layer]) -> list[Block]:
    blocks: list[Block] = []
    for layer in layers:
        begins = isinstance(layer, _HEADS) and not all(
            isinstance(one, Dropout) for one in (blocks or [()])[-1]
        )
        if begins or not blocks:
            blocks.append((layer,))
        else:
            blocks[-1] = (*blocks[-1], layer)
    return blocks


def _checked(
    name: str,
    value: str,
    blocks: Sequence[Block],
    old: str,
    inputs: tuple[Shape, int],
    column: int,
) -> Edit:
    """An edit with what its layers cost, or why no net can have them."""
    layers = write(layer for block in blocks for layer in block)
    is_current = parse(old) == parse(layers)
    try:
        net = Architecture(layers, *inputs)
    except (LimitError, NotationError, DataError) as error:
        return Edit(name, value, layers, is_current, None, None, None, reason(error))
    last = sum(len(block) for block in blocks[: max(0, column) + 1])
    products = sum(stage.multiplications for stage in net.stages)
    return Edit(name, value, layers, is_current, list(net.stages[last - 1].output),
                net.parameter_count, products, None)  # fmt: skip


Made = Iterator[tuple[str, str, list[Block]]]


def _values(blocks: list[Block], column: int, knob: str, is_row: bool) -> Made:
    """The values of a knob of a column."""
    block = blocks[max(0, column)]
    names = [{field.name for field in layer_fields(type(layer))} for layer in block]
    at = next((index for index, known in enumerate(names) if knob in known), None)
    if column < 0 or knob not in VALUES or at is None:
        raise LimitError(f"knob: this column has no {knob}")
    current = getattr(block[at], knob)
    for value in _with(VALUES[knob], current):
        sides = value
        if knob in ("kernel", "window") and isinstance(value, int):
            sides = (1 if is_row else value, value)
        new = (*block[:at], replace(block[at], **{knob: sides}), *block[at + 1 :])  # type: ignore[type-var]
        text = "\u00d7".join(map(str, sides)) if isinstance(sides, tuple) else str(sides)
        yield knob, text, [*blocks[:column], new, *blocks[column + 1 :]]


def _with(values: tuple[Any, ...], current: object) -> list[Any]:
    """The values with the current one among them."""
    if isinstance(current, tuple):
        current = current[0] if current[0] == current[1] or current[0] == 1 else current
        current = max(current) if isinstance(current, tuple) else current
    known = set(values) | ({current} if isinstance(current, int | float) else set())
    return sorted(one for one in known if not isinstance(one, str)) + [
        one for one in values if isinstance(one, str)
    ]


def _structures(blocks: list[Block], column: int, is_row: bool) -> Made:
    """The column removed, doubled and moved; its followers added and removed; others after it."""
    before, after = blocks[: column + 1], blocks[column + 1 :]
    if column >= 0:
        block = blocks[column]
        rest = blocks[:column]
        for name, layer in _FOLLOWERS.items():
            yield name, "", [*rest, _toggled(block, layer), *after]
        if column:
            yield "left", "", [*rest[:-1], block, rest[-1], *after]
        if after:
            yield "right", "", [*rest, after[0], block, *after[1:]]
        yield "duplicate", "", [*rest, block, block, *after]
        yield "remove", "", [*rest, *after]
    if after:
        kernel = (1, 3) if is_row else (3, 3)
        yield "conv", "", [*before, (Convolution(8, kernel), Relu()), *after]
        yield "full", "", [*before, (Full(32), Relu()), *after]


def _toggled(block: Block, layer: Layer) -> Block:
    """A block without its layers of a kind, or with one in its place."""
    kind = type(layer)
    others = tuple(one for one in block if not isinstance(one, kind))
    if len(others) < len(block):
        return others
    order = [type(one) for one in _FOLLOWERS.values()]
    rank = order.index(kind)
    at = next((index for index, one in enumerate(block)
               if type(one) in order and order.index(type(one)) > rank), len(block))  # fmt: skip
    return (*block[:at], layer, *block[at:])
