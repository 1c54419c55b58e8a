"""The data of a page: the net, its parameters, and the settings of its preprocessing."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.portable_math import exp
from ...core.windows import Windows
from ...data.audio.preprocessor import FLOOR, MAX_WINDOWS, QUIET, SILENCE, AudioPreprocessor
from ...data.audio.spectrogram import PER_LN, mel_bands
from ...data.images.preprocessor import ImagePreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.ngrams import CASELESS_MIDDLE, END, MAX_AFFIX, MIDDLE, START
from ...data.text.preprocessor import TextPreprocessor
from ...data.text.vocabulary import INVISIBLE, MAX_DIGITS, MAX_WORD_LENGTH, WORD
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Norm, Pool
from ...spec.text_lengths import length_table
from ...storage.model_file import SavedModel
from ..exporter import inference_stages
from .unicode_tables import case_folding, character_kinds


def net_data(model: SavedModel) -> dict[str, Any]:
    """The plain values of a net, without its parameters; `NetData` of types.d.ts."""
    architecture, calibration = model.architecture, model.calibration
    return {
        "classes": list(architecture.classes),
        "input": list(architecture.input),
        "notation": architecture.notation,
        "description": model.preprocessor.description,
        "parameter_count": sum(row.size for row in architecture.parameters),
        "temperature": float(np.float32(calibration.temperature)),
        "thresholds": calibration.to_json()["thresholds"],
        "scaling": [float(one) for one in model.preprocessor.scaling],
        "reads_texts": architecture.reads_texts,
        "layers": _layers(model),
        "settings": _settings(model.preprocessor),
    }


def parameter_text(model: SavedModel) -> str:
    """All arrays of the layers that compute something, as base64 of little-endian float32."""
    return _packed(
        np.concatenate(
            [np.zeros(0, np.float32)]
            + [
                model.tensors[row.name].ravel()
                for stage in inference_stages(model)
                for row in stage.arrays
            ]
        ),
        "<f4",
    )


def _packed(array: Array, dtype: str) -> str:
    return b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def _layers(model: SavedModel) -> list[dict[str, Any]]:
    layers, start = [], 0
    for stage in inference_stages(model):
        arrays = {}
        for row in stage.arrays:
            arrays[row.tensor.name] = start
            start += row.size
        layers.append(_layer(stage, arrays, texts=model.architecture.reads_texts))
    return layers


def _layer(stage: Stage, arrays: dict[str, int], *, texts: bool) -> dict[str, Any]:
    """The values of one layer; `LayerData` of types.d.ts."""
    layer = stage.layer
    values: dict[str, Any] = {
        "name": stage.name,
        "word": layer.word,
        "input": list(stage.input),
        "output": list(stage.output),
        "arrays": arrays,
    }
    if isinstance(layer, Convolution | Pool):
        rows, columns = layer.windows(stage.input)
        values |= {"rows": _axis(rows), "columns": _axis(columns)}
    if isinstance(layer, Convolution):
        values["divisor"] = layer.divisor(stage.input)
    if isinstance(layer, Pool):
        values["kind"] = layer.kind
    if isinstance(layer, Norm):
        values["epsilon"] = float(np.float32(layer.epsilon))
    if texts:
        table = length_table(layer, stage.input).tolist()
        values["lengths"] = None if table[1:] == list(range(1, len(table))) else table
    return values


def _axis(axis: Windows) -> dict[str, int]:
    return {"window": axis.window, "stride": axis.stride, "before": axis.before,
            "count": axis.count}  # fmt: skip


def _settings(preprocessor: Preprocessor) -> dict[str, Any]:
    """The settings of a preprocessor, with the constants and tables that it uses."""
    if isinstance(preprocessor, AudioPreprocessor):
        return preprocessor.to_json() | _sound_tables(preprocessor)
    if isinstance(preprocessor, TextPreprocessor):
        return preprocessor.to_json() | _text_tables()
    assert isinstance(preprocessor, ImagePreprocessor)
    return preprocessor.to_json() | {"kind": preprocessor.kind}


def _sound_tables(preprocessor: AudioPreprocessor) -> dict[str, Any]:
    first, filters = mel_bands(preprocessor.rate, preprocessor.window, preprocessor.bands)
    return {
        "window": preprocessor.window,
        "first": first.tolist(),
        "filters": _packed(filters, "<f8"),
        "quiet": QUIET,
        "floor": FLOOR,
        "least": float(exp(FLOOR / 10 / PER_LN)),
        "silence": SILENCE,
        "max_windows": MAX_WINDOWS,
    }


def _text_tables() -> dict[str, Any]:
    folded, folded_apart = case_folding()
    return {
        "kinds": character_kinds(),
        "folded": folded,
        "folded_apart": folded_apart,
        "invisible": INVISIBLE.pattern,
        "word": WORD.pattern,
        "word_length": MAX_WORD_LENGTH,
        "digits": MAX_DIGITS,
        "affix": MAX_AFFIX,
        "middle": list(MIDDLE),
        "caseless": list(CASELESS_MIDDLE),
        "start": START,
        "end": END,
    }
