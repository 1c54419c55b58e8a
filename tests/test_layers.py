"""Layer dataclasses: every field enforces its limit, and the error names the allowed values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from piecewise.core.constraints import Boolean, Choice, Constraint, Integer, Real, Size2D
from piecewise.core.errors import LimitError
from piecewise.spec.layer_base import Layer, Shape, layer_fields
from piecewise.spec.layers import KINDS, Convolution, Full, Pool
from piecewise.spec.notation import parse

ONE_OF_EACH = {kind: parse(kind.example)[0] for kind in KINDS}
FIELDS = [
    (kind, knob.name, knob.metadata["constraint"]) for kind in KINDS for knob in layer_fields(kind)
]
NAMES = [f"{kind.word}.{name}" for kind, name, _ in FIELDS]


def bad_values(limit: Constraint) -> list[Any]:
    """Values just outside a limit, and values of wrong types."""
    wrong_types = [object(), b"3", float("nan"), 2.5, "many", [], {}, np.array([3, 3])]
    if isinstance(limit, Integer):
        return [*wrong_types, limit.low - 1, limit.high + 1, True, 10**50, (3, 3)]
    if isinstance(limit, Size2D):
        low, high = limit.low - 1, limit.high + 1
        return [*wrong_types, low, high, (3, high), (low, 3), (3,), (3, 3, 3), True, 10**5000]
    if isinstance(limit, Real):
        return [*wrong_types, 1, 1.0, -0.1, True, float("inf")]
    if isinstance(limit, Choice):
        return [*wrong_types, "", limit.words[0].upper(), None]
    assert isinstance(limit, Boolean)
    return [*wrong_types, 0, 1, "yes", None]


@pytest.mark.parametrize(("kind", "name", "limit"), FIELDS, ids=NAMES)
def test_layer_field_outside_limit_raises(kind: type[Layer], name: str, limit: Constraint) -> None:
    for value in bad_values(limit):
        with pytest.raises(LimitError) as caught:
            dataclasses.replace(ONE_OF_EACH[kind], **{name: value})  # type: ignore[type-var]
        message = str(caught.value)
        assert message.startswith(f"{kind.word}: {name}: got ")
        assert "wanted" in message
        assert len(message) < 250
        assert "\n" not in message


@pytest.mark.parametrize(("kind", "name", "limit"), FIELDS, ids=NAMES)
def test_layer_field_limit_ends_are_allowed(
    kind: type[Layer], name: str, limit: Constraint
) -> None:
    ends: list[Any] = [True, False]
    if isinstance(limit, Integer | Size2D):
        ends = [limit.low, limit.high, np.int64(limit.low)]
    elif isinstance(limit, Choice):
        ends = list(limit.words)
    elif isinstance(limit, Real):
        ends = [0, 0.999]
    for value in ends:
        layer = dataclasses.replace(ONE_OF_EACH[kind], **{name: value})  # type: ignore[type-var]
        checked = limit.check(value)
        normalized = {(name, "stride"): None, (name, "bias"): False}.get((name, name), checked)
        assert getattr(layer, name) in (checked, normalized)


def test_layers_are_frozen_and_compare_by_value() -> None:
    assert Convolution(3, 3) == Convolution(3, (3, 3))  # type: ignore[arg-type]
    assert Convolution(3, (3, 3)) != Convolution(3, (3, 3), mean=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Full(3).neurons = 4  # type: ignore[misc]


def test_layers_equivalent_fields_compare_equal() -> None:
    assert Pool((2, 2), stride=(2, 2)) == Pool((2, 2))
    assert Convolution(3, (3, 3), mean=True, bias=True) == Convolution(
        3, (3, 3), mean=True, bias=False
    )


def test_pool_all_with_stride_raises() -> None:
    with pytest.raises(LimitError, match="pool all has one window, so it takes no stride"):
        Pool("all", stride=(2, 2))


@pytest.mark.parametrize(
    ("text", "shape", "output"),
    [
        ("conv 3 3", (1, 9, 9), (3, 7, 7)),
        ("conv 4 2x3 stride=3x2 pad=1x0", (2, 6, 9), (4, 3, 4)),
        ("conv 5 4 stride=3 pad=same", (1, 7, 8), (5, 3, 3)),
        ("pool 2", (3, 7, 7), (3, 4, 4)),
        ("pool 2 edge=drop", (3, 7, 7), (3, 3, 3)),
        ("pool 3 stride=2", (3, 8, 5), (3, 4, 2)),
        ("pool all", (3, 8, 5), (3, 1, 1)),
        ("pool 2", (3, 1, 5), (3, 1, 3)),
        ("full 7", (3, 8, 5), (7, 1, 1)),
        ("embed 6", (1, 100, 12), (6, 1, 12)),
        ("norm", (3, 8, 5), (3, 8, 5)),
    ],
)
def test_layer_output_has_expected_shape(
    text: str, shape: tuple[int, int, int], output: tuple[int, int, int]
) -> None:
    assert parse(text)[0].output(Shape(*shape)) == output
