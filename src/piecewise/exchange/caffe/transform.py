"""The pixel transforms of a Caffe data layer, as layers in front of the chain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import ModelFileError
from ..chain import ChainBuilder
from ..input_scale import BYTES
from .definition import DATA_LAYERS, LayerRecord, MessageFields

_OF_PICTURES = ("Data", "ImageData", "WindowData")
"""The types of data layers that bring bytes."""
_BGR = "; Caffe reads colour pictures as blue, green, red (`channel_order` bgr)"


def read_transform(chain: ChainBuilder, layers: Sequence[LayerRecord]) -> None:
    """Scale the inputs as the data layer does: (byte - mean) * scale. Without a data layer, the
    file does not say which numbers its inputs are."""
    inputs = chain.inputs
    if inputs is None or not inputs.is_pictures:
        return
    inputs.hint = _BGR if chain.input.channels == 3 else ""
    data = [layer for layer in layers if layer.type in DATA_LAYERS]
    used = next((one for one in data if not one.is_for_training), data[0] if data else None)
    if used is None or (used.type not in _OF_PICTURES and "transform_param" not in used.fields):
        return
    inputs.known_range = BYTES
    changes = used.fields.message("transform_param")
    factor, means = changes.real("scale", 1), np.array(_means(changes))
    if means.size not in (0, 1, chain.input.channels):
        channels = f"{chain.input.channels} channels"
        raise ModelFileError(
            f"layer '{used.name}': {means.size} values of mean_value, for {channels}"
        )
    if "mean_file" in changes and not means.size:
        chain.note(used.name, "its mean_file is not opened; give its mean with the option `mean`")
    chain.scale(used.name, factor, -factor * means if means.size else 0.0)
    if chain.input.channels == 3 and not inputs.is_bgr:
        chain.note(used.name, f"colours are read as red, green, blue{_BGR}")


def _means(changes: MessageFields) -> list[float]:
    return changes.reals("mean_value")[:4_096]
