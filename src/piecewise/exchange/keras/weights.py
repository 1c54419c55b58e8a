"""The arrays of the layers in a Keras file, found by the rules of each kind of file."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from math import prod

from ...core.array_types import Float32
from ...core.constraints import MAX_PARAMETERS
from ...core.errors import ModelFileError, shown
from ..formats.hdf5_arrays import Hdf5Array
from ..formats.hdf5_reader import Hdf5Group
from .legacy_files import LAYER_NAMES, WEIGHT_NAMES
from .model_path import FileLayer


class Weights(ABC):
    """The arrays of all layers."""

    @abstractmethod
    def _find(self, layer: FileLayer) -> list[Hdf5Array]:
        """All arrays of a layer, in the order of Keras."""

    def of(self, layer: FileLayer, *ranks: int) -> list[Float32]:
        """The first arrays of a layer, which must have these numbers of axes; ModelFileError."""
        found = self._find(layer)
        if len(found) < len(ranks):
            raise layer.settings.refused(
                f"the file has {len(found)} arrays of it, wanted {len(ranks)}; save the whole model"
            )
        arrays = []
        for array, rank in zip(found, ranks, strict=False):
            if len(array.shape) != rank or prod(array.shape) > MAX_PARAMETERS:
                raise layer.settings.refused(
                    f"an array of the shape {shown(array.shape)}, wanted {rank} sides and at "
                    f"most {MAX_PARAMETERS:,} numbers"
                )
            arrays.append(array.read())
        return arrays

    def count(self, layer: FileLayer) -> int:
        """How many arrays a layer has."""
        return len(self._find(layer))


class PathWeights(Weights):
    """Those of a `.keras` file, at the path of each layer under the numbers 0, 1, ..."""

    def __init__(self, root: Hdf5Group) -> None:
        self._root = root

    def _find(self, layer: FileLayer) -> list[Hdf5Array]:
        group = self._root.group(f"{layer.path}/vars")
        if group is None:
            return []
        found = list[Hdf5Array]()
        while (array := group.array(str(len(found)))) is not None:
            found.append(array)
        return found


class NamedWeights(Weights):
    """Those of an `.h5` file, which lists the names of arrays for each layer of the outermost
    model."""

    def __init__(self, group: Hdf5Group) -> None:
        self._group = group
        if _attributes(group, LAYER_NAMES) is None:
            raise ModelFileError("it has no list of layers with weights; save the whole model")
        self._listed: dict[str, list[tuple[str, Hdf5Array]]] = {}

    def _find(self, layer: FileLayer) -> list[Hdf5Array]:
        listed = self._list(layer)
        if layer.top == layer.name:
            return [array for _, array in listed]
        own = [(name, array) for name, array in listed if _owner(name) == layer.name]
        if not own:  # names of a second model in one program have a number
            pattern = re.compile(re.escape(layer.name) + r"_\d+")
            own = [pair for pair in listed if pattern.fullmatch(_owner(pair[0]))]
        if len({name.rpartition("/")[0] for name, _ in own}) > 1:
            raise layer.settings.refused("several layers of the file have its name")
        return [array for _, array in own]

    def _list(self, layer: FileLayer) -> list[tuple[str, Hdf5Array]]:
        if layer.top not in self._listed:
            group = self._group.group(layer.top)
            names = [] if group is None else _attributes(group, WEIGHT_NAMES) or []
            found = []
            for name in names:
                array = group.array(name) if group is not None else None
                if array is None:
                    raise layer.settings.refused(f"its array {shown(name, 80)} is missing")
                found.append((name, array))
            self._listed[layer.top] = found
        return self._listed[layer.top]


def _attributes(group: Hdf5Group, name: str) -> list[str] | None:
    """A list of texts, which Keras divides into numbered parts if it is long."""
    texts, found = group.texts(name), list[str]()
    if texts is not None:
        return texts
    number = 0
    while (part := group.texts(f"{name}{number}")) is not None:
        found += part
        number += 1
    return found if number else None


def _owner(name: str) -> str:
    """The layer of an array: ``conv1`` of ``model/conv1/kernel:0``."""
    return name.rpartition("/")[0].rpartition("/")[2]
