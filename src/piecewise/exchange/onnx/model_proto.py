"""Reading ONNX files: models, graphs, nodes and tensors as strict records of their wire format.

Nothing is copied: a tensor is a view of the file until `TensorProto.array` decodes it. Subgraphs
are seen and not entered, so a file cannot nest deeper than these records. (ONNX: onnx.proto.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.constraints import MAX_PARAMETERS
from ...core.errors import ModelFileError, shown
from ..formats.protobuf import BYTES, Field, ProtobufError, fields

MAX_NODES = 20_000
MAX_INITIALIZERS = 20_000
MAX_READ_FIELDS = 1_000_000
"""Fields of all messages of a file."""
MAX_PACKED = 4_000_000
"""Numbers of a tensor of variable length each; their decoding takes many times their size."""
MAX_AXES = 16
MAX_LIST = 1 << 20
"""Bytes of a list of sides or numbers of an attribute."""
_MAX_NAME = 1_000  # bytes

_DTYPES: dict[int, str] = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "u1", 10: "<f2",
    11: "<f8", 12: "<u4", 13: "<u8",
}  # fmt: skip
_BFLOAT16, _STRINGS = 16, 8
_TYPE_NAMES = {
    0: "no type", 8: "texts", 14: "complex64", 15: "complex128", 17: "float8", 18: "float8",
    19: "float8", 20: "float8", 21: "uint4", 22: "int4", 23: "float4",
}  # fmt: skip
_EXTERNAL = 1  # the data_location of external data


class Counter:
    """Counts the fields of a file, so that many small messages cannot take forever."""

    def __init__(self) -> None:
        self.left = MAX_READ_FIELDS

    def fields(self, message: memoryview) -> Iterator[Field]:
        """The fields of a message."""
        for one in fields(message):
            self.left -= 1
            if self.left < 0:
                raise ProtobufError(f"a file of more than {MAX_READ_FIELDS:,} fields")
            yield one


@dataclass
class TensorProto:
    """A tensor: name, sides, and where its numbers are in the file."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    type: int = 0
    raw: memoryview | None = None
    packed: list[Field] = field(default_factory=list)
    texts: list[memoryview] = field(default_factory=list)
    is_external: bool = False

    @classmethod
    def read(cls, message: memoryview, counter: Counter) -> TensorProto:
        """The tensor of a message."""
        tensor = cls()
        for one in counter.fields(message):
            if one.number == 1:
                tensor.dims += _short_list(one)
            elif one.number == 2:
                tensor.type = one.integer
            elif one.number in (4, 5, 7, 10, 11):
                tensor.packed.append(one)
            elif one.number == 6:
                tensor.texts.append(one.bytes)
            elif one.number == 8:
                tensor.name = _name(one)
            elif one.number == 9:
                tensor.raw = one.bytes
            elif one.number == 13 or (one.number == 14 and one.integer == _EXTERNAL):
                tensor.is_external = True
        return tensor

    def array(self) -> Array:
        """The numbers, as a view of the file where that is possible; ModelFileError."""
        if self.is_external:
            raise self._error("its numbers are in another file; save the model as one file")
        sides = shown(self.dims)
        if len(self.dims) > MAX_AXES or any(side < 0 for side in self.dims):
            raise self._error(f"it has the shape {sides}, wanted at most {MAX_AXES} sizes from 0")
        count = prod(self.dims)
        if count > MAX_PARAMETERS:
            raise self._error(
                f"it has the shape {sides}, wanted at most {MAX_PARAMETERS:,} numbers"
            )
        if self.type not in _DTYPES and self.type != _BFLOAT16:
            kind = _TYPE_NAMES.get(self.type, shown(self.type))
            raise self._error(f"its type is {kind}, which is not read")
        values = self._packed() if self.raw is None else self._raw(self.raw, count)
        if values.size != count:
            raise self._error(f"it has {values.size:,} numbers, wanted {count:,} for {sides}")
        return values.reshape(self.dims)

    def strings(self) -> list[str]:
        """The texts of a tensor of texts; ModelFileError."""
        try:
            return [str(one, "utf-8") for one in self.texts]
        except UnicodeDecodeError:
            raise self._error("a text is not in UTF-8") from None

    @property
    def holds_texts(self) -> bool:
        """Whether it is a tensor of texts."""
        return self.type == _STRINGS

    def _raw(self, raw: memoryview, count: int) -> Array:
        dtype = np.dtype("<u2" if self.type == _BFLOAT16 else _DTYPES[self.type])
        if self.packed:
            raise self._error("its numbers are in two fields, raw and typed, wanted one of them")
        if len(raw) != count * dtype.itemsize:
            wanted = f"{count * dtype.itemsize:,} for {shown(self.dims)}"
            raise self._error(f"it has {len(raw):,} bytes, wanted {wanted}")
        values = np.frombuffer(raw, dtype)
        return _from_bfloat16(values) if self.type == _BFLOAT16 else values

    def _packed(self) -> Array:
        """Numbers in one of the typed fields."""
        number, read = _typed_field(self.type)
        if any(one.number != number for one in self.packed):
            raise self._error("its numbers are in the field of another type")
        if read is Field.integers and sum(_size(one) for one in self.packed) > 10 * MAX_PACKED:
            raise self._error("it has too many numbers of variable length; save it with raw data")
        parts = [read(one) for one in self.packed]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0)])
        if self.type == _BFLOAT16:
            return _from_bfloat16(values.astype(np.uint16))
        dtype = np.dtype(_DTYPES[self.type])
        if self.type == 10:  # 16 bits in an integer
            return values.astype(np.uint16).view(np.float16)
        return values.astype(dtype, copy=False)

    def _error(self, why: str) -> ModelFileError:
        return ModelFileError(f"tensor {shown(self.name, 80)}: {why}")


def _typed_field(kind: int) -> tuple[int, Callable[[Field], Array]]:
    """The field that holds numbers of a type unless they are raw, and its reader."""
    if kind == 1:
        return 4, Field.floats
    if kind == 11:
        return 10, _doubles
    if kind == 7:
        return 7, Field.integers
    return (11 if kind in (12, 13) else 5), Field.integers


def _size(one: Field) -> int:
    return 1 if isinstance(one.value, int) else len(one.value)


def _doubles(one: Field) -> Array:
    if isinstance(one.value, int) or len(one.value) % 8:
        raise ProtobufError(f"field {one.number} has no doubles")
    return np.frombuffer(one.value, "<f8")


def _from_bfloat16(bits: Array) -> Array:
    """float32 numbers from the upper halves of their bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


@dataclass
class NodeProto:
    """A node: its operator, the names of its inputs and outputs, and its attributes."""

    operator: str = ""
    name: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    subgraph: str = ""
    """The name of an attribute that is a graph."""

    @classmethod
    def read(cls, message: memoryview, counter: Counter) -> NodeProto:
        """The node of a message."""
        node = cls()
        for one in counter.fields(message):
            if one.number == 1:
                node.inputs.append(_name(one))
            elif one.number == 2:
                node.outputs.append(_name(one))
            elif one.number == 3:
                node.name = _name(one)
            elif one.number == 4:
                node.operator = _name(one)
            elif one.number == 5:
                node._read_attribute(one.bytes, counter)
            elif one.number == 7:
                node.domain = _name(one)
        node.domain = "" if node.domain == "ai.onnx" else node.domain
        return node

    @property
    def where(self) -> str:
        """How errors name the node."""
        name = self.name or next((one for one in self.outputs if one), "")
        return f"{name} ({self.operator})" if name else self.operator

    def _read_attribute(self, message: memoryview, counter: Counter) -> None:
        name = ""
        value: float | int | str | TensorProto | None = None
        lists: list[Any] = []
        for one in counter.fields(message):
            if one.number == 1:
                name = _name(one)
            elif one.number in (2, 3, 4):
                value = _one(one)
            elif one.number == 5:
                value = TensorProto.read(one.bytes, counter)
            elif one.number == 7:
                lists.append(one.floats()[:MAX_LIST].tolist())
            elif one.number == 8:
                lists.append(_short_list(one))
            elif one.number == 9:
                lists.append([one.text])
            elif one.number in (6, 11):
                self.subgraph = name or "a graph"
        if name in self.attributes:
            raise ProtobufError(f"a node has the attribute {shown(name)} twice")
        self.attributes[name] = value if value is not None else list(chain.from_iterable(lists))


def _one(one: Field) -> float | int | str:
    """The value of an attribute of one number or text."""
    if one.number == 2:
        return one.float
    return one.integer if one.number == 3 else one.text


def _short_list(one: Field) -> list[int]:
    """Whole numbers of a list that is never long."""
    if one.wire == BYTES and len(one.bytes) > MAX_LIST:
        raise ProtobufError(f"a list of {len(one.bytes):,} bytes, wanted at most {MAX_LIST:,}")
    return [int(number) for number in one.integers()]


@dataclass
class ValueInfo:
    """An input or output: its name, its element type and its sides; None for open ones."""

    name: str = ""
    type: int = 0
    dims: list[int | None] | None = None

    @classmethod
    def read(cls, message: memoryview, counter: Counter) -> ValueInfo:
        """The input or output of a message; sequences and maps have no type."""
        info = cls()
        for one in counter.fields(message):
            if one.number == 1:
                info.name = _name(one)
            elif one.number == 2:
                for kind in counter.fields(one.bytes):
                    if kind.number == 1:
                        info._read_tensor_type(kind.bytes, counter)
        return info

    def _read_tensor_type(self, message: memoryview, counter: Counter) -> None:
        for one in counter.fields(message):
            if one.number == 1:
                self.type = one.integer
            elif one.number == 2:
                sides = (side for side in counter.fields(one.bytes) if side.number == 1)
                self.dims = [_side(side.bytes, counter) for side in sides]


def _side(message: memoryview, counter: Counter) -> int | None:
    """A side of a tensor; None if it is open."""
    for one in counter.fields(message):
        if one.number == 1 and one.integer > 0:
            return one.integer
    return None


@dataclass
class ModelProto:
    """A model: its graph, the versions of its operators, and its metadata."""

    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    inputs: list[ValueInfo] = field(default_factory=list)
    outputs: list[ValueInfo] = field(default_factory=list)

    @classmethod
    def read(cls, message: memoryview) -> ModelProto:
        """The model of a file; ValueError."""
        model, counter, graphs = cls(), Counter(), 0
        for one in counter.fields(message):
            if one.number == 2:
                model.producer = _name(one)
            elif one.number == 7:
                graphs += 1
                model._read_graph(one.bytes, counter)
            elif one.number == 8:
                model._read_opset(one.bytes, counter)
            elif one.number == 14:
                key, value = _key_and_value(one.bytes, counter)
                model.metadata[key] = value
        if graphs != 1:
            raise ProtobufError(f"it has {graphs} graphs, wanted one")
        return model

    def _read_graph(self, message: memoryview, counter: Counter) -> None:
        for one in counter.fields(message):
            if one.number == 1:
                self.nodes.append(NodeProto.read(one.bytes, counter))
            elif one.number == 5:
                self._add_initializer(TensorProto.read(one.bytes, counter))
            elif one.number == 11:
                self.inputs.append(ValueInfo.read(one.bytes, counter))
            elif one.number == 12:
                self.outputs.append(ValueInfo.read(one.bytes, counter))
            elif one.number == 15:
                raise ModelFileError("it has sparse initializers, which are not read")
            if len(self.nodes) > MAX_NODES or len(self.initializers) > MAX_INITIALIZERS:
                raise ModelFileError(
                    f"it has more than {MAX_NODES:,} nodes or {MAX_INITIALIZERS:,} initializers"
                )

    def _add_initializer(self, tensor: TensorProto) -> None:
        if tensor.name in self.initializers:
            raise ModelFileError(f"it has two initializers of the name {shown(tensor.name)}")
        self.initializers[tensor.name] = tensor

    def _read_opset(self, message: memoryview, counter: Counter) -> None:
        domain, version = "", 0
        for one in counter.fields(message):
            if one.number == 1:
                domain = _name(one)
            elif one.number == 2:
                version = one.integer
        self.opsets["" if domain == "ai.onnx" else domain] = version


def _key_and_value(message: memoryview, counter: Counter) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for one in counter.fields(message):
        if one.number in found:
            found[one.number] = one.text
    return found[1], found[2]


def _name(one: Field) -> str:
    """A name; texts that are too long for one are refused."""
    if len(one.bytes) > _MAX_NAME:
        raise ProtobufError(f"a name of {len(one.bytes):,} bytes, wanted at most {_MAX_NAME:,}")
    return one.text
