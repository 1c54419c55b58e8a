"""Caffe's messages in Google's implementation of protocol buffers, which judges ours.

The tables follow caffe.proto; they hold the fields that the tests use.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from piecewise.core.array_types import Array

_TYPES = {"int64": 3, "int32": 5, "uint32": 13, "float": 2, "double": 1, "bool": 8, "string": 9}
_ENUMS = {
    "Phase": ("TRAIN", "TEST"),
    "PoolMethod": ("MAX", "AVE", "STOCHASTIC"),
    "LayerType": {
        "CONVOLUTION": 4, "DATA": 5, "DROPOUT": 6, "INNER_PRODUCT": 14, "LRN": 15, "POOLING": 17,
        "RELU": 18, "SOFTMAX": 20, "SOFTMAX_LOSS": 21,
    },
}  # fmt: skip
_SHARED = """
    convolution_param: ConvolutionParameter = {conv}
    inner_product_param: InnerProductParameter = {inner}
    pooling_param: PoolingParameter = {pool}
    dropout_param: DropoutParameter = {dropout}
"""
_MESSAGES = {
    "BlobShape": "dim: packed int64 = 1",
    "BlobProto": """shape: BlobShape = 7
        data: packed float = 5
        diff: packed float = 6
        double_data: packed double = 8
        num: int32 = 1
        channels: int32 = 2
        height: int32 = 3
        width: int32 = 4""",
    "NetStateRule": "phase: Phase = 1",
    "FillerParameter": """type: string = 1
        value: float = 2
        std: float = 6""",
    "ParamSpec": "lr_mult: float = 3",
    "ConvolutionParameter": """num_output: uint32 = 1
        bias_term: bool = 2
        pad: repeated uint32 = 3
        kernel_size: repeated uint32 = 4
        stride: repeated uint32 = 6
        group: uint32 = 5
        weight_filler: FillerParameter = 7
        bias_filler: FillerParameter = 8
        pad_h: uint32 = 9
        pad_w: uint32 = 10
        kernel_h: uint32 = 11
        kernel_w: uint32 = 12
        stride_h: uint32 = 13
        stride_w: uint32 = 14
        dilation: repeated uint32 = 18""",
    "InnerProductParameter": """num_output: uint32 = 1
        bias_term: bool = 2
        weight_filler: FillerParameter = 3
        bias_filler: FillerParameter = 4
        axis: int32 = 5
        transpose: bool = 6""",
    "PoolingParameter": """pool: PoolMethod = 1
        pad: uint32 = 4
        kernel_size: uint32 = 2
        stride: uint32 = 3
        kernel_h: uint32 = 5
        kernel_w: uint32 = 6
        stride_h: uint32 = 7
        stride_w: uint32 = 8
        global_pooling: bool = 12""",
    "DropoutParameter": "dropout_ratio: float = 1",
    "PowerParameter": """power: float = 1
        scale: float = 2
        shift: float = 3""",
    "BatchNormParameter": """use_global_stats: bool = 1
        eps: float = 3""",
    "ScaleParameter": "bias_term: bool = 4",
    "SliceParameter": """axis: int32 = 3
        slice_point: repeated uint32 = 2""",
    "ReshapeParameter": "shape: BlobShape = 1",
    "LRNParameter": "local_size: uint32 = 1",
    "EltwiseParameter": "coeff: repeated float = 2",
    "DataParameter": """source: string = 1
        batch_size: uint32 = 4""",
    "TransformationParameter": """scale: float = 1
        crop_size: uint32 = 3
        mean_value: repeated float = 5""",
    "InputParameter": "shape: repeated BlobShape = 1",
    "LayerParameter": """name: string = 1
        type: string = 2
        bottom: repeated string = 3
        top: repeated string = 4
        param: repeated ParamSpec = 6
        blobs: repeated BlobProto = 7
        include: repeated NetStateRule = 8
        transform_param: TransformationParameter = 100
        batch_norm_param: BatchNormParameter = 139
        eltwise_param: EltwiseParameter = 110
        data_param: DataParameter = 107
        input_param: InputParameter = 143
        lrn_param: LRNParameter = 118
        power_param: PowerParameter = 122
        reshape_param: ReshapeParameter = 133
        scale_param: ScaleParameter = 142
        slice_param: SliceParameter = 126"""
    + _SHARED.format(conv=106, inner=117, pool=121, dropout=108),
    "V1LayerParameter": """bottom: repeated string = 2
        top: repeated string = 3
        name: string = 4
        include: repeated NetStateRule = 32
        type: LayerType = 5
        blobs: repeated BlobProto = 6
        blobs_lr: repeated float = 7
        lrn_param: LRNParameter = 18"""
    + _SHARED.format(conv=10, inner=17, pool=19, dropout=12),
    "NetParameter": """name: string = 1
        input: repeated string = 3
        input_dim: repeated int32 = 4
        input_shape: repeated BlobShape = 8
        layers: repeated V1LayerParameter = 2
        layer: repeated LayerParameter = 100""",
}


@cache
def _pool() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        numbered = values.items() if isinstance(values, dict) else (
            (word, number) for number, word in enumerate(values))  # fmt: skip
        for word, number in numbered:
            enum.value.add(name=word, number=number)
    for name, lines in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in lines.strip().splitlines():
            _add_field(message, line)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message: Any, line: str) -> None:
    """A field from ``name: [repeated|packed] type = number``."""
    name, _, rest = line.partition(":")
    *label, kind, _, number = rest.split()
    field = message.field.add(name=name.strip(), number=int(number), label=3 if label else 1)
    if kind in _TYPES:
        field.type = _TYPES[kind]
        field.options.packed = label == ["packed"]
    else:
        field.type = 14 if kind in _ENUMS else 11
        field.type_name = f".caffe.{kind}"


def new_net() -> Any:
    """An empty NetParameter."""
    descriptor = _pool().FindMessageTypeByName("caffe.NetParameter")
    return message_factory.GetMessageClass(descriptor)()


def add_blob(layer: Any, array: Array, form: str = "shape") -> None:
    """Add a blob: of today's form ("shape"), of the old one ("legacy"), or of doubles."""
    blob = layer.blobs.add()
    if form == "legacy":
        sides = (*(1,) * (4 - array.ndim), *array.shape)
        blob.num, blob.channels, blob.height, blob.width = sides
    else:
        blob.shape.dim.extend(array.shape)
    (blob.double_data if form == "double" else blob.data).extend(array.ravel().tolist())
