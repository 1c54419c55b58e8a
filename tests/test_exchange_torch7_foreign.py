"""Import of Torch7 files with other modules and other forms of tensors, and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array, Float32
from piecewise.core.errors import ModelFileError
from piecewise.exchange.formats.t7 import T7Error, TorchModule, parse
from piecewise.exchange.formats.t7_writer import LongStorage, T7Writer
from piecewise.exchange.input_scale import InputLevels
from piecewise.exchange.registry import ImportOptions
from piecewise.exchange.torch7 import importer

SHAPE = (4, 9, 8)
X = np.random.default_rng(0).normal(0, 1, (5, *SHAPE)).astype(np.float32)


def random(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def module(kind: str, **fields: Any) -> TorchModule:
    return TorchModule(kind, fields)


def sides(**values: tuple[int, int]) -> dict[str, int]:
    """kH and kW from k, and so on."""
    return {f"{name}{axis}": side for name, pair in values.items()
            for axis, side in zip("HW", pair, strict=True)}  # fmt: skip


def file_of(value: object, folder: Path, writer: T7Writer | None = None) -> Path:
    writer = writer or T7Writer()
    writer.add(value)
    path = folder / "net.t7"
    path.write_bytes(writer.content)
    return path


def read(path: Path, **options: Any) -> Network:
    options.setdefault("input", SHAPE)
    return Network.from_saved_model(importer.read(path, ImportOptions(**options)))


def by_opencv(path: Path, x: Array = X) -> Float32:
    net = cv2.dnn.readNetFromTorch(str(path))
    net.setInput(x)
    return np.asarray(net.forward())


CONVOLUTION = sides(k=(3, 2), d=(1, 2), pad=(1, 0)) | {"nInputPlane": 4, "nOutputPlane": 5}
READ = {
    "matrix of kernels": [module("SpatialConvolutionMM", weight=random(5, 24), bias=random(5),
                                 **CONVOLUTION)],
    "without bias": [module("SpatialConvolution", weight=random(5, 4, 3, 2), **CONVOLUTION)],
    "dilation": [module("SpatialDilatedConvolution", weight=random(5, 4, 3, 2), bias=random(5),
                        **CONVOLUTION, **sides(dilation=(2, 3)))],
    "zeros around": [module("SpatialZeroPadding", pad_l=1, pad_r=2, pad_t=0, pad_b=1),
                     module("SpatialConvolution", weight=random(5, 4, 3, 2), **CONVOLUTION)],
    "zeros around a pool": [module("SpatialZeroPadding", pad_l=1, pad_r=2, pad_t=0, pad_b=1),
                            module("SpatialMaxPooling", ceil_mode=False,
                                   **sides(k=(2, 2), d=(2, 2)))],
    "padded maximum after relu": [
        module("ReLU", threshold=0, val=0),
        module("SpatialMaxPooling", ceil_mode=False, **sides(k=(3, 3), d=(2, 2), pad=(1, 1)))],
    "floor": [module("SpatialMaxPooling", ceil_mode=False,
                     **sides(k=(4, 3), d=(2, 2), pad=(0, 0)))],
    "ceil": [module("SpatialAveragePooling", ceil_mode=True, count_include_pad=True,
                    **sides(k=(4, 3), d=(2, 2), pad=(0, 0)))],
    "padded average": [module("SpatialAveragePooling", ceil_mode=False, count_include_pad=True,
                              **sides(k=(3, 3), d=(1, 1), pad=(1, 1)))],
    "batch norm": [module("SpatialBatchNormalization", eps=1e-3, running_mean=random(4),
                          running_var=random(4) ** 2 + np.float32(0.1))],
    "nested": [module("Sequential", modules=[module("Sequential", modules=[
        module("Identity"), module("ReLU", threshold=0, val=0)])])],
    "old dropout": [module("Dropout", p=0.25)],
    "new dropout": [module("SpatialDropout", p=0.25, v2=True)],
    "factor": [module("MulConstant", constant_scalar=0.25)],
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_module_of_torch_agrees_with_opencv(name: str, tmp_path: Path) -> None:
    probe = module("Sequential", modules=READ[name])
    flat = by_opencv(file_of(probe, tmp_path)).reshape(len(X), -1)
    weight, bias = random(3, flat.shape[1], seed=3), random(3, seed=4)
    end = [module("View", size=LongStorage((-1, flat.shape[1]))),
           module("Linear", weight=weight, bias=bias)]  # fmt: skip
    path = file_of(module("Sequential", modules=[*READ[name], *end]), tmp_path)
    logits = read(path, levels=InputLevels(range=(-1, 1))).logits(X)
    np.testing.assert_allclose(logits, flat @ weight.T + bias, rtol=1e-4, atol=1e-4)
    assert np.abs(logits).max() > 0.3


class DoubleWriter(T7Writer):
    """Writes tensors of doubles, whose storage holds the transposed array after two numbers."""

    def _tensor(self, array: Float32) -> None:
        self._begin("torch.DoubleTensor")
        stored = np.ascontiguousarray(array.T, "<f8")
        self._integers(array.ndim)
        steps = (step // 8 for step in stored.T.strides)
        self._longs(*array.shape, *steps, 3)
        self._begin("torch.DoubleStorage")
        self._longs(2 + array.size)
        self._parts += [bytes(16), stored.tobytes()]


class ShortLongWriter(T7Writer):
    """Writes files of 32-bit machines."""

    def _longs(self, *values: int) -> None:
        self._integers(*values)


@pytest.mark.parametrize("writer", [DoubleWriter, ShortLongWriter])
def test_other_forms_of_tensors_are_the_same_net(writer: type[T7Writer], tmp_path: Path) -> None:
    modules = [
        module("View", size=LongStorage(SHAPE)),
        *READ["without bias"],
        module("Reshape", size=LongStorage((180,)), batchMode=True),
        module("Linear", weight=random(3, 180), bias=random(3)),
        module("LogSoftMax"),
    ]
    plain = read(file_of(module("Sequential", modules=modules), tmp_path), input=None)
    other = read(file_of(module("Sequential", modules=modules), tmp_path, writer()), input=None)
    assert plain.notation == other.notation == "conv 5 3x2 stride=1x2 pad=1x0 bias=no, full"
    assert plain.input == SHAPE
    assert plain.parameters_sha256 == other.parameters_sha256


def test_checkpoint_with_one_net_is_read(tmp_path: Path) -> None:
    net = module("Sequential", modules=[module("Linear", weight=random(3, 4), bias=random(3))])
    path = file_of({"epoch": 3, "model": net, "name": "x"}, tmp_path)
    assert read(path, input=(4, 1, 1)).notation == "full"
    with pytest.raises(ModelFileError, match="2 networks"):
        read(file_of({"a": net, "b": net}, tmp_path), input=(4, 1, 1))


POOL = sides(k=(3, 3), d=(2, 2), pad=(1, 1))
REFUSED: dict[str, tuple[Any, str]] = {
    "LRN": (module("SpatialCrossMapLRN", size=5), "no layer for the module SpatialCrossMapLRN"),
    "branches": (module("Concat", dimension=2, modules=[]), "no layer for the module Concat"),
    "threshold": (module("Threshold", threshold=0.5, val=0), "its threshold"),
    "padded maximum": (module("SpatialMaxPooling", ceil_mode=False, **POOL), "padding"),
    "sum": (module("SpatialAveragePooling", divide=False, **sides(k=(2, 2), d=(2, 2))),
            "adds without dividing"),
    "window past the edge": (module("SpatialMaxPooling", ceil_mode=True,
                                    **sides(k=(1, 1), d=(5, 5))), "past the edge"),
    "no weight": (module("SpatialConvolution", **CONVOLUTION), "it has no weight"),
    "no kernel": (module("SpatialConvolution", weight=random(5, 4, 3, 2)), "it has no kH"),
    "half a side": (module("SpatialMaxPooling", kH=1.5, kW=2, dH=1, dW=1), "wanted a whole number"),
    "reshape": (module("Reshape", size=LongStorage((8, 36))), "it reshapes 4x9x8 to (8, 36)"),
    "not flattened": (module("Linear", weight=random(3, 288)), "wanted a row of values"),
    "softmax per cell": (module("SoftMax"), "a softmax at each of 72 positions"),
    "text for a tensor": (module("Linear", weight="w"), "wanted a"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_module_that_piecewise_lacks_is_refused_by_name(name: str, tmp_path: Path) -> None:
    modules, words = REFUSED[name]
    modules = modules if isinstance(modules, list) else [modules]
    path = file_of(module("Sequential", modules=modules), tmp_path)
    with pytest.raises(ModelFileError) as caught:
        read(path)
    assert f"nn.{modules[-1].kind}" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_without_input_shape_is_refused_with_a_remedy(tmp_path: Path) -> None:
    net = module("Sequential", modules=READ["without bias"])
    with pytest.raises(ModelFileError, match="give channels, rows and columns with `input`"):
        read(file_of(net, tmp_path), input=None)


def integers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def text(value: str) -> bytes:
    return integers(len(value)) + value.encode()


def tensor(shape: tuple[int, ...], strides: tuple[int, ...], first: int, count: int) -> bytes:
    """A FloatTensor with a storage of as many numbers."""
    longs = struct.pack(f"<{2 * len(shape) + 1}q", *shape, *strides, first)
    head = integers(4, 1) + text("V 1") + text("torch.FloatTensor") + integers(len(shape)) + longs
    storage = integers(4, 2) + text("V 1") + text("torch.FloatStorage") + struct.pack("<q", count)
    return head + storage + bytes(4 * min(count, 100))


def storage_of(count: int) -> bytes:
    return integers(4, 1) + text("torch.LongStorage") + struct.pack("<q", count)


HOSTILE = {
    "function": (integers(6, 1, 0), "functions are code"),
    "new function": (integers(8, 1, 4) + b"\x1bLua", "functions are code"),
    "other class": (integers(4, 1) + text("V 1") + text("os.execute"), "'os.execute'"),
    "other version": (integers(4, 1) + text("V 2") + text("nn.Linear"), "version"),
    "class with code in its name": (integers(4, 1) + text("V 1") + text("nn.a()"), "not read"),
    "endless table": (integers(3, 1, 2**31 - 1), "a table of 2,147,483,647 entries"),
    "negative table": (integers(3, 1, -5), "entries"),
    "endless text": (integers(2, 2**31 - 1), "a text of"),
    "huge storage": (storage_of(2**60), "longer than the file"),
    "huge tensor": (tensor((2**40, 2**40), (1, 1), 1, 100), "with a storage of 100 numbers"),
    "tensor past its storage": (tensor((5,), (30,), 1, 100), "reaches past its storage"),
    "tensor before its storage": (tensor((5,), (1,), -3, 100), "reaches past its storage"),
    "negative stride": (tensor((5,), (-1,), 9, 100), "with a storage"),
    "one number many times": (tensor((50, 50), (0, 1), 1, 100), "with a storage of 100"),
    "many dimensions": (tensor((1,) * 9, (1,) * 9, 1, 1), "9 dimensions"),
    "nesting": (b"".join(integers(3, n + 1, 1) for n in range(500)) + integers(1) + bytes(999),
                "inside each other"),
    "truncated": (integers(1), "truncated"),
    "rest": (integers(0, 0), "follow its end"),
    "no file of Torch": (b"PK\x03\x04" + bytes(60), "is it a binary Torch7 file"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_in_a_sentence(name: str) -> None:
    content, words = HOSTILE[name]
    with pytest.raises(T7Error) as caught:
        parse(memoryview(content))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 150


def test_tensor_within_its_storage_is_read() -> None:
    """A control of the hostile tensors."""
    assert parse(memoryview(tensor((5, 3), (20, 2), 4, 100))).shape == (5, 3)


def test_sequential_inside_itself_is_refused(tmp_path: Path) -> None:
    head = integers(4, 1) + text("V 1") + text("nn.Sequential") + integers(3, 2, 1)
    modules = integers(2) + text("modules") + integers(3, 3, 1)
    (tmp_path / "net.t7").write_bytes(
        head + modules + integers(1) + struct.pack("<d", 1) + integers(4, 1)
    )
    with pytest.raises(ModelFileError, match="more than 2,000 modules"):
        read(tmp_path / "net.t7")


def test_file_in_ascii_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "net.t7").write_text("4\n1\n3\nV 1\n13\nnn.Sequential\n")
    with pytest.raises(ModelFileError, match=r"ASCII; save it again"):
        read(tmp_path / "net.t7")
