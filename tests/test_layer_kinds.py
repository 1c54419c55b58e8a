"""Kinds of layer: what a new one lacks is named, and what each declares is true."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.core.rng import derive_key
from piecewise.core.windows import Windows, complete_windows
from piecewise.engine.codegen import single_image, weight_packing
from piecewise.engine.passes.base import Pass
from piecewise.engine.passes.chain import PASSES
from piecewise.engine.passes.pooling import PoolPass, PoolWindows
from piecewise.insight.attribution.receptive_field import centres, receptive_field
from piecewise.insight.attribution.saliency import grad_cam
from piecewise.page.walk_data import layers_of
from piecewise.reference import model, pooling
from piecewise.reference.reductions import TrainingMode
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layer import Connectivity, Layer, Shape, Tensor
from piecewise.spec.layers import BY_WORD, KINDS, Pool
from piecewise.spec.notation import parse

from .layer_kinds import FACTS, TABLES, missing

NAMES = [kind.__name__ for kind in KINDS]


@dataclass(frozen=True, slots=True)
class LpPool(Layer):
    """Windows of two by two, three apart."""

    word: ClassVar[str] = "lp"
    example: ClassVar[str] = "lp"
    connectivity: ClassVar[Connectivity] = Connectivity.WINDOWED
    fully_connected: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    identity_at_inference: ClassVar[bool] = False

    def windows(self, shape: Shape) -> tuple[Windows, Windows]:
        return complete_windows(shape.height, 2, 3), complete_windows(shape.width, 2, 3)

    def output(self, shape: Shape) -> Shape:
        rows, columns = self.windows(shape)
        return Shape(shape.channels, rows.count, columns.count)


SAME_WINDOWS = Pool((2, 2), (3, 3), edge="drop")
"""A pooling that looks where `LpPool` does."""


class LpPass(PoolPass):
    """A pass that runs `SAME_WINDOWS` instead."""

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        return False

    @property
    def windows(self) -> PoolWindows:
        return PoolWindows(replace(self.stage, layer=SAME_WINDOWS), self.cell_bytes)


class Bare(Layer):
    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        return ()

    def running_stats(self, shape: Shape) -> tuple[Tensor, ...]:
        return ()


def test_missing_new_layer_lists_every_entry() -> None:
    found = "\n".join(missing(LpPool))
    for words in (
        *(f"no entry in {name}" for name in TABLES),
        "KINDS in spec/layers.py does not list it",
        *("its pair does not define forward", "its pair does not define backward"),
        "its pair does not declare CACHES_INPUT, a bool",
        *("its pass does not define forward", "its pass does not define backward"),
        "its pass has no entry in WRITERS in engine/codegen/single_image.py",
        "its pass has no entry in PACKERS in engine/codegen/weight_packing.py",
        "page/modules/views/lp.js does not export terms",
        "page/modules/views/lp.js does not export show",
        "VIEWS in page/modules/views/index.js does not list it",
        "LAYER_SUMMARIES in page/modules/layers.js does not say what it does",
        "docs/layers.md does not describe it",
        "tests/test_reference.py does not mention it",
        "tests/test_gradients.py does not mention it",
        "tests/networks.py does not mention it",
        "tests/toolkits/test_pytorch.py does not mention it",
    ):
        assert f"LpPool: {words}" in found
    assert "does not declare word" not in found


def test_missing_bare_layer_lists_every_attribute() -> None:
    found = "\n".join(missing(Bare))
    for name, wanted in FACTS.items():
        assert f"Bare: spec/layers.py does not declare {name}, a {wanted.__name__}" in found
    assert "Bare: spec/layers.py does not describe it in a docstring" in found
    assert "Bare: no entry in _GRADIENTS in trace/gradient_arithmetic.py" in found
    assert "Bare: no entry in OBSERVED in reference/model.py" in found


def test_missing_contradictory_attributes_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LpPool, "connectivity", Connectivity.POINTWISE)
    monkeypatch.setattr(LpPool, "fully_connected", True)
    found = "\n".join(missing(LpPool))
    assert "it has windows, and spec/layers.py does not declare it windowed" in found
    assert (
        "it is fully connected, and spec/layers.py does not declare its connectivity global"
        in found
    )
    monkeypatch.setattr(Bare, "connectivity", Connectivity.WINDOWED, raising=False)
    assert "it is windowed, and spec/layers.py does not define its windows" in "\n".join(
        missing(Bare)
    )


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_missing_single_absent_entry_is_listed(
    kind: type[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not missing(kind)
    for name in FACTS:
        with monkeypatch.context() as patch:
            patch.delattr(kind, name)
            assert any(f"does not declare {name}," in line for line in missing(kind))
    for name, table in TABLES.items():
        with monkeypatch.context() as patch:
            patch.delitem(table, kind)
            assert f"{kind.__name__}: no entry in {name}" in missing(kind)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_missing_forward_without_backward_is_listed(
    kind: type[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, made = model.LAYER_FUNCTIONS[kind], PASSES[kind]
    for name in ("forward", "backward", "CACHES_INPUT"):
        half = {key: value for key, value in vars(pair).items() if key != name}
        with monkeypatch.context() as patch:
            patch.setitem(model.LAYER_FUNCTIONS, kind, SimpleNamespace(**half))
            assert any(name in line for line in missing(kind))
    for name in ("forward", "backward"):
        with monkeypatch.context() as patch:
            patch.delattr(made, name)
            assert missing(kind) == [f"{kind.__name__}: its pass does not define {name}"]
    if not kind.identity_at_inference:
        for table in (single_image.WRITERS, weight_packing.PACKERS):
            with monkeypatch.context() as patch:
                patch.delitem(table, made)
                assert len(missing(kind)) == 1


def test_tables_list_only_existing_layers() -> None:
    for name, table in TABLES.items():
        assert set(table) == set(KINDS), name


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up kind with its record, its pair and its pass, and nothing else."""
    pair: Any = SimpleNamespace(
        CACHES_INPUT=pooling.CACHES_INPUT,
        forward=lambda _, *given: pooling.forward(SAME_WINDOWS, *given),
        backward=lambda _, *given: pooling.backward(SAME_WINDOWS, *given),
    )
    monkeypatch.setitem(BY_WORD, "lp", LpPool)
    monkeypatch.setitem(model.LAYER_FUNCTIONS, LpPool, pair)
    monkeypatch.setitem(PASSES, LpPool, LpPass)


@pytest.mark.usefixtures("registered")
def test_receptive_field_new_windowed_layer_matches_pool() -> None:
    text, shape = "conv 2 3, relu, {}, conv 3 2, full", (1, 14, 17)
    new = Architecture(text.format("lp"), shape, 2)
    old = Architecture(text.format("pool 2 stride=3 edge=drop"), shape, 2)
    for mine, known in (("lp1", "pool1"), ("conv2", "conv2")):
        fields = [receptive_field(*one, 1, 2) for one in ((new, mine), (old, known))]
        assert fields[0] == fields[1]
        assert mine != "lp1" or fields[0] == (3, 7, 6, 10)
        for axis in (0, 1):
            assert centres(new, mine, axis) == centres(old, known, axis)


@pytest.mark.usefixtures("registered")
def test_walk_new_windowed_layer_runs_and_names_missing_view() -> None:
    net = pw.Network("conv 2 3, relu, lp, full", (1, 9, 9), 2)
    old = pw.Network("conv 2 3, relu, pool 2 stride=3 edge=drop, full", (1, 9, 9), 2)
    example = np.random.default_rng(0).normal(size=(1, 9, 9)).astype(np.float32)
    walk = net.walk(example)
    assert walk.voting_layer == "lp1"
    for stack in ("lp1", "relu1"):
        known = stack.replace("lp", "pool")
        mine, theirs = walk.ledger(0, stack), old.walk(example).ledger(0, known)
        assert [vote.vote for vote in mine.votes] == [vote.vote for vote in theirs.votes]
    found = grad_cam(net, example, 0)
    assert found.description.startswith("the maps of relu1,")
    np.testing.assert_array_equal(found.values, grad_cam(old, example, 0).values)
    for unknown in (lambda: walk.why("lp1", 0), lambda: layers_of(net, walk)):
        with pytest.raises(KeyError, match="LpPool"):
            unknown()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_layer_class_attributes_match_behavior(kind: type[Layer]) -> None:
    (layer,) = parse(kind.example)
    shape, rng = Shape(2, 6, 7), np.random.default_rng(1)
    x: Array
    if kind.reads_tokens:
        shape, x = Shape(1, 4, 7), rng.integers(0, 3, (1, 7))
        nudged = x + (np.arange(7) == 2)
    else:
        x = rng.normal(size=(1, *shape))
        nudged = x + 3 * (np.arange(6)[:, None] == 1) * (np.arange(7) == 2)
    tensors = layer.parameters(shape) + layer.running_stats(shape)
    arrays = {tensor.name: rng.uniform(0.5, 1, tensor.shape) for tensor in tensors}
    pair = model.LAYER_FUNCTIONS[kind]
    y, kept = pair.forward(layer, x, arrays, None)
    assert (kept is x) == pair.CACHES_INPUT
    assert (y.shape == x.shape and bool((y == x).all())) == kind.identity_at_inference
    changed = np.argwhere((pair.forward(layer, nudged, arrays, None)[0] != y)[0].any(axis=0))
    assert len(changed)
    if kind.connectivity is Connectivity.POINTWISE:
        assert changed.tolist() == [[0 if kind.reads_tokens else 1, 2]]
    if kind.connectivity is Connectivity.WINDOWED:
        for at in changed.tolist():
            for windows, index, cell in zip(layer.windows(shape), at, (1, 2), strict=True):
                assert cell in windows.cells(index)
    if kind.fully_connected:
        sums = arrays["bias"] + arrays["weight"] @ x.ravel()
        np.testing.assert_allclose(y.ravel(), sums)
    drawn = [
        pair.forward(layer, x, arrays, TrainingMode(derive_key(seed, np.arange(1))))[0]
        for seed in (0, 1)
    ]
    assert (drawn[0] != drawn[1]).any() == kind.draws
