"""Keras files for tests of the importer, put together layer by layer."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Float32
from piecewise.core.errors import ModelFileError
from piecewise.exchange.import_model import import_model
from piecewise.exchange.keras.files import keras_bytes
from piecewise.exchange.keras.layer_list import LayerList
from piecewise.exchange.registry import ImportOptions


def imported(content: bytes, folder: Path, **options: Any) -> Network:
    path = folder / ("net.keras" if content[:2] == b"PK" else "net.h5")
    path.write_bytes(content)
    return Network.from_saved_model(import_model(path, ImportOptions(**options)))


def refusal(content: bytes, folder: Path, **options: Any) -> str:
    with pytest.raises(ModelFileError) as caught:
        imported(content, folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def random(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def changed(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A `.keras` file with other parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def without_metadata(content: bytes) -> bytes:
    return changed(content, lambda parts: parts.update({"metadata.json": b"{}"}))


def model(add: Callable[[LayerList], None], dims: tuple[int, ...] = (6, 5, 2)) -> bytes:
    """A `.keras` file of these layers, and a Dense layer with a softmax behind them."""
    layers = LayerList()
    layers.add("InputLayer", "input", dims, dtype="float32")
    add(layers)
    return keras_bytes(layers, "net", {})


def dense_end(layers: LayerList, values: int, **config: Any) -> None:
    layers.add("Flatten", "flat", (values,))
    variables = {"kernel": random(values, 3), "bias": random(3)}
    layers.add("Dense", "end", (3,), variables, units=3, **{"activation": "softmax", **config})


def config_of(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found: dict[str, Any] = json.loads(archive.read("config.json"))
    return found


def with_config(content: bytes, config: Any) -> bytes:
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    return changed(content, lambda parts: parts.update({"config.json": text}))


def one(kind: str, **config: Any) -> Callable[[LayerList], None]:
    def add(layers: LayerList) -> None:
        layers.add(kind, "odd", (6, 5, 2), **config)
        dense_end(layers, 60)

    return add
