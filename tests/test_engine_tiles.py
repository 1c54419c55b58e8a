"""Convolutions in tiles: which ones there are, and how far their sums are from direct sums."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.engine.codegen.network_program import ProgramSpec, generate_network_ir
from piecewise.engine.passes.winograd import uses_tiles
from piecewise.engine.runtime.compiled_program import InferenceProgram, TrainingProgram
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.reference import model
from piecewise.spec.architecture import Architecture

from . import oracle_tiles
from .networks import Sample, numbers_for
from .test_compiled import assert_same_bits, forms
from .test_engine import Case, assert_agrees, flat, form
from .test_engine_bits import learned

LIMIT = 2e-6
"""How far a map of a layer in tiles may be from the sums of products: the norm of the difference,
divided by the norm of the map."""
NETS = {
    "sizes": ("conv 17 3, relu, conv 16 3 pad=same bias=no, pool 2, full", (18, 14, 13)),
    "padding": ("norm, conv 16 3 pad=2x0, norm, relu, conv 20 3 pad=0x2, full", (16, 8, 9)),
    "pooling": (
        "conv 16 3 pad=same, pool 1x3, relu, conv 33 3 pad=same, relu, pool 4 edge=partial, full",
        (16, 11, 25),
    ),
    "threes": ("conv 16 3 pad=same, pool 3, relu, full", (16, 11, 8)),
    "wide": ("norm, conv 20 3 pad=same, relu, pool 2 edge=drop, full", (16, 7, 61)),
    "far padding": ("norm, conv 16 3 pad=3x2, relu, pool 2x1, conv 16 3, full", (16, 18, 8)),
}
"""Layers in tiles, forward or backward, of different sizes, paddings and poolings."""


@pytest.mark.parametrize(
    ("layers", "shape", "forward", "backward"),
    [
        ("conv 16 3 pad=same", (16, 8, 8), True, True),
        ("conv 16 3 pad=same", (16, 7, 7), True, True),
        ("conv 16 3", (16, 10, 10), True, False),  # 8x8 output cells, but 10x10 input gradients
        ("conv 16 3 pad=2", (16, 8, 8), False, True),
        ("conv 16 3 pad=same", (16, 6, 6), False, False),
        ("conv 128 3 pad=same", (64, 8, 8), True, True),
        ("conv 128 3 pad=same", (80, 8, 8), False, False),  # too many weights for four tiles
        ("conv 128 3 pad=same", (80, 12, 12), True, True),
        ("conv 16 3 pad=same", (15, 8, 8), False, False),
        ("conv 15 3 pad=same", (16, 8, 8), False, False),
        ("conv 16 3 pad=same mean", (16, 8, 8), False, False),
        ("conv 16 3 stride=2", (16, 17, 17), False, False),
        ("conv 16 1x3 pad=same", (16, 8, 8), False, False),
        ("conv 16 5 pad=same", (16, 8, 8), False, False),
    ],
)
def test_shapes_alone_decide_about_tiles(
    layers: str, shape: tuple[int, int, int], forward: bool, backward: bool
) -> None:
    stage = Architecture(f"{layers}, full", shape, 2).stages[0]
    assert uses_tiles(stage) == forward
    assert uses_tiles(stage, backward=True) == backward


def sample_of(name: str, count: int) -> Sample:
    layers, shape = NETS[name]
    return numbers_for(Architecture(layers, shape, 3), f"tiles {name}", count)


@pytest.mark.parametrize("name", NETS)
def test_tiles_match_reference_and_write_only_their_buffers(name: str) -> None:
    made = sample_of(name, 19)
    stages = [stage for stage in made.architecture.stages if stage.name.startswith("conv")]
    for backward in (False, True):
        assert any(uses_tiles(stage, backward=backward) for stage in stages)
    order = np.random.default_rng(1).permutation(19)
    pictures, machine = made.x.astype(np.float32), host_target()
    assert_agrees(Case(made, pictures, order, 3, "squared", 2, 2, machine, apart=name < "s"))


def test_program_has_one_transposition_and_one_kernel_for_all_partial_tiles() -> None:
    """Each of them takes a tenth of the compile time of a small net."""
    architecture = Architecture("conv 16 3, relu, conv 16 3, relu, full", (16, 20, 21), 3)
    made = generate_network_ir(architecture, host_target(), ProgramSpec("infer"))
    names = [name.split(".")[0] for name in made.kernels]
    assert names.count("transpose") == names.count("transform_source") == 1
    assert names.count("transform_sums") == 2


@pytest.mark.parametrize("vectors", forms())
@pytest.mark.parametrize("name", NETS)
def test_single_image_in_tiles_has_the_bits_of_a_batch(name: str, vectors: str) -> None:
    layers, shape = NETS[name]
    net = Network(layers, shape, 3, seed=1)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    assert_same_bits(net, x, vectors, layers)


def test_training_in_tiles_any_threads_and_vectors_has_same_bits() -> None:
    made = numbers_for(
        Architecture("norm, conv 17 3 pad=1x2, relu, pool 2, full", (16, 8, 9), 4), "tiles", 100
    )
    found = {learned(made, form(vectors), threads)
             for vectors in forms() for threads in (1, 2, 3)}  # fmt: skip
    assert len(found) == 1


def map_of(program: InferenceProgram | TrainingProgram, name: str, channels: int) -> Array:
    """A buffer of the first thread, (channels, cells, 16)."""
    buffer = program.ir.plan.buffers[name]
    memory = program.memories[0][buffer.offset : buffer.offset + buffer.size]
    return memory.view(np.float32).reshape(channels, -1, 16).copy()


def off(found: Array, wanted: Array) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize(("channels", "features"), [(16, 16), (64, 32), (256, 16)])
def test_maps_in_tiles_are_near_the_sums_of_products(
    channels: int, features: int, positive: bool
) -> None:
    shape = (channels, 9, 12)
    text = f"conv {features} 3 pad=same, full"
    architecture = Architecture(text, shape, 2)
    made = numbers_for(architecture, f"near {channels}", 16)
    x = np.maximum(made.x, 0) if positive else made.x
    net = Network(text, shape, 2)
    for name, array in made.arrays.items():
        net.parameters[name] = array
    program = InferenceProgram(architecture)
    pictures = x.astype(np.float32)
    program.logits(
        pictures, net.parameters.flat, net.running_stats.flat, net.preprocessor.scaling, 1
    )
    found = map_of(program, "conv1", features)
    exact = model.forward(architecture.stages[:1], made.arrays, x)[0][0]
    exact = exact.reshape(16, features, -1).transpose(1, 2, 0)
    assert off(found, exact) < LIMIT
    walks = [net.walk(picture) for picture in pictures]
    direct = np.stack([walk["conv1"].reshape(features, -1) for walk in walks], axis=-1)
    assert 0 < off(found, direct) < LIMIT
    assert off(np.array([walk.logits for walk in walks]), net.logits(pictures)) < 5 * LIMIT
    why = walks[0].why("conv1", 5, 8, 11)
    assert why.recomputed == why.value == walks[0]["conv1"][5, 8, 11]


class WeightGradient(NamedTuple):
    """The weight gradient of a convolution over one group, and what it is the sum of."""

    found: Array
    x: Array
    """(C, H, W, 16)."""
    upstream: Array
    """(F, H, W, 16)."""

    @property
    def exact(self) -> Array:
        """The sums of products in float64."""
        high, wide = self.upstream.shape[1:3]
        x = np.pad(self.x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
        sums = [
            np.einsum("fyxn,cyxn->fc", self.upstream, x[:, ky : ky + high, kx : kx + wide])
            for ky, kx in np.ndindex(3, 3)
        ]
        return np.moveaxis(np.array(sums).reshape(3, 3, *self.found.shape[:2]), (0, 1), (2, 3))


def weight_gradient(shape: tuple[int, int, int], features: int, vectors: str) -> WeightGradient:
    layers = f"conv {features} 3 pad=same, full"
    made = numbers_for(Architecture(layers, shape, 2), f"weights {shape}", 16)
    program = TrainingProgram(
        made.architecture, ProgramSpec("train", loss="squared"), form(vectors)
    )
    program.load_parameters(*flat(made))
    pictures = made.x.astype(np.float32)
    program.set_inputs(pictures, np.ones(3, np.float32))
    program.context.write("key", np.zeros(2, np.uint32))
    rates = np.zeros((1, 4), np.float32)
    program.run_steps(np.arange(16), made.labels.astype(np.int64), 16, 0, rates, 1)
    found = program.gradient[: features * shape[0] * 9].reshape(features, shape[0], 3, 3)
    upstream = map_of(program, "d.conv1", features).reshape(features, *shape[1:], 16)
    return WeightGradient(found, np.moveaxis(pictures, 0, -1), upstream)


@pytest.mark.parametrize("vectors", forms())
@pytest.mark.parametrize(
    ("shape", "features"),
    [((16, 7, 8), 16), ((17, 9, 18), 33), ((33, 18, 7), 20), ((24, 13, 13), 48)],
)
def test_weight_gradient_in_tiles_has_the_bits_of_the_oracle(
    shape: tuple[int, int, int], features: int, vectors: str
) -> None:
    made = weight_gradient(shape, features, vectors)
    wanted = oracle_tiles.weight_gradient(made.x, made.upstream, (1, 1))
    assert np.array_equal(made.found.view(np.uint32), (wanted + np.float32(0)).view(np.uint32))


@pytest.mark.parametrize(
    ("shape", "features"), [((16, 8, 8), 16), ((32, 40, 40), 32), ((256, 12, 12), 16)]
)
def test_weight_gradient_in_tiles_is_near_the_sums_of_products(
    shape: tuple[int, int, int], features: int
) -> None:
    made = weight_gradient(shape, features, forms()[0])
    assert 0 < off(made.found, made.exact) < LIMIT


@pytest.mark.parametrize(("channels", "features"), [(16, 16), (32, 128)])
def test_input_gradients_in_tiles_are_near_the_sums_of_products(
    channels: int, features: int
) -> None:
    shape = (channels, 9, 12)
    text = f"norm, conv {features} 3 pad=same, full"
    made = numbers_for(Architecture(text, shape, 2), f"gradients {channels}", 16)
    spec = ProgramSpec("train", loss="squared")
    gradients = {}
    for name, least in (("tiles", 16), ("direct", 1 << 20)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("piecewise.engine.passes.winograd._LEAST_CHANNELS", least)
            # a different spec, because programs of equal ones share their code
            own = spec if name == "tiles" else replace(spec, optimizer="sgd")
            program = TrainingProgram(made.architecture, own)
            program.load_parameters(*flat(made))
            program.set_inputs(made.x.astype(np.float32), np.ones(3, np.float32))
            program.context.write("key", np.zeros(2, np.uint32))
            rates = np.zeros((1, 4), np.float32)
            program.run_steps(np.arange(16), made.labels.astype(np.int64), 16, 0, rates, 1)
            gradients[name] = map_of(program, "d.norm1", channels)
    assert 0 < off(gradients["tiles"], gradients["direct"]) < LIMIT
