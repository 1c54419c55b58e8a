"""Import of state dicts: names in every usual style, types of numbers, and what is refused."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
import pytest
from safetensors.numpy import save_file

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.core.errors import ModelFileError, PiecewiseError
from piecewise.exchange.pytorch import importer
from piecewise.exchange.pytorch.state_names import UnknownOrderError, in_order
from piecewise.exchange.registry import ImportOptions
from piecewise.storage.model_file import SavedModel

from .exchange_judging import ALL, net_of
from .exchange_nets import picture_net, random_net, text_net

Namer = Callable[[str], str]
TORCH = {"mean": "running_mean", "variance": "running_var"}
STYLES: dict[str, Namer] = {
    "piecewise": lambda layer: layer,
    "wrapped": lambda layer: f"module.{layer}",
    "features": lambda layer: f"features.{number_in(layer)}.{layer.rstrip('0123456789')}",
    "blocks": lambda layer: f"net.block{number_in(layer)}.inner.{layer.rstrip('0123456789')}",
}


def number_in(layer: str) -> int:
    """The number of a layer among those of its kind, in tens so that it has to be read as one."""
    return 3 * int(layer.strip("abcdefghijklmnopqrstuvwxyz"))


def state_dict(net: Network, style: str = "piecewise") -> dict[str, Array]:
    """The arrays of a network under the names of PyTorch."""
    named: dict[str, Array] = {}
    for name, array in net.state.items():
        layer, _, short = name.partition(".")
        named[f"{STYLES[style](layer)}.{TORCH.get(short, short)}"] = np.array(array)
        if short == "variance":
            named[f"{STYLES[style](layer)}.num_batches_tracked"] = np.array(7)
    return named


def imported(
    path: Path, tensors: Mapping[str, Array], net: Network, **options: object
) -> SavedModel:
    """What comes of a file with tensors, for the layers and the input of a network."""
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    chosen = {"layers": net.notation, "input": net.input, **options}
    return importer.read(path, ImportOptions(**chosen))  # type: ignore[arg-type]


def assert_same(model: SavedModel, net: Network) -> None:
    assert model.architecture.notation == net.notation
    assert set(model.tensors) == set(net.state)
    for name, array in net.state.items():
        assert model.tensors[name].dtype == np.float32
        assert model.tensors[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ALL)
def test_state_dict_of_every_kind_of_net_has_the_same_bits(
    style: str, kind: str, tmp_path: Path
) -> None:
    net = net_of(kind)
    model = imported(tmp_path / "s.safetensors", state_dict(net, style), net)
    assert_same(model, net)
    assert len(model.architecture.classes) == len(net.classes)


@pytest.mark.parametrize("seed", range(60))
def test_state_dict_of_random_net_has_the_same_bits(seed: int, tmp_path: Path) -> None:
    net = random_net(seed, texts=seed % 4 == 3)
    names = tuple(f"c{number}" for number in range(len(net.classes)))
    model = imported(tmp_path / "s.safetensors", state_dict(net), net, classes=names)
    assert_same(model, net)
    assert model.architecture.classes == names


@pytest.mark.parametrize("kind", ["picture grey", "text strides"])
def test_own_model_file_is_loaded(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    net.save(tmp_path / "net.safetensors")
    model = importer.read(tmp_path / "net.safetensors", ImportOptions())
    assert_same(model, net)
    assert model.architecture.classes == net.classes
    assert model.calibration == net.calibration


def test_imported_network_predicts_and_is_saved(tmp_path: Path) -> None:
    net = picture_net("colour")
    model = imported(tmp_path / "s.safetensors", state_dict(net), net)
    again = Network.from_saved_model(model)
    again.save(tmp_path / "net.safetensors")
    inputs = np.random.default_rng(0).random((3, *net.input), np.float32)
    assert again.logits(inputs).tolist() == net.logits(inputs).tolist()


def test_notes_name_what_the_file_left_out(tmp_path: Path) -> None:
    net = picture_net("colour")
    tensors = state_dict(net)
    del tensors["full1.bias"], tensors["norm1.weight"], tensors["norm1.bias"]
    model = imported(tmp_path / "s.safetensors", tensors, net)
    assert not model.tensors["full1.bias"].any()
    assert model.tensors["norm1.weight"].tolist() == [1] * 6
    notes = model.training_summary["imported"]["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "norm1.weight", "norm1.bias", "full1.bias", "inputs"
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F64"])
def test_other_floats_become_float32(dtype: str, tmp_path: Path) -> None:
    net = Network("conv 2 3, full", (1, 4, 4), 2)
    exact = np.array([-1.5, 0, 1, 3], np.float32)
    values = {name: np.resize(exact, array.shape) for name, array in net.state.items()}
    write_raw(
        tmp_path / "s.safetensors", {name: encoded(array, dtype) for name, array in values.items()}
    )
    options = ImportOptions(layers=net.notation, input=net.input)
    model = importer.read(tmp_path / "s.safetensors", options)
    for name, array in values.items():
        assert model.tensors[name].tolist() == array.tolist()


def encoded(array: Array, dtype: str) -> tuple[str, tuple[int, ...], bytes]:
    """A float32 array in another type, whose numbers it has exactly."""
    if dtype == "BF16":
        content = (array.view(np.uint32) >> 16).astype("<u2").tobytes()
    else:
        content = array.astype({"F16": "<f2", "F64": "<f8"}.get(dtype, "<f4")).tobytes()
    return dtype, array.shape, content


def write_raw(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    """A .safetensors file of encoded tensors."""
    header, content = {}, b""
    for name, (dtype, shape, encoded_values) in tensors.items():
        offsets = [len(content), len(content) + len(encoded_values)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        content += encoded_values
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)


def test_tensors_that_are_not_aligned_are_read(tmp_path: Path) -> None:
    net = Network("full", (1, 1, 3), 2)
    tensors = {name: encoded(array, "F32") for name, array in net.state.items()}
    write_raw(tmp_path / "s.safetensors", tensors)
    path = tmp_path / "s.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    for pad in range(1, 4):
        padded = (length + pad).to_bytes(8, "little") + content[8 : 8 + length] + b" " * pad
        path.write_bytes(padded + content[8 + length :])
        model = importer.read(path, ImportOptions(layers="full", input=net.input))
        assert_same(model, net)
        assert all(array.flags.aligned for array in model.tensors.values())


def test_kernels_without_rows_and_convolutions_for_full_are_read(tmp_path: Path) -> None:
    net = Network("conv 4 1x3, relu, conv 5 1x2, pool all, full 6, relu, full", (2, 1, 9), 3)
    tensors = state_dict(net)
    for name in ("conv1.weight", "conv2.weight"):
        tensors[name] = tensors[name][:, :, 0]
    tensors["full1.weight"] = tensors["full1.weight"][:, :, None, None]
    assert_same(imported(tmp_path / "s.safetensors", tensors, net), net)


def edited(**changes: Array | None) -> dict[str, Array]:
    """The state dict of `BASE` with other tensors; "conv1_weight" stands for conv1.weight."""
    tensors = state_dict(BASE)
    for key, array in changes.items():
        name = key.replace("_", ".", 1)
        tensors.pop(name, None)
        if array is not None:
            tensors[name] = array
    return tensors


BASE = Network("conv 4 3, norm, relu, conv 4 2, full 5, relu, full", (1, 7, 7), 3)
ONE = np.ones(4, np.float32)
REFUSED: dict[str, tuple[dict[str, Array], dict[str, object], str]] = {
    "no layers": (edited(), {"layers": None}, "give the layers in the notation"),
    "no input": (edited(), {"input": None}, "rows and columns with `input`"),
    "left over": (edited(head_weight=np.ones((2, 9), np.float32)), {},
                  r"no layer takes 'head.weight' \(2, 9\)"),
    "missing layer": (
        {k: v for k, v in edited().items() if not k.startswith("conv2")}, {},
        r"conv2 wants a weight of the shape \(4, 4, 2, 2\), which the file does not have$"),
    "another shape": (edited(conv2_weight=np.ones((4, 4, 3, 2), np.float32)), {},
                      r"conv2 wants .* does not have; it has 'conv2.weight' \(4, 4, 3, 2\)"),
    "no bias": (edited(conv1_bias=None), {},
                "conv1.bias is missing beside 'conv1.weight'; write bias=no"),
    "bias for none": (edited(), {"layers": BASE.notation.replace("4 3", "4 3 bias=no")},
                      "conv1 does not take 'conv1.bias'"),
    "no variance": (edited(norm1_running_var=None), {}, "norm1 wants running_mean and "
        "running_var beside"),
    "unknown tensor": (edited(conv1_weight_g=np.ones((4, 1, 1, 1), np.float32)), {},
                       "the tensor 'conv1.weight_g' is none that piecewise knows"),
    "integers": (edited(conv1_weight=np.ones((4, 1, 3, 3), np.int8)), {},
                 "got I8, wanted one of F16"),
    "infinite": (edited(conv1_bias=ONE * np.float32(np.inf)), {},
                 "'conv1.bias' has values that are not finite"),
    "too large for float32": (edited(conv1_bias=np.full(4, 1e39)), {}, "not finite in float32"),
    "negative variance": (edited(norm1_running_var=-ONE), {}, "values below 0"),
    "short bias": (edited(conv1_bias=ONE[:3]), {}, r"'conv1.bias': got the shape \(3,\)"),
    "wrong notation": (edited(), {"layers": "conv 4 3, nrom, full"}, "nrom"),
    "layers that do not fit": (edited(), {"layers": "conv 4 9, full"}, "larger than its input"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_state_dict_that_does_not_fit_is_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    tensors, options, message = REFUSED[case]
    with pytest.raises(PiecewiseError, match=message) as caught:
        imported(tmp_path / "s.safetensors", tensors, BASE, **options)
    assert "\n" not in str(caught.value)
    assert "safetensors" not in str(caught.value)


def test_equal_shapes_without_numbers_are_refused_by_name(tmp_path: Path) -> None:
    net = Network("full 5, relu, full 5, relu, full", (1, 1, 5), 3)
    renamed = {"full1": "encoder.fc", "full2": "head.fc", "full3": "last"}
    tensors = {f"{renamed[n.split('.')[0]]}.{n.split('.')[1]}": a for n, a in net.state.items()}
    with pytest.raises(
        ModelFileError, match=r"'encoder\.fc\.weight' .*, 'head\.fc\.weight' .* have"
    ):
        imported(tmp_path / "s.safetensors", tensors, net)


def test_embedding_and_full_layer_of_one_shape_differ_by_the_bias(tmp_path: Path) -> None:
    preprocessor = text_net("average").preprocessor  # of 28 tokens
    layers = "embed 5, pool all, full 28, relu, full"
    net = Network(layers, preprocessor.shape, 3, preprocessor=preprocessor)
    assert net.state["embed1.weight"].shape == net.state["full1.weight"].shape
    modules = {"embed1": "words", "full1": "hidden", "full2": "out"}
    tensors = {}
    for name, array in net.state.items():
        layer, _, short = name.partition(".")
        tensors[f"{modules[layer]}.{short}"] = array
    assert_same(imported(tmp_path / "s.safetensors", tensors, net), net)


def test_number_of_classes_follows_from_the_tensors(tmp_path: Path) -> None:
    net = Network("conv 4 3, pool all, full 4, relu, full, norm", (1, 7, 7), 6)
    model = imported(tmp_path / "s.safetensors", state_dict(net), net)
    assert model.architecture.classes == tuple("012345")


def test_modules_are_ordered_by_numbers() -> None:
    random = Random(0)
    orders = (
        ["conv1", "conv2", "conv10"],
        ["features.0", "features.3", "features.10.conv", "features.11"],
        ["layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "layer2.0.conv1"],
        ["fc", "fc2", "fc3"],
        ["dense_1", "dense_2"],
    )
    for names in orders:
        for _ in range(20):
            assert in_order(random.sample(names, len(names))) == names
    for first, second in (
        ("a", "b"),
        ("features.0", "head.0"),
        ("conv1.a", "conv1.b"),
        ("x", "xy"),
    ):
        with pytest.raises(UnknownOrderError):
            in_order([first, second])


def test_large_file_is_not_copied(tmp_path: Path) -> None:
    """Arrays are views of the mapped file."""
    net = Network("full 2000, relu, full", (1, 50, 60), 3)
    save_file(
        {name: np.array(array) for name, array in net.state.items()}, tmp_path / "s.safetensors"
    )
    size = (tmp_path / "s.safetensors").stat().st_size
    options = ImportOptions(layers=net.notation, input=net.input)
    del net
    tracemalloc.start()
    try:
        model = importer.read(tmp_path / "s.safetensors", options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 24_000_000
    assert peak < size / 10
    assert not model.tensors["full1.weight"].flags.owndata


def test_mutated_files_raise_own_errors_only(tmp_path: Path) -> None:
    net = Network("conv 2 3, norm, full", (1, 4, 4), 2)
    path = tmp_path / "s.safetensors"
    save_file({name: np.array(array) for name, array in state_dict(net).items()}, path)
    content, random, refused = path.read_bytes(), Random(1), list[str]()
    options = ImportOptions(layers=net.notation, input=net.input)
    for _ in range(1_500):
        changed = bytearray(content)
        for _ in range(random.randint(1, 4)):
            changed[random.randrange(min(len(changed), 900))] = random.randrange(256)
        if random.random() < 0.2:
            del changed[random.randrange(len(changed)) :]
        path.write_bytes(changed)
        try:
            importer.read(path, options)
        except (OSError, ValueError) as error:
            refused.append(str(error))
    assert len(refused) > 300
    assert max(map(len, refused)) < 600
