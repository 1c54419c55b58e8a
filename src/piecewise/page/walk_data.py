"""A walk as a page holds it: every number that the engine computed, and which cells make which.

A page computes no layer. It gets the stacks, the arrays, and for each layer a table of where its
windows stand, so that it can look up what a number is made of.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Float32
from ..core.windows import Windows
from ..network import Network
from ..spec.architecture import Stage
from ..spec.layer import Connectivity, Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..spec.notation import write_layer
from ..trace.arithmetic import Position
from ..trace.walk import Walk

_MANTISSAS = (24, 16, 12, 8)
"""Bits of a number that are kept: all of them while there is room."""
_LAST = ("stack input", "mattered ")
"""Arrays that are left out when all others are."""


class Packed(NamedTuple):
    """Arrays in one text; ``bits`` of each number are kept; ``left_out``: arrays there was no room
    for."""

    text: str
    shapes: dict[str, list[int]]
    bits: int
    left_out: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values: by name the shape of each array, in the order in which they lie."""
        return self._asdict()


def packed(arrays: Mapping[str, Float32], most: int) -> Packed:
    """Arrays as text of at most so many characters: whole if there is room, else fewer bits of each
    number, else without the largest of them; the input and what mattered go last."""
    kept = dict(arrays)
    left_out: list[str] = []
    while kept:
        for bits in _MANTISSAS:
            if _might_fit(kept, bits, most) and len(text := _text(kept, bits)) <= most:
                shapes = {name: list(array.shape) for name, array in kept.items()}
                return Packed(text, shapes, bits, left_out)
        largest = max(kept, key=lambda name: (not name.startswith(_LAST), kept[name].size))
        left_out.append(largest)
        del kept[largest]
    return Packed(_text({"": np.zeros(0, np.float32)}, 24), {}, 24, left_out)


def _might_fit(arrays: Mapping[str, Float32], bits: int, most: int) -> bool:
    """Whether it is worth trying: numbers but zeros are rarely packed to less than half of their
    bits, and a character of text holds six."""
    numbers = sum(int(np.count_nonzero(array)) for array in arrays.values())
    return numbers * bits / 6 / 2 <= most


def _text(arrays: Mapping[str, Float32], bits: int) -> str:
    """All numbers, little-endian, first bytes first: like stands beside like, which packs well."""
    flat = np.concatenate([array.ravel() for array in arrays.values()]).astype("<f4")
    if bits < 24:
        flat = _shortened(flat, bits)
    planes = flat.view(np.uint8).reshape(-1, 4).T
    return b64encode(gzip.compress(np.ascontiguousarray(planes).tobytes(), 6, mtime=0)).decode()


def _shortened(flat: Float32, bits: int) -> Float32:
    """Numbers rounded to so many bits of their mantissa; those kept are exact in float32."""
    mantissa, exponent = np.frexp(flat.astype(np.float64))
    shortened: Float32 = np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits).astype("<f4")
    return shortened


def arrays_of(net: Network, walk: Walk) -> dict[str, Float32]:
    """By name: every stack ("stack conv1"), the input's first, and every array of the net; of a
    table of words only the rows that are looked up."""
    stacks = {f"stack {name}": np.asarray(stack, np.float32) for name, stack in walk.items()}
    arrays = dict(net.parameters)
    for stage in net.architecture.stages:
        if stage.layer.reads_tokens:
            name = f"{stage.name}.weight"
            arrays[name] = np.ascontiguousarray(arrays[name][np.unique(walk["input"])])
    return {**stacks, **arrays}


def layers_of(net: Network, walk: Walk) -> list[dict[str, Any]]:
    """What a page knows of each layer, the input first."""
    input_shape = list(net.input if net.architecture.reads_texts else walk["input"].shape)
    first = {"name": "input", "word": "input", "notation": "", "shape": input_shape}
    layers, before = [first], "input"
    for stage in net.architecture.stages:
        layers.append(
            {
                "name": stage.name,
                "word": stage.layer.word,
                "notation": write_layer(stage.layer),
                "before": before,
                "input": list(stage.input),
                "shape": list(stage.output),
                **_windows(stage),
                **PAGE_DATA[type(stage.layer)](stage.layer, stage, walk),
            }
        )
        before = stage.name
    return layers


def _convolution(layer: Convolution, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {
        "kernel": list(layer.kernel),
        "bias": layer.bias,
        "count": layer.divisor(stage.input),
    }


def _pool(layer: Pool, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {"kind": layer.kind}


def _norm(layer: Norm, stage: Stage, walk: Walk) -> dict[str, Any]:
    """Its terms are worked out where they are defined."""
    whys = [walk.why(*Position(stage.name, one, 0, 0)) for one in range(stage.output.channels)]
    return {"terms": [[term.weight for term in why.terms] for why in whys]}


def _embed(layer: Embed, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {"words": np.unique(walk["input"]).tolist()}


def _nothing(layer: Layer, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {}


PAGE_DATA: dict[type[Layer], Callable[[Any, Stage, Walk], dict[str, Any]]] = {
    Convolution: _convolution,
    Relu: _nothing,
    Pool: _pool,
    Full: _nothing,
    Dropout: _nothing,
    Norm: _norm,
    Embed: _embed,
}
"""What the view of each kind of layer reads besides the data that all layers have."""


def _windows(stage: Stage) -> dict[str, list[list[int]]]:
    """Of a windowed layer, for each window along both axes: the first cell it covers, how many,
    and which cell of the window the first one is."""
    if stage.layer.connectivity is not Connectivity.WINDOWED:
        return {}
    rows, columns = stage.layer.windows(stage.input)
    return {"rows": _table(rows), "columns": _table(columns)}


def _table(windows: Windows) -> list[list[int]]:
    found = []
    for index in range(windows.count):
        cells = windows.cells(index)
        offset = cells.start - (index * windows.stride - windows.before)
        found.append([cells.start, len(cells), offset])
    return found
