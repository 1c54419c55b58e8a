"""`net.loop_listing` shows the generated code: tiles, counts and every kind of layer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from piecewise import LimitError, Network
from piecewise.core.windows import complete_windows
from piecewise.engine.codegen.network_program import ProgramSpec, generate_network_ir
from piecewise.engine.ir.llvm_text import Function, Module
from piecewise.engine.ir.window_terms import backward_terms, forward_terms, source_formula
from piecewise.engine.kernels.convolution import Emitter
from piecewise.engine.passes.convolution import ConvolutionPass
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.engine.runtime.loop_listing import listing
from piecewise.spec.architecture import Architecture
from piecewise.spec.layers import KINDS

PICTURES = (
    "conv 16 5, relu, pool 2, conv 8 3 pad=same stride=2, norm, relu, dropout 0.5, "
    "pool 3 stride=2 kind=average, full 20, relu, full"
)
NETS = {
    "pictures": Architecture(PICTURES, (1, 28, 28), 10),
    "first relu": Architecture("relu, conv 3 3 mean, relu, full", (2, 9, 11), 3),
    "texts": Architecture("embed 5, conv 3 1x3, relu, pool all, full", (1, 30, 9), 3),
    "by table": Architecture("conv 4 1x16, relu, conv 3 13x20 pad=same, full", (2, 14, 40), 3),
    "tiles": Architecture("norm, conv 17 3 pad=1, relu, pool 2, full", (16, 8, 29), 3),
    "large pool": Architecture("conv 3 5, norm, pool 7 stride=2, relu, full", (1, 60, 61), 2),
}
TRAINING = ProgramSpec("train", training=True, optimizer="sgd")


@pytest.mark.parametrize("form", ["avx512", "avx2", "four"])
@pytest.mark.parametrize("name", NETS)
def test_listing_counts_every_multiply_add(name: str, form: str) -> None:
    try:
        machine = host_target(form)
    except LimitError:
        pytest.skip(f"this processor has no {form}")
    made = generate_network_ir(NETS[name], machine, TRAINING)
    called = {kernel for _, kernel in made.calls}
    listed = 0
    for kernel in (*sorted(called), "loss"):
        function = made.kernels[kernel]
        written = len(re.findall(r"call .* @llvm\.fma", function.text()))
        assert sum(note.products for note in function.notes) == written, kernel
        for note in function.notes:
            assert not note.products or note.text.startswith(f"{note.products} times ")
            assert "%v" not in note.text, kernel
        listed += written
    assert listed
    assert "%" not in listing(NETS[name], target=machine)


@pytest.mark.parametrize("form", ["avx512", "avx2"])
def test_listing_shows_tile_sizes_of_emitter(form: str) -> None:
    try:
        machine = host_target(form)
    except LimitError:
        pytest.skip(f"this processor has no {form}")
    architecture = NETS["pictures"]
    made = generate_network_ir(architecture, machine, TRAINING)
    first = made.passes[0]
    assert isinstance(first, ConvolutionPass)
    what = first.correlation(first.convolved, relu=False)
    emitter = Emitter(Function("tried", [], machine.lanes), Module(), machine, what)
    height, width = emitter.outputs, emitter.width
    text = listing(architecture, "conv1", machine)
    assert f"{height} at once" in text
    assert f"{width} columns at once" in text
    assert f"{height * width} sums in registers: {height} x {width}, each starts at bias" in text
    products = height * width * 5
    assert f"{products} times sum += weight[f][c][ky][kx] * x[c][y + ky][x + kx]" in text
    assert f"vectors of {machine.lanes} examples ({form})" in text


def test_listing_shows_loops_of_every_layer_kind() -> None:
    for architecture in NETS.values():
        whole_text = listing(architecture)
        for stage in architecture.stages:
            text = listing(architecture, stage.name)
            assert text in whole_text
            forward, back = text.split("\nbackward\n")
            assert "for " in forward
            first = stage.name == architecture.stages[0].name and not stage.parameters
            assert ("for " in back) != first, stage.name
    kinds = {type(stage.layer) for net in NETS.values() for stage in net.stages}
    assert kinds == set(KINDS)


def test_listing_separates_inference_from_training() -> None:
    text = listing(NETS["pictures"], "norm1")
    answering, learning = text.split("forward, training")
    assert "running statistics" in answering
    assert "batch statistics of each channel" in learning
    assert "nothing to do" in listing(NETS["pictures"], "dropout1").split("forward, training")[0]


def test_source_formula_describes_terms() -> None:
    windows = complete_windows(11, 3, 2, 1, 1)
    assert source_formula(forward_terms(windows), "x", "kx") == "2 * x + kx - 1"
    assert source_formula(backward_terms(windows), "x", "kx") == "(x - kx + 1) / 2"
    assert source_formula(forward_terms(complete_windows(7, 1, 1, 0, 0)), "x", "kx") == "x"
    assert source_formula(((), ((0, 3),), ((0, 7),), ((0, 1),)), "x", "kx") == "."


@pytest.mark.parametrize("name", ["conf1", "", "full9", 7])
def test_loop_listing_unknown_layer_raises_limit_error(name: str) -> None:
    net = Network("conv 2 3, full", input=(1, 6, 6), classes=2)
    with pytest.raises(LimitError, match=r"layer: got .*(did you mean|known names:)") as caught:
        net.loop_listing(name)
    assert name != "conf1" or "did you mean 'conv1'?" in str(caught.value)


def test_loop_listing_of_network_uses_host_target() -> None:
    net = Network("conv 2 3, relu, full", input=(1, 6, 6), classes=2)
    assert net.loop_listing("relu1") == net.loop_listing("conv1")
    assert net.loop_listing() == listing(net.architecture)


def test_docs_show_current_listing() -> None:
    page = (Path(__file__).parents[1] / "docs" / "engine.md").read_text()
    shown = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    try:
        machine = host_target("avx512")
    except LimitError:
        pytest.skip("this processor has no avx512")
    architecture = Architecture("conv 16 5, relu, pool 2, full", (1, 28, 28), 10)
    assert shown[1].rstrip() == listing(architecture, "conv1", machine)
    assert page.count("\n") <= 120


def test_listing_of_mostly_full_layers_shows_two_groups() -> None:
    text = listing(Architecture("full 200, relu, full", (1, 12, 12), 10), target=host_target())
    assert text.count("two groups at a time") == 2
    assert text.count("each a sum of products, 2 groups at once") == 3
    assert text.count("batch_weight_gradient: weight gradient of a whole batch") == 1
    assert text.count("once per group of the shard") == 2
    assert text.count("full_weight_gradient") == 1
