"""An architecture as a table, for a terminal and for a notebook."""

from __future__ import annotations

from html import escape

from .architecture import Architecture
from .notation import write_layer

_TITLES = ("name", "layer", "output", "parameters", "multiplications")
_TEXT_COLUMNS = 3  # the others are right-aligned numbers


def summary(architecture: Architecture) -> str:
    """One line for each layer: name, layer, output shape, parameters, multiplications."""
    rows = [_TITLES, *_rows(architecture)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    lines = []
    for row in rows:
        cells = [
            text.ljust(width) if column < _TEXT_COLUMNS else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def summary_html(architecture: Architecture) -> str:
    """The same as an HTML table."""
    head = "".join(f"<th>{title}</th>" for title in _TITLES)
    lines = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(architecture)
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _rows(architecture: Architecture) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("input", "", str(architecture.input), "", "")]
    for stage in architecture.stages:
        parameters = sum(row.size for row in stage.parameters)
        counts = (f"{count:,}" if count else "" for count in (parameters, stage.multiplications))
        rows.append((stage.name, write_layer(stage.layer), str(stage.output), *counts))
    totals = (f"{architecture.parameter_count:,}", f"{architecture.multiplications:,}")
    return [*rows, ("total", "", "", *totals)]
