"""The arrays of Caffe's layers (blobs), in every form that a .caffemodel stores them."""

from __future__ import annotations

import numpy as np

from ...core.array_types import Float32
from ...core.constraints import MAX_PARAMETERS
from ..formats import protobuf

_LONGEST_SHAPE = 256  # bytes of the dimensions of a blob


def blob_array(content: memoryview) -> Float32:
    """The numbers of a blob, as a view if the file allows one; ValueError if they do not fit."""
    shape: list[int] = []
    legacy = [0, 0, 0, 0]
    parts: list[Float32] = []
    for field in protobuf.fields(content):
        if field.number in (1, 2, 3, 4):
            legacy[field.number - 1] = field.integer
        elif field.number == 5:
            parts.append(field.floats())
        elif field.number == 7:
            shape = _dimensions(field.bytes)
        elif field.number == 8:
            parts.append(_from_doubles(field.bytes))
    count = sum(part.size for part in parts)
    shape = shape or ([max(side, 1) for side in legacy] if any(legacy) else [count])
    size = 1
    for side in shape:
        size *= side
        if side < 0 or size > MAX_PARAMETERS:
            raise ValueError(f"a blob of the shape {tuple(shape)}")
    if size != count:
        raise ValueError(f"a blob of the shape {tuple(shape)} with {count:,} numbers")
    return (parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])
            ).reshape(shape)  # fmt: skip


def _dimensions(content: memoryview) -> list[int]:
    if len(content) > _LONGEST_SHAPE:
        raise ValueError("a blob with too many dimensions")
    return [int(n) for field in protobuf.fields(content) for n in field.integers()]


def _from_doubles(content: memoryview) -> Float32:
    if len(content) % 8:
        raise ValueError("a blob with a part of a number")
    with np.errstate(over="ignore", invalid="ignore"):  # the chain refuses infinite numbers
        return np.frombuffer(content, "<f8").astype(np.float32)
