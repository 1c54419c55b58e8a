"""Data of a walk for a page: all activations and parameters, packed, and the windows of each layer.

A page computes no layer. It looks up the terms of a number in these arrays, with a table of the
windows of each layer.
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
from ..spec.layer_base import Connectivity, Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..spec.notation import write_layer
from ..trace.arithmetic import Position
from ..trace.walk import Walk

_MANTISSAS = (24, 16, 12, 8)
"""Bits of the mantissas that may be kept, the most precise first."""
_IMPORTANT = ("activation input", "attribution ")
"""Arrays that are left out only after all others."""


class PackedArrays(NamedTuple):
    """Arrays in one base64 text; ``bits``: of mantissas; ``left_out``: arrays that did not fit."""

    text: str
    shapes: dict[str, list[int]]
    bits: int
    left_out: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the shapes are in the order of the arrays."""
        return self._asdict()


def pack_arrays(arrays: Mapping[str, Float32], max_length: int) -> PackedArrays:
    """Pack arrays into a text of at most ``max_length`` characters.

    If they do not fit, mantissas are rounded to fewer bits; if that is not enough, the largest
    arrays are left out, the input and the attributions last.
    """
    packed = dict(arrays)
    left_out: list[str] = []
    while packed:
        for bits in _MANTISSAS:
            if (
                _might_fit(packed, bits, max_length)
                and len(text := _text(packed, bits)) <= max_length
            ):
                shapes = {name: list(array.shape) for name, array in packed.items()}
                return PackedArrays(text, shapes, bits, left_out)
        largest = max(packed, key=lambda name: (not name.startswith(_IMPORTANT), packed[name].size))
        left_out.append(largest)
        del packed[largest]
    return PackedArrays(_text({"": np.zeros(0, np.float32)}, 24), {}, 24, left_out)


def _might_fit(arrays: Mapping[str, Float32], bits: int, max_length: int) -> bool:
    """Whether packing is worth trying: gzip rarely halves the bits of numbers other than zero, and
    a character of base64 holds six bits."""
    nonzero = sum(int(np.count_nonzero(array)) for array in arrays.values())
    return nonzero * bits / 6 / 2 <= max_length


def _text(arrays: Mapping[str, Float32], bits: int) -> str:
    """All numbers as little-endian float32, first all first bytes, then all second bytes, and so
    on: similar bytes next to each other compress well."""
    flat = np.concatenate([array.ravel() for array in arrays.values()]).astype("<f4")
    if bits < 24:
        flat = _rounded(flat, bits)
    planes = flat.view(np.uint8).reshape(-1, 4).T
    return b64encode(gzip.compress(np.ascontiguousarray(planes).tobytes(), 6, mtime=0)).decode()


def _rounded(flat: Float32, bits: int) -> Float32:
    """Round the mantissas to ``bits`` bits."""
    mantissa, exponent = np.frexp(flat.astype(np.float64))
    rounded: Float32 = np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits).astype("<f4")
    return rounded


def arrays_of(net: Network, walk: Walk) -> dict[str, Float32]:
    """All activations ("activation conv1"), the input first, and all parameters by name; of an
    embedding only the rows of the words in the input."""
    activations = {
        f"activation {name}": np.asarray(values, np.float32) for name, values in walk.items()
    }
    arrays = dict(net.parameters)
    for stage in net.architecture.stages:
        if stage.layer.reads_tokens:
            name = f"{stage.name}.weight"
            arrays[name] = np.ascontiguousarray(arrays[name][np.unique(walk["input"])])
    return {**activations, **arrays}


def layers_of(net: Network, walk: Walk) -> list[dict[str, Any]]:
    """The description of each layer, the input first."""
    input_shape = list(net.input if net.architecture.reads_texts else walk["input"].shape)
    first: dict[str, Any] = {"name": "input", "word": "input", "notation": "", "shape": input_shape}
    layers, input_layer = [first], "input"
    for stage in net.architecture.stages:
        layers.append(
            {
                "name": stage.name,
                "word": stage.layer.word,
                "notation": write_layer(stage.layer),
                "input_layer": input_layer,
                "input_shape": list(stage.input),
                "shape": list(stage.output),
                "unchanged": _is_unchanged(walk, input_layer, stage.name),
                **_windows(stage, walk.length(input_layer)),
                **_length(net, stage, walk),
                **PAGE_DATA[type(stage.layer)](stage.layer, stage, walk),
            }
        )
        input_layer = stage.name
    return layers


def _is_unchanged(walk: Walk, before: str, name: str) -> bool:
    """Whether a layer passed this input on as it was."""
    x, y = walk[before], walk[name]
    return x.shape == y.shape and x.tobytes() == y.tobytes()


def _convolution(layer: Convolution, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {
        "kernel": list(layer.kernel),
        "bias": layer.bias,
        "count": layer.divisor(stage.input),
    }


def _pool(layer: Pool, stage: Stage, walk: Walk) -> dict[str, Any]:
    return {"kind": layer.kind}


def _norm(layer: Norm, stage: Stage, walk: Walk) -> dict[str, Any]:
    """The scale, mean and bias of each map, as `Walk.why` computes them."""
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
"""The data of each kind of layer beyond those that all layers have."""


def _length(net: Network, stage: Stage, walk: Walk) -> dict[str, Any]:
    """Of a text: the positions of the layer before the padding."""
    return {"length": walk.length(stage.name)} if net.architecture.reads_texts else {}


def _windows(stage: Stage, length: int) -> dict[str, Any]:
    """For each window of a windowed layer, along both axes: the first cell that it covers, how
    many, and the index of the first one within the window. ``length``: the columns of the input
    before the padding of a text."""
    if stage.layer.connectivity is not Connectivity.WINDOWED:
        return {}
    rows, columns = stage.layer.windows(stage.input)
    return {"rows": _table(rows, rows.size), "columns": _table(columns, length)}


def _table(windows: Windows, length: int) -> list[list[int]]:
    rows = []
    for index in range(windows.count):
        cells = windows.cells(index)
        offset = cells.start - (index * windows.stride - windows.before)
        rows.append([cells.start, max(0, min(cells.stop, length) - cells.start), offset])
    return rows
