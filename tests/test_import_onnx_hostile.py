"""ONNX files that cannot be imported, or are made to harm: each is refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from onnx import helper

from piecewise.core.array_types import Array
from piecewise.core.errors import ModelFileError, PiecewiseError
from piecewise.exchange.formats.protobuf import message, packed_integers, text, varint
from piecewise.exchange.onnx.exporter import LAYERS, NET
from piecewise.exchange.onnx.graph import Graph

from .exchange_nets import picture_net, text_net
from .memory import PEAK
from .onnx_files import exported
from .onnx_graphs import Node, graph, imported, random

DENSE = {"m": random(12, 3), "b": random(3)}
GEMM: Node = ("Gemm", ["f", "m", "b"], ["y"])
FLAT: Node = ("Flatten", ["x"], ["f"])


def net(*nodes: Node, **constants: Array) -> onnx.ModelProto:
    """A graph of these nodes, from (N, 3, 2, 2) to y."""
    return graph(nodes, {**DENSE, **constants}, ("n", 3, 2, 2))


def with_first_tensor(change: Callable[[onnx.TensorProto], None]) -> onnx.ModelProto:
    """A net with its matrix changed."""
    model = net(FLAT, GEMM)
    change(model.graph.initializer[0])
    return model


def external(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def huge(tensor: onnx.TensorProto) -> None:
    del tensor.dims[:]
    tensor.dims.extend([1 << 62, 1 << 62])


def doubled_numbers(tensor: onnx.TensorProto) -> None:
    tensor.float_data.append(1)


def with_subgraph(depth: int) -> onnx.ModelProto:
    """An If in an If in an If."""
    inner = helper.make_graph([helper.make_node("Identity", ["f"], ["z"])], "inner", [], [])
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "outer", [], [])
    model = net(FLAT, GEMM, c=np.array(True))
    model.graph.node[1].CopyFrom(helper.make_node("If", ["f"], ["y"], "n1", then_branch=inner))
    return model


def deep_message(depth: int) -> bytes:
    """A graph in a node in a graph, with no end."""
    content = b""
    for _ in range(depth):
        content = message(1, [message(5, [message(6, [content])])])
    return message(8, [varint(2, 17)]) + message(7, [content])


def nan(tensor: onnx.TensorProto) -> None:
    tensor.raw_data = np.full(36, np.nan, np.float32).tobytes()


def short(tensor: onnx.TensorProto) -> None:
    tensor.raw_data = tensor.raw_data[:-4]


def complex_numbers(tensor: onnx.TensorProto) -> None:
    tensor.data_type = onnx.TensorProto.COMPLEX64


def doubled_node() -> onnx.ModelProto:
    model = net(FLAT, GEMM)
    model.graph.node.append(model.graph.node[0])
    return model


def doubled_constant() -> onnx.ModelProto:
    model = net(FLAT, GEMM)
    model.graph.initializer.append(model.graph.initializer[0])
    return model


def custom_domain() -> onnx.ModelProto:
    model = net(FLAT, GEMM)
    model.graph.node[0].domain = "com.microsoft"
    return model


CONV_RELU: list[Node] = [("Conv", ["x", "w"], ["c"]), ("Relu", ["c"], ["r"])]
W = {"w": random(3, 3, 1, 1)}
REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], str]] = {
    "external data": (lambda: with_first_tensor(external), "tensor 'm': its numbers are in"),
    "huge sides": (lambda: with_first_tensor(huge), "tensor 'm': it has"),
    "short raw data": (lambda: with_first_tensor(short), "it has 140 bytes, wanted 144"),
    "raw and typed numbers": (lambda: with_first_tensor(doubled_numbers), "are in two fields"),
    "values that are no numbers": (lambda: with_first_tensor(nan), "not finite"),
    "complex numbers": (lambda: with_first_tensor(complex_numbers), "its type is complex64"),
    "subgraphs": (lambda: with_subgraph(3), "layer 'n1 (If)': it has a subgraph"),
    "deep subgraphs": (lambda: with_subgraph(12), "it has a subgraph"),
    "deep messages": (lambda: deep_message(20_000), "no output"),
    "cycle": (lambda: net(("Add", ["g", "b"], ["f"]), ("Relu", ["f"], ["g"]),
                          ("Identity", ["g"], ["y"])), "its output depends on no input"),
    "cycle beside the input": (
        lambda: net(("Add", ["x", "g"], ["f"]), ("Relu", ["f"], ["g"]), ("Identity", ["g"], ["y"])),
        "layer 'n0 (Add)': it joins two branches"),
    "two nodes of one output": (doubled_node, "another tensor has the name of its output, 'f'"),
    "two constants of one name": (doubled_constant, "two initializers of the name 'm'"),
    "unknown tensor": (lambda: net(FLAT, ("Gemm", ["f", "q", "b"], ["y"])), "'q', which nothing"),
    "operator of another domain": (custom_domain, "layer 'n0 (Flatten)': an operator of 'com.mic"),
    "residual": (lambda: net(*CONV_RELU, ("Add", ["r", "c"], ["a"]), ("Flatten", ["a"], ["f"]),
                             GEMM, **W), "layer 'n2 (Add)': it joins two branches"),
    "branch": (lambda: net(*CONV_RELU, ("Add", ["c", "b0"], ["a"]), ("Mul", ["r", "a"], ["d"]),
                           ("Flatten", ["d"], ["f"]), GEMM, b0=random(1), **W),
               "layer 'n2 (Add)': it reads 'c', where the graph branches"),
    "operator without a layer": (
        lambda: net(("Tanh", ["x"], ["t"]), ("Flatten", ["t"], ["f"]), GEMM),
        "layer 'n0 (Tanh)': piecewise has no layer"),
    "ReLU6": (lambda: net(("Clip", ["x", "z", "six"], ["r"]), ("Flatten", ["r"], ["f"]), GEMM,
                          z=np.array(0.0, np.float32), six=np.array(6.0, np.float32)),
              "limits values to 0 to 6"),
    "sigmoid inside": (
        lambda: net(FLAT, ("Sigmoid", ["f"], ["s"]), ("Gemm", ["s", "m", "b"], ["y"])),
        "it is a sigmoid; piecewise has relu, and softmax"),
    "softmax over rows": (lambda: net(("Softmax", ["x"], ["s"], {"axis": 2}),
                                      ("Flatten", ["s"], ["y"])), "other values than the classes"),
    "layer after softmax": (lambda: net(FLAT, ("Gemm", ["f", "m", "b"], ["g"]),
                                        ("Softmax", ["g"], ["s"]), ("Relu", ["s"], ["y"])),
                            "it comes after n2 (Softmax)"),
    "reshape that mixes examples": (
        lambda: net(("Reshape", ["x", "to"], ["f"]), GEMM, to=np.array([4, -1])), "mixes examples"),
    "reshape that splits channels": (
        lambda: net(*CONV_RELU, ("Reshape", ["r", "to"], ["q"]), ("Flatten", ["q"], ["y"]),
                    to=np.array([0, 2, 6]), **W), "'n2 (Reshape)': it reshapes ('N', 3, 2, 2)"),
    "batch norm in training": (
        lambda: net(("BatchNormalization", ["x", "b", "b", "b", "v"], ["n"], {"training_mode": 1}),
                    ("Flatten", ["n"], ["f"]), GEMM, v=np.ones(3, np.float32)), "training mode"),
    "weights that are computed": (
        lambda: net(FLAT, ("Exp", ["m"], ["e"]), ("Gemm", ["f", "e", "b"], ["y"])),
        "layer 'n1 (Exp)': it computes a constant"),
    "constant without an attribute": (
        lambda: net(FLAT, ("Concat", ["m", "m"], ["e"]), ("Gemm", ["f", "e", "b"], ["y"])),
        "layer 'n1 (Concat)': its constants do not fit"),
    "constant of many numbers": (
        lambda: net(FLAT, ("ConstantOfShape", ["sides"], ["e"]), ("Gemm", ["f", "e", "b"], ["y"]),
                    sides=np.array([1 << 40, 3])), "too many constants"),
    "scale that overflows": (
        lambda: net(("Mul", ["x", "a"], ["s"]), ("Flatten", ["s"], ["f"]), GEMM,
                    a=np.array(1e300)), "numbers that are not finite"),
    "scale after a layer that overflows": (
        lambda: net(*CONV_RELU, ("Mul", ["r", "a"], ["s"]), ("Flatten", ["s"], ["f"]), GEMM,
                    a=np.array(1e300), **W), "not finite"),
    "constants that grow": (
        lambda: net(FLAT, ("Mul", ["row", "column"], ["big"]), ("Gemm", ["f", "big", "b"], ["y"]),
                    row=random(1, 1_000_000), column=random(1_000_000, 1)), "too many constants"),
    "operators of an old version": (
        lambda: graph([FLAT, GEMM], DENSE, ("n", 3, 2, 2), opset=6), "wanted opset 7 to 28"),
    "two inputs": (lambda: graph([("Concat", ["x", "x"], ["y"], {"axis": 1})], {}, ("n", 3)),
                   "layer 'n0 (Concat)': it joins two branches"),
    "attribute of another type": (
        lambda: net(("Flatten", ["x"], ["f"], {"axis": [1, 2]}), GEMM), "of another type"),
    "negative stride": (lambda: net(("Conv", ["x", "w"], ["y"], {"strides": [0, -1]}), **W),
                        "its strides: got [0, -1]"),
    "no graph": (lambda: varint(1, 8), "it has 0 graphs"),
    "nothing": (lambda: b"", "an empty file"),
    "other bytes": (lambda: b"\x89PNG\r\n\x1a\n" * 9, "the wire type 6"),
    "sides of a million axes": (
        lambda: Graph("g").to_bytes({}) + message(7, [message(5, [packed_integers(
            1, [1] * 1_100_000)])]), "a list of 1,100,000 bytes"),
    "long name": (lambda: message(7, [message(1, [text(3, "n" * 5_000)])]), "a name of 5,000"),
    "own file of another format": (
        lambda: own(b'"format":1', b'"format":3'), "have format 3, this version reads 1"),
    "own file without a constant": (lambda: own(b"full1.bias", b"full1.bia_"), "is missing"),
    "own file with other layers": (lambda: own(b'"layers":"conv 6', b'"layers":"conv 9'),
                                   "conv1.weight: got float32 (6, 1, 3, 3), wanted float32 (9,"),
}  # fmt: skip


def own(before: bytes, after: bytes) -> bytes:
    """A file of ours with some bytes changed."""
    file = exported(picture_net("grey"))
    assert before in file
    return file.replace(before, after)


@pytest.mark.parametrize("name", REFUSED)
def test_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ModelFileError) as caught:
        imported(make(), tmp_path)
    message = str(caught.value)
    assert words in message
    assert len(message) < 400
    assert "\n" not in message
    assert "Traceback" not in message


def test_net_that_is_not_changed_is_imported(tmp_path: Path) -> None:
    assert imported(net(FLAT, GEMM), tmp_path).architecture.notation == "full"


def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    """Flipped bits, numbers, cuts and doubled pieces."""
    files = [exported(picture_net("grey"), LAYERS), exported(text_net("windows"), NET)]
    model = onnx.load_from_string(files[0])
    del model.metadata_props[:]
    files.append(model.SerializeToString())
    random_, outcomes = Random(5), []
    for _ in range(1_500):
        content = bytearray(random_.choice(files))
        for _ in range(random_.randint(1, 4)):
            at = random_.randrange(len(content))
            kind = random_.randrange(4)
            if kind == 0:
                content[at] ^= 1 << random_.randrange(8)
            elif kind == 1:
                content[at] = random_.choice((0, 1, 127, 128, 255))
            elif kind == 2:
                del content[at : at + random_.randint(1, 9)]
            else:
                content[at:at] = content[at : at + 20]
        try:
            imported(bytes(content), tmp_path)
            outcomes.append(True)
        except PiecewiseError:
            outcomes.append(False)
    assert len(outcomes) == 1_500
    assert 0.02 < np.mean(outcomes) < 0.98


SCRIPT = f"""
import sys
{PEAK}
from pathlib import Path
from piecewise.exchange.import_model import import_model
from piecewise.exchange.registry import ImportOptions
import_model(Path("small.onnx"), ImportOptions())
before = peak()
model = import_model(Path("large.onnx"), ImportOptions())
print(peak() - before, sum(array.nbytes for array in model.tensors.values()))
"""


@pytest.mark.parametrize("own_file", [True, False])
def test_large_file_takes_its_size_and_that_of_the_parameters(
    own_file: bool, tmp_path: Path
) -> None:
    """A file of 100 MB. Its matrix lies as piecewise has it, or transposed."""
    matrix = np.zeros((2_048, 12_800), np.float32)
    nodes: list[Node] = [FLAT, ("Gemm", ["f", "m"], ["h"], {"transB": int(own_file)}),
                         ("MatMul", ["h", "m2"], ["y"])]  # fmt: skip
    constants = {"m": matrix if own_file else matrix.T.copy(), "m2": random(2_048, 3)}
    model = graph(nodes, constants, (None, 2, 64, 100))
    (tmp_path / "large.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "small.onnx").write_bytes(net(FLAT, GEMM).SerializeToString())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, check=True
    )
    grown, parameters = map(int, done.stdout.split())
    size = (tmp_path / "large.onnx").stat().st_size
    assert size > 100e6
    assert grown < size + parameters + 16e6
    if own_file:
        assert grown < size + 16e6  # the parameters are views of the file
