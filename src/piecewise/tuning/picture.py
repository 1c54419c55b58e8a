"""The report of a hyperparameter search: all trials, and the importance of each hyperparameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from .tune import TunedTrial, TuningResult

_WIDTH, _HEIGHT, _TOP, _LEFT = 960, 340, 58, 30
_LOGARITHMIC = ("loss", "learning_rate_factor", "weight_decay_factor")
_ROWS = 50
"""Rows of the table."""
_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #767676; --best: #b84a00;
  --line: #1463a5; --edge: #ccc }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #191b1d; --faint: #a0a0a0;
  --best: #ff9a4d; --line: #6db3f2; --edge: #444 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; min-width: 44rem; height: auto } .scroll { overflow-x: auto }
text { fill: var(--ink); font-size: 12px } .axis { stroke: var(--edge) }
.trial { fill: none; stroke: var(--line); stroke-opacity: .35 } .good { stroke-opacity: .9 }
.best { stroke: var(--best); stroke-width: 3; stroke-opacity: 1 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--edge) }
.trials td:not(:last-child) { white-space: nowrap }
.bar { display: inline-block; height: .7rem; background: var(--line) }
.note { color: var(--faint) }
"""


class _Axis(NamedTuple):
    """A value of the trials: its name, and the place (0 to 1) of each value that occurs."""

    name: str
    places: dict[Any, float]


def tuning_html(result: TuningResult, title: str) -> str:
    """A page of HTML without scripts.

    Parameters
    ----------
    result : TuningResult
        The result of `tune`.
    title : str
        What the trials were about.
    """
    complete = [one for one in result.trials if one.loss is not None]
    parts = [
        f"<h1>{escape(title)}: {len(result.trials)} trials</h1>",
        f"<p>{escape(_summary(result, complete))}</p>",
        _importances(result.importances),
        "<h2>All complete trials</h2>"
        '<p class="note">A line for each trial, from its loss to its values. The best trial is '
        "orange; the lines of the better half are darker. Default nets have no blocks, so their "
        "lines end before them. The axis of the loss is logarithmic.</p>",
        f'<div class="scroll" tabindex="0" aria-label="Trials as lines">'
        f"{parallel_coordinates(complete, result.best.number)}</div>",
        _table(result),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><main>{''.join(parts)}</main></html>\n"
    )


def parallel_coordinates(trials: Sequence[TunedTrial], best: int) -> str:
    """Trials as lines through an axis for each value, as SVG."""
    axes = _axes(trials)
    step = (_WIDTH - 2 * _LEFT) / max(1, len(axes) - 1)
    lines = []
    for number, axis in enumerate(axes):
        x = _LEFT + number * step
        lines.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT}"/>')
        anchor = "start" if number == 0 else "end" if number == len(axes) - 1 else "middle"
        ends = sorted(axis.places.items(), key=lambda item: item[1])
        low, high = _short(ends[0][0]), _short(ends[-1][0])
        name_y = 12 + 15 * (number % 2)  # two rows of names, which would touch in one
        for text, y in ((_words(axis.name), name_y), (high, _TOP - 6), (low, _HEIGHT + 16)):
            lines.append(f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>')
    middle = sorted(one.loss for one in trials if one.loss is not None)[len(trials) // 2 :][:1]
    for one in sorted(trials, key=lambda one: one.number == best):
        kind = "trial best" if one.number == best else "trial"
        if kind == "trial" and one.loss is not None and middle and one.loss < middle[0]:
            kind = "trial good"
        places = [axis.places.get(_value(one, axis.name)) for axis in axes]
        points = " ".join(f"{_LEFT + number * step:.1f},{_y(place):.1f}"
                          for number, place in enumerate(places) if place is not None)  # fmt: skip
        said = escape(f"trial {one.number}: loss {one.loss:.4f}, {one.layers}")
        lines.append(f'<polyline class="{kind}" points="{points}"><title>{said}</title></polyline>')
    return (f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 22}" role="img" aria-label="Trials as lines '
            f'through their values">{"".join(lines)}</svg>')  # fmt: skip


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


def _y(place: float) -> float:
    return _HEIGHT - place * (_HEIGHT - _TOP)


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _short(value: Any) -> str:
    return escape(f"{value:.3g}" if isinstance(value, float) else str(value))


def _summary(result: TuningResult, complete: Sequence[TunedTrial]) -> str:
    best, stopped = result.best, len(result.trials) - len(complete)
    return (
        f"The best is trial {best.number}: loss {best.loss:.4f}, "
        f"{100 * (best.accuracy or 0):.1f} % of {best.n:,} held-out examples right. {stopped} "
        f"trials were stopped early or diverged. Layers: {best.layers}"
    )


def _importances(importances: dict[str, float]) -> str:
    if not importances:
        return '<p class="note">There are too few complete trials to say which values matter.</p>'
    rows = "".join(
        f"<tr><th>{_words(name)}</th><td>{100 * share:.0f} %</td><td style='width:60%'>"
        f"<span class='bar' style='width:{100 * share:.1f}%'></span></td></tr>"
        for name, share in importances.items()
    )
    return f"<h2>Which values matter</h2><table>{rows}</table>"


def _table(result: TuningResult) -> str:
    ordered = sorted(result.trials, key=lambda one: (one.loss is None, one.loss or 0, one.number))
    rows = "".join(
        f"<tr><td>{one.number}</td><td>{'stopped' if one.loss is None else f'{one.loss:.4f}'}</td>"
        f"<td>{'' if one.accuracy is None else f'{100 * one.accuracy:.1f} %'}</td>"
        f"<td>{escape(one.layers)}</td></tr>"
        for one in ordered[:_ROWS]
    )
    head = "<tr><th>trial</th><th>loss</th><th>right</th><th>layers</th></tr>"
    table = f'<table class="trials">{head}{rows}</table>'
    return f'<h2>Trials</h2><div class="scroll" tabindex="0">{table}</div>'
