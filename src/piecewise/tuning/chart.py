"""The figures of a hyperparameter search: trials as lines, importances as bars, and a summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from ..display.figures import Bar, Figure, Stroke, Words
from .tune import TunedTrial

_WIDTH, _HEIGHT, _TOP, _LEFT = 960, 340, 58, 30
_LOGARITHMIC = ("loss", "learning_rate_factor", "weight_decay_factor")
_ROW, _NAMES, _COLUMNS = 20, 190, 150
"""The height of a line of words, the width of names, and the letters of a line."""


class _Axis(NamedTuple):
    """A value of the trials: its name, and the place (0 to 1) of each value that occurs."""

    name: str
    places: dict[Any, float]


def parallel_coordinates(trials: Sequence[TunedTrial], best: int) -> Figure:
    """Complete trials as lines through an axis for each value."""
    axes = _axes(trials)
    step = (_WIDTH - 2 * _LEFT) / max(1, len(axes) - 1)
    shapes = list[Stroke | Bar | Words]()
    for number, axis in enumerate(axes):
        x = _LEFT + number * step
        shapes.append(Stroke("axis", [(x, _TOP), (x, _HEIGHT)]))
        anchor = "start" if number == 0 else "end" if number == len(axes) - 1 else "middle"
        ends = sorted(axis.places.items(), key=lambda item: item[1])
        name_y = 12 + 15 * (number % 2)  # two rows of names, which would touch in one
        for text, y in ((words(axis.name), name_y), (_short(ends[-1][0]), _TOP - 6),
                        (_short(ends[0][0]), _HEIGHT + 16)):  # fmt: skip
            shapes.append(Words(x, y, text, anchor))
    strokes = [_stroke(one, kind, axes, step) for one, kind in _kinds(trials, best)]
    return Figure(_WIDTH, _HEIGHT + 22, [*shapes, *strokes])


def importance_bars(importances: Mapping[str, float]) -> Figure:
    """How much each value matters, as bars with names."""
    longest = max(importances.values(), default=1.0) or 1.0
    shapes = list[Stroke | Bar | Words]()
    for row, (name, share) in enumerate(importances.items()):
        y, width = _ROW * row + 16, (_WIDTH - _NAMES - 90) * share / longest
        shapes += [Words(_NAMES, y, words(name), "end"),
                   Bar("bar", _NAMES + 10, y - 11, max(1, width), 14),
                   Words(_NAMES + 18 + width, y, f"{100 * share:.0f} %")]  # fmt: skip
    return Figure(_WIDTH, _ROW * len(importances) + 20, shapes)


def paragraphs(*texts: str) -> Figure:
    """Texts below each other."""
    lines = [line for text in texts for line in wrap(text, _COLUMNS)]
    shapes = [Words(_LEFT, _ROW * row + 24, line) for row, line in enumerate(lines)]
    return Figure(_WIDTH, _ROW * len(lines) + 20, shapes)


def words(name: str) -> str:
    """The name of a value as words."""
    return name.replace("_", " ")


def _kinds(trials: Sequence[TunedTrial], best: int) -> list[tuple[TunedTrial, str]]:
    """The trials from the back to the front: others, those of the better half, and the best."""
    losses = sorted(one.loss for one in trials if one.loss is not None)
    middle = losses[len(losses) // 2] if losses else 0.0
    layers: dict[str, list[TunedTrial]] = {"trial": [], "trial good": [], "trial best": []}
    for one in trials:
        is_good = one.loss is not None and one.loss < middle
        kind = "trial best" if one.number == best else "trial good" if is_good else "trial"
        layers[kind].append(one)
    return [(one, kind) for kind, some in layers.items() for one in some]


def _stroke(trial: TunedTrial, kind: str, axes: Sequence[_Axis], step: float) -> Stroke:
    places = [axis.places.get(_value(trial, axis.name)) for axis in axes]
    points = [(_LEFT + number * step, _HEIGHT - place * (_HEIGHT - _TOP))
              for number, place in enumerate(places) if place is not None]  # fmt: skip
    return Stroke(kind, points, f"trial {trial.number}: loss {trial.loss:.4f}, {trial.layers}")


def _axes(trials: Sequence[TunedTrial]) -> list[_Axis]:
    """The loss, then every value that differs between trials."""
    names = list(dict.fromkeys(name for one in trials for name in one.values))
    axes = []
    for name in ["loss", *names]:
        values = {value for one in trials if (value := _value(one, name)) is not None}
        if len(values) > 1:
            axes.append(_Axis(name, _places(values, logarithmic=name in _LOGARITHMIC)))
    return axes


def _places(values: set[Any], *, logarithmic: bool) -> dict[Any, float]:
    """Where each value is on its axis: numbers by their size, words one after another."""
    if any(isinstance(value, str | bool) for value in values):
        ordered = sorted(values, key=str)
        return {value: number / (len(ordered) - 1) for number, value in enumerate(ordered)}
    sizes = {value: math.log(value) if logarithmic and value > 0 else value for value in values}
    low, high = min(sizes.values()), max(sizes.values())
    return {value: (size - low) / (high - low) for value, size in sizes.items()}


def _value(trial: TunedTrial, name: str) -> Any:
    return trial.loss if name == "loss" else trial.values.get(name)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
