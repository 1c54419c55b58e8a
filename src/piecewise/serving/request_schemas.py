"""JSON Schemas of the requests for predictions: what each net accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..network import Network
from .input_reading import MAX_INPUTS

Schema = dict[str, Any]

_LARGEST = float(np.nextafter(float(np.finfo(np.float32).max) + 2.0**103, 0))
"""The largest number that is finite when it is rounded to float32."""
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_BODY = {**_FILE, "minLength": 1}
"""A file that is the whole request. In a form, an empty file gets an error of its own."""
_NUMBER = {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}


def coverage_schema(nets: Sequence[Network]) -> Schema:
    """The coverages that at least one of these nets accepts; 0 and 1 need no thresholds."""
    if any(net.calibration.confidences for net in nets):
        return {"type": "number", "minimum": 0, "maximum": 1}
    return {"type": "number", "enum": [0, 1]}


def body_schemas(nets: Sequence[Network]) -> dict[str, Schema]:
    """The bodies that at least one of these nets accepts, by content type."""
    inputs: list[Schema] = []
    for schema in (one for net in nets for one in _input_schemas(net)):
        inputs += [schema] * (schema not in inputs)  # several nets may accept the same
    body = {
        "type": "object", "required": ["inputs"], "additionalProperties": False,
        "properties": {"inputs": {"anyOf": inputs}, "coverage": coverage_schema(nets)},
    }  # fmt: skip
    return {
        "application/json": {"schema": body},
        "application/x-npy": {"schema": {**_BODY, "description": "An array (N, ...) in NumPy's "
                                         "file format."}},
        "multipart/form-data": {"schema": _form(any(map(_is_of_texts, nets)))},
        "application/octet-stream": {"schema": {**_BODY, "description": "One file."}},
    }  # fmt: skip


def _form(with_texts: bool) -> Schema:
    # Fields of a form have no types: one field or several of a name, of any text.
    fields: Schema = {
        "file": {"items": _FILE, "maxItems": MAX_INPUTS,
                 "description": "Files of images, sounds or texts, under any field name."},
    }  # fmt: skip
    if with_texts:
        texts = "Texts, for a net that reads texts."
        fields["text"] = {"items": {"type": "string"}, "maxItems": MAX_INPUTS, "description": texts}
    return {"type": "object", "properties": fields}


def _is_of_texts(net: Network) -> bool:
    return net.preprocessor.modality == "texts"


def _input_schemas(net: Network) -> list[Schema]:
    """The kinds of inputs that a net accepts in JSON: texts, token numbers (N, positions), or
    arrays (N, channels, rows, columns)."""
    channels, rows, columns = net.input
    reads_tokens, accepted = net.architecture.reads_texts, list[Schema]()
    if _is_of_texts(net):
        accepted.append(_inputs({"type": "string"}, "Texts."))
    if _is_of_texts(net) or reads_tokens:
        token = {"type": "integer", "minimum": 0, "maximum": rows - 1}
        accepted.append(_inputs(_nested(token, columns), f"Token numbers (N, {columns})."))
    if not reads_tokens:
        image = _nested(_NUMBER, rows, columns)
        shape = f"(N, {channels}, {rows}, {columns})"
        accepted.append(_inputs(_array(image, channels), f"Numbers {shape}, preprocessed."))
        if channels == 1:
            accepted.append(_inputs(image, f"Numbers (N, {rows}, {columns}), preprocessed."))
    return accepted


def _inputs(item: Schema, description: str) -> Schema:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_INPUTS,
            "description": description}  # fmt: skip


def _nested(item: Schema, *sides: int) -> Schema:
    """Arrays in arrays, with so many items each."""
    for side in reversed(sides):
        item = _array(item, side)
    return item


def _array(item: Schema, count: int) -> Schema:
    return {"type": "array", "items": item, "minItems": count, "maxItems": count}
