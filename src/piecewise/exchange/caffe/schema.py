"""The messages of Caffe's files that are read and written: their fields by number and name.

From caffe.proto of BVLC/caffe. Fields that are not listed are skipped: they concern training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...core.array_types import Float32
from ..formats import protobuf
from ..formats.prototxt import Message, Value, Word

MAX_FIELDS = 200_000
"""Fields of a whole file."""
_LONGEST_LIST = 4_096  # bytes of a packed list of numbers, other than parameters

_Fields = dict[str, tuple[int, str]]

_PADDING: _Fields = {"pad": (3, "int"), "kernel_size": (4, "int"), "stride": (6, "int")}
_SIDES = ("pad_h", "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w")
_PARAMETERS: dict[str, tuple[int, int, _Fields]] = {
    "transform_param": (100, 36, {
        "scale": (1, "float"), "crop_size": (3, "int"), "mean_file": (4, "text"),
        "mean_value": (5, "float")}),
    "batch_norm_param": (139, 0, {"use_global_stats": (1, "bool"), "eps": (3, "float")}),
    "bias_param": (141, 0, {"axis": (1, "int"), "num_axes": (2, "int")}),
    "convolution_param": (106, 10, {
        "num_output": (1, "int"), "bias_term": (2, "bool"), **_PADDING,
        **{name: (9 + n, "int") for n, name in enumerate(_SIDES)},
        "group": (5, "int"), "axis": (16, "int"), "dilation": (18, "int")}),
    "dropout_param": (108, 12, {"dropout_ratio": (1, "float")}),
    "eltwise_param": (110, 24, {}),
    "flatten_param": (135, 0, {"axis": (1, "int"), "end_axis": (2, "int")}),
    "inner_product_param": (117, 17, {
        "num_output": (1, "int"), "bias_term": (2, "bool"), "axis": (5, "int"),
        "transpose": (6, "bool")}),
    "input_param": (143, 0, {"shape": (1, "Shape")}),
    "memory_data_param": (119, 22, {
        "batch_size": (1, "int"), "channels": (2, "int"), "height": (3, "int"),
        "width": (4, "int")}),
    "pooling_param": (121, 19, {
        "pool": (1, "PoolMethod"), "pad": (4, "int"), "kernel_size": (2, "int"),
        "stride": (3, "int"), "kernel_h": (5, "int"), "kernel_w": (6, "int"),
        "stride_h": (7, "int"), "stride_w": (8, "int"), "pad_h": (9, "int"), "pad_w": (10, "int"),
        "global_pooling": (12, "bool"), "round_mode": (13, "RoundMode")}),
    "power_param": (122, 21, {"power": (1, "float"), "scale": (2, "float"), "shift": (3, "float")}),
    "relu_param": (123, 30, {"negative_slope": (1, "float")}),
    "reshape_param": (133, 0, {
        "shape": (1, "Shape"), "axis": (2, "int"), "num_axes": (3, "int")}),
    "scale_param": (142, 0, {
        "axis": (1, "int"), "num_axes": (2, "int"), "bias_term": (4, "bool")}),
    "slice_param": (126, 31, {
        "axis": (3, "int"), "slice_point": (2, "int"), "slice_dim": (1, "int")}),
    "softmax_param": (125, 39, {"axis": (2, "int")}),
}  # fmt: skip
"""For the parameters of kinds of layer: their number in a layer and in a V1 layer, and fields."""

_MESSAGES: dict[str, _Fields] = {
    "Net": {"name": (1, "text"), "input": (3, "text"), "input_shape": (8, "Shape"),
            "input_dim": (4, "int"), "layers": (2, "V1Layer"), "layer": (100, "Layer")},
    "Shape": {"dim": (1, "int")},
    "Rule": {"phase": (1, "Phase")},
    "Layer": {"name": (1, "text"), "type": (2, "text"), "bottom": (3, "text"), "top": (4, "text"),
              "blobs": (7, "Blob"), "include": (8, "Rule"), "exclude": (9, "Rule"),
              **{name: (new, name) for name, (new, _, _) in _PARAMETERS.items()}},
    "V1Layer": {"bottom": (2, "text"), "top": (3, "text"), "name": (4, "text"),
                "include": (32, "Rule"), "exclude": (33, "Rule"), "type": (5, "V1Type"),
                "blobs": (6, "Blob"), "layer": (1, "Rule"),
                **{name: (old, name) for name, (_, old, _) in _PARAMETERS.items() if old}},
    **{name: fields for name, (_, _, fields) in _PARAMETERS.items()},
}  # fmt: skip

V1_TYPES = {
    "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "ARGMAX": "ArgMax", "BNLL": "BNLL",
    "CONCAT": "Concat", "CONTRASTIVE_LOSS": "ContrastiveLoss", "CONVOLUTION": "Convolution",
    "DATA": "Data", "DECONVOLUTION": "Deconvolution", "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData", "ELTWISE": "Eltwise", "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp", "FLATTEN": "Flatten", "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss", "IM2COL": "Im2col", "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss", "INNER_PRODUCT": "InnerProduct", "LRN": "LRN",
    "MEMORY_DATA": "MemoryData", "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN", "NONE": "None", "POOLING": "Pooling", "POWER": "Power", "RELU": "ReLU",
    "SIGMOID": "Sigmoid", "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence", "SLICE": "Slice", "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split", "TANH": "TanH", "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}  # fmt: skip
"""The type of a V1 layer, and what later versions call it."""

_ENUMS: dict[str, tuple[str, ...]] = {
    "Phase": ("TRAIN", "TEST"),
    "PoolMethod": ("MAX", "AVE", "STOCHASTIC"),
    "RoundMode": ("CEIL", "FLOOR"),
    "V1Type": (
        "NONE", "ACCURACY", "BNLL", "CONCAT", "CONVOLUTION", "DATA", "DROPOUT", "EUCLIDEAN_LOSS",
        "FLATTEN", "HDF5_DATA", "HDF5_OUTPUT", "IM2COL", "IMAGE_DATA", "INFOGAIN_LOSS",
        "INNER_PRODUCT", "LRN", "MULTINOMIAL_LOGISTIC_LOSS", "POOLING", "RELU", "SIGMOID",
        "SOFTMAX", "SOFTMAX_LOSS", "SPLIT", "TANH", "WINDOW_DATA", "ELTWISE", "POWER",
        "SIGMOID_CROSS_ENTROPY_LOSS", "HINGE_LOSS", "MEMORY_DATA", "ARGMAX", "THRESHOLD",
        "DUMMY_DATA", "SLICE", "MVN", "ABSVAL", "SILENCE", "CONTRASTIVE_LOSS", "EXP",
        "DECONVOLUTION",
    ),
}  # fmt: skip
"""The names of enum values, in the order of their numbers."""


Blobs = list[memoryview]


class Decoder:
    """Reads messages by their schema; `blobs` has those of each message that has some."""

    def __init__(self) -> None:
        self.blobs: dict[int, Blobs] = {}
        """By the identity of a layer's message: the bytes of its blobs."""
        self._fields = 0
        self._names = {
            kind: {number: (name, inner) for name, (number, inner) in fields.items()}
            for kind, fields in _MESSAGES.items()
        }

    def message(self, content: memoryview, kind: str = "Net") -> Message:
        """The fields of a message that its schema lists; ProtobufError if it is malformed."""
        decoded: Message = {}
        names = self._names[kind]
        for field in protobuf.fields(content):
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise protobuf.ProtobufError(f"more than {MAX_FIELDS:,} fields")
            name, inner = names.get(field.number, ("", ""))
            if inner == "Blob":
                self.blobs.setdefault(id(decoded), []).append(field.bytes)
            elif name:
                decoded.setdefault(name, []).extend(self._values(field, inner))
        return decoded

    def _values(self, field: protobuf.Field, kind: str) -> Iterator[Value]:
        if kind in _MESSAGES:
            yield self.message(field.bytes, kind)
        elif kind == "text":
            yield field.text
        elif isinstance(field.value, memoryview) and len(field.value) > _LONGEST_LIST:
            raise protobuf.ProtobufError(f"field {field.number} has too many numbers")
        elif kind == "float":
            yield from field.floats().tolist()
        else:
            for number in field.integers().tolist():
                yield bool(number) if kind == "bool" else _named(number, kind)


def _named(number: int, kind: str) -> int | Word:
    """A whole number, or the name of an enum value."""
    if kind == "int":
        return number
    names = _ENUMS[kind]
    return Word(names[number] if 0 <= number < len(names) else f"{kind}{number}")


def encoded(
    message: Message, blobs: Mapping[str, Sequence[Float32]], kind: str = "Net"
) -> Iterator[bytes]:
    """The fields of a message as bytes; layers get their ``blobs`` by name."""
    for name, values in message.items():
        number, inner = _MESSAGES[kind][name]
        if inner == "int" and kind == "Shape":
            yield protobuf.packed_integers(number, (int(str(value)) for value in values))
            continue
        for value in values:
            if isinstance(value, dict):
                yield protobuf.message(number, encoded(value, blobs, inner))
            elif isinstance(value, float):
                yield protobuf.real(number, value)
            elif inner in _ENUMS:
                yield protobuf.varint(number, _ENUMS[inner].index(str(value)))
            elif isinstance(value, str):
                yield protobuf.text(number, value)
            else:
                yield protobuf.varint(number, int(value))
    if kind == "Layer":
        for array in blobs.get(str(message["name"][0]), ()):
            yield protobuf.message(_MESSAGES[kind]["blobs"][0], _blob(array))


def _blob(array: Float32) -> Iterator[bytes]:
    """The fields of a blob: its shape and its numbers."""
    yield protobuf.message(7, [protobuf.packed_integers(1, np.shape(array))])
    yield protobuf.packed_floats(5, array)
