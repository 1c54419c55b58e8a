"""The report of a hyperparameter search, as a page or a picture: all trials, and the importance of
each hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..data.file_bytes import open_regular_file
from ..display.figures import SOFTWARE, Style, figure_png, figure_svg
from .chart import importance_bars, paragraphs, parallel_coordinates, words
from .tune import TunedTrial, TuningResult

REPORTS = (".html", ".htm", ".png")
"""The endings of the names of reports."""
_BEGINNING = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    f'<meta name="generator" content="{SOFTWARE}">'
)
_LINES = "Trials as lines through their values"
_CHUNK = f"Software\0{SOFTWARE}".encode()
_FEW = "There are too few complete trials to say which values matter."
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
text { fill: var(--ink); font-size: 12px } .axis { fill: none; stroke: var(--edge) }
.trial { fill: none; stroke: var(--line); stroke-opacity: .35 } .good { stroke-opacity: .9 }
.best { stroke: var(--best); stroke-width: 3; stroke-opacity: 1 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--edge) }
.trials td:not(:last-child) { white-space: nowrap }
.bar { display: inline-block; height: .7rem; background: var(--line) }
.note { color: var(--faint) }
"""
_STYLES = {
    "axis": Style("#bbb", 1),
    "trial": Style("#b3cbdf"),
    "trial good": Style("#1463a5"),
    "trial best": Style("#b84a00", 3),
    "bar": Style("#1463a5"),
}
"""The style sheet of a picture."""


def tuning_html(result: TuningResult, title: str) -> str:
    """A page of HTML without scripts.

    Parameters
    ----------
    result : TuningResult
        The result of `tune`.
    title : str
        What the trials were about.
    """
    complete = result.complete
    parts = [
        f"<h1>{escape(title)}: {len(result.trials)} trials</h1>",
        f"<p>{escape(_summary(result, complete))}</p>",
        _importances(result.importances),
        "<h2>All complete trials</h2>"
        '<p class="note">A line for each trial, from its loss to its values. The best trial is '
        "orange; the lines of the better half are darker. Default nets have no blocks, so their "
        "lines end before them. The axis of the loss is logarithmic.</p>",
        f'<div class="scroll" tabindex="0" aria-label="Trials as lines">'
        f"{figure_svg(parallel_coordinates(complete, result.best.number), _LINES)}</div>",
        _table(result),
    ]
    return (
        f"{_BEGINNING}<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><main>{''.join(parts)}</main></html>\n"
    )


def tuning_png(result: TuningResult, title: str) -> bytes:
    """The beginning of the page as a picture: the summary, the importances and the lines of the
    complete trials."""
    complete = result.complete
    matter = "Which values matter:" if result.importances else _FEW
    return figure_png(
        [
            paragraphs(f"{title}: {len(result.trials)} trials", _summary(result, complete), matter),
            importance_bars(result.importances),
            paragraphs("All complete trials, each as a line from its loss to its values:"),
            parallel_coordinates(complete, result.best.number),
        ],
        _STYLES,
    )


def is_own_report(path: Path) -> bool:
    """Whether piecewise wrote this report, so that another one may replace it."""
    try:
        with open_regular_file(path) as file:
            start = file.read(200)
    except (OSError, ValueError):
        return False
    return start.startswith(_BEGINNING.encode()) or (start[1:4] == b"PNG" and _CHUNK in start)


def _summary(result: TuningResult, complete: Sequence[TunedTrial]) -> str:
    best, stopped = result.best, len(result.trials) - len(complete)
    return (
        f"The best is trial {best.number}: loss {best.loss:.4f}, "
        f"{100 * (best.accuracy or 0):.1f} % of {best.n:,} held-out examples right. {stopped} "
        f"trials were stopped early or diverged. Layers: {best.layers}"
    )


def _importances(importances: dict[str, float]) -> str:
    if not importances:
        return f'<p class="note">{_FEW}</p>'
    rows = "".join(
        f"<tr><th>{escape(words(name))}</th><td>{100 * share:.0f} %</td><td style='width:60%'>"
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
