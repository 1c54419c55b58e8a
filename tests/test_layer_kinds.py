"""Completeness of layer kinds: missing entries are listed, and class attributes match behavior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.core.windows import Windows, complete_windows
from piecewise.engine.codegen import single_image_program, weight_packing
from piecewise.engine.passes.base import Pass
from piecewise.engine.passes.chain import PASSES
from piecewise.engine.passes.pooling import PoolPass, PoolWindows
from piecewise.exchange.registry import exporter_names
from piecewise.insight.attribution.receptive_field import centres, receptive_field
from piecewise.insight.attribution.saliency import grad_cam
from piecewise.page.walk_data import layers_of
from piecewise.reference import model, pooling
from piecewise.reference.batch_context import INFERENCE
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layer_base import Connectivity, Layer, Shape, Tensor
from piecewise.spec.layers import BY_WORD, KINDS, Pool
from piecewise.spec.notation import parse

from .layer_kinds import CLASS_ATTRIBUTES, TABLES, arrays_of, missing, observed_facts

NAMES = [kind.__name__ for kind in KINDS]
LISTED = [name for name in exporter_names() if name != "card"]
"""The exporters that list the kinds of layer; a model card describes all of them."""


@dataclass(frozen=True, slots=True)
class LpPool(Layer):
    """Pooling with 2x2 windows and stride 3."""

    word: ClassVar[str] = "lp"
    example: ClassVar[str] = "lp"
    connectivity: ClassVar[Connectivity] = Connectivity.WINDOWED

    def windows(self, shape: Shape) -> tuple[Windows, Windows]:
        return complete_windows(shape.height, 2, 3), complete_windows(shape.width, 2, 3)

    def output(self, shape: Shape) -> Shape:
        rows, columns = self.windows(shape)
        return Shape(shape.channels, rows.count, columns.count)


SAME_WINDOWS = Pool((2, 2), (3, 3), edge="drop")
"""A pooling layer with the windows of `LpPool`."""


class LpPass(PoolPass):
    """A pass that runs `SAME_WINDOWS` in place of `LpPool`."""

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        return False

    @property
    def windows(self) -> PoolWindows:
        return PoolWindows(replace(self.stage, layer=SAME_WINDOWS), self.cell_bytes)


class BareLayer(Layer):
    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        return ()

    def running_stats(self, shape: Shape) -> tuple[Tensor, ...]:
        return ()


def test_missing_new_layer_lists_every_entry() -> None:
    report = "\n".join(missing(LpPool))
    for line in (
        *(f"no entry in {name}" for name in TABLES),
        *(f"the support of the exporter {name} has no entry for it" for name in LISTED),
        "KINDS in spec/layers.py does not list it",
        *("its pair does not define forward", "its pair does not define backward"),
        "its pair does not declare CACHES_INPUT, a bool",
        *("its pass does not define forward", "its pass does not define backward"),
        "its pass has no entry in WRITERS in engine/codegen/single_image_program.py",
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
        assert f"LpPool: {line}" in report
    assert "does not declare word" not in report


def test_missing_bare_layer_lists_every_attribute() -> None:
    report = "\n".join(missing(BareLayer))
    for name, expected_type in CLASS_ATTRIBUTES.items():
        assert (
            f"BareLayer: spec/layers.py does not declare {name}, a {expected_type.__name__}"
            in report
        )
    assert "BareLayer: spec/layers.py does not describe it in a docstring" in report
    assert "BareLayer: no entry in _GRADIENTS in trace/gradient_arithmetic.py" in report
    assert "BareLayer: no entry in OBSERVED in reference/model.py" in report


def test_missing_contradictory_attributes_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LpPool, "connectivity", Connectivity.POINTWISE)
    monkeypatch.setattr(LpPool, "fully_connected", True)
    found = "\n".join(missing(LpPool))
    assert "it has windows, and spec/layers.py does not declare it windowed" in found
    assert (
        "it is fully connected, and spec/layers.py does not declare its connectivity global"
        in found
    )
    monkeypatch.setattr(BareLayer, "connectivity", Connectivity.WINDOWED, raising=False)
    assert "it is windowed, and spec/layers.py does not define its windows" in "\n".join(
        missing(BareLayer)
    )


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_missing_single_absent_entry_is_listed(
    kind: type[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not missing(kind)
    assert set(CLASS_ATTRIBUTES) == {"word", "example", "connectivity"}
    for name in CLASS_ATTRIBUTES:
        with monkeypatch.context() as patch:
            patch.delattr(kind, name)
            assert any(f"does not declare {name}," in line for line in missing(kind))
    for name, observed in observed_facts(kind).items():
        with monkeypatch.context() as patch:
            patch.setattr(kind, name, not observed)
            assert any(f"does not declare {name} {observed}," in line for line in missing(kind))
    for name, table in TABLES.items():
        with monkeypatch.context() as patch:
            patch.delitem(table, kind)
            assert f"{kind.__name__}: no entry in {name}" in missing(kind)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_missing_forward_without_backward_is_listed(
    kind: type[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, layer_pass = model.LAYER_FUNCTIONS[kind], PASSES[kind]
    for name in ("forward", "backward", "CACHES_INPUT"):
        incomplete = {key: value for key, value in vars(pair).items() if key != name}
        with monkeypatch.context() as patch:
            patch.setitem(model.LAYER_FUNCTIONS, kind, SimpleNamespace(**incomplete))
            assert any(name in line for line in missing(kind))
    for name in ("forward", "backward"):
        with monkeypatch.context() as patch:
            patch.delattr(layer_pass, name)
            assert missing(kind) == [f"{kind.__name__}: its pass does not define {name}"]
    if not kind.identity_at_inference:
        for table in (single_image_program.WRITERS, weight_packing.PACKERS):
            with monkeypatch.context() as patch:
                patch.delitem(table, layer_pass)
                assert len(missing(kind)) == 1


def test_tables_list_only_existing_layers() -> None:
    for name, table in TABLES.items():
        assert set(table) == set(KINDS), name


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers `LpPool` with its layer class, reference functions and engine pass only."""
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
    new_architecture = Architecture(text.format("lp"), shape, 2)
    pool_architecture = Architecture(text.format("pool 2 stride=3 edge=drop"), shape, 2)
    for name, pool_name in (("lp1", "pool1"), ("conv2", "conv2")):
        fields = [
            receptive_field(*pair, 1, 2)
            for pair in ((new_architecture, name), (pool_architecture, pool_name))
        ]
        assert fields[0] == fields[1]
        assert name != "lp1" or fields[0] == (3, 7, 6, 10)
        for axis in (0, 1):
            assert centres(new_architecture, name, axis) == centres(
                pool_architecture, pool_name, axis
            )


@pytest.mark.usefixtures("registered")
def test_walk_new_windowed_layer_runs_and_names_missing_view() -> None:
    net = pw.Network("conv 2 3, relu, lp, full", (1, 9, 9), 2)
    pool_net = pw.Network("conv 2 3, relu, pool 2 stride=3 edge=drop, full", (1, 9, 9), 2)
    example = np.random.default_rng(0).normal(size=(1, 9, 9)).astype(np.float32)
    walk = net.walk(example)
    assert walk.voting_layer == "lp1"
    for name in ("lp1", "relu1"):
        pool_name = name.replace("lp", "pool")
        ledger, pool_ledger = walk.ledger(0, name), pool_net.walk(example).ledger(0, pool_name)
        assert [vote.vote for vote in ledger.votes] == [vote.vote for vote in pool_ledger.votes]
    saliency = grad_cam(net, example, 0)
    assert saliency.description.startswith("the feature maps of relu1,")
    np.testing.assert_array_equal(saliency.values, grad_cam(pool_net, example, 0).values)
    for call in (lambda: walk.why("lp1", 0), lambda: layers_of(net, walk)):
        with pytest.raises(KeyError, match="LpPool"):
            call()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_layer_connectivity_matches_behavior(kind: type[Layer]) -> None:
    (layer,) = parse(kind.example)
    shape, rng = Shape(2, 6, 7), np.random.default_rng(1)
    x: Array
    if kind.reads_tokens:
        shape, x = Shape(1, 4, 7), rng.integers(0, 3, (1, 7))
        nudged = x + (np.arange(7) == 2)
    else:
        x = rng.normal(size=(1, *shape))
        nudged = x + 3 * (np.arange(6)[:, None] == 1) * (np.arange(7) == 2)
    arrays = arrays_of(layer, shape)
    pair = model.LAYER_FUNCTIONS[kind]
    y, cache = pair.forward(layer, x, arrays, INFERENCE)
    assert (cache is x) == pair.CACHES_INPUT
    changed = np.argwhere((pair.forward(layer, nudged, arrays, INFERENCE)[0] != y)[0].any(axis=0))
    assert len(changed)
    if kind.connectivity is Connectivity.POINTWISE:
        assert changed.tolist() == [[0 if kind.reads_tokens else 1, 2]]
    if kind.connectivity is Connectivity.WINDOWED:
        for position in changed.tolist():
            for windows, index, cell in zip(layer.windows(shape), position, (1, 2), strict=True):
                assert cell in windows.cells(index)
