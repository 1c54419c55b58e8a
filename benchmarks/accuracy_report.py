"""The table of `benchmarks.accuracy`, in Markdown."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

from piecewise.core.errors import DataError

from .report import BEGIN, END, replace_figures, table

HEAD = (
    "data", "training examples", "scored", "classes", "seeds", "piecewise, %", "macro-F1",
    "linear model, %", "other model, %", "CPU seconds",
)  # fmt: skip
MANY = 5_000
"""From so many scored examples on, a hundredth of a percent is an example or more."""
Results = dict[str, Any]


def page(results: Results) -> str:
    """The conditions, the table and the commands."""
    rows = results["rows"]
    commands = "\n".join(f"    {row['command']}" for row in rows)
    simple = {row["kind"]: row["simple"]["model"] for row in rows if row["simple"]}
    models = [f"- other model for {kind}: {model}" for kind, model in sorted(simple.items())]
    return "\n".join(
        [
            *_conditions(results["header"]),
            *models,
            "",
            table(HEAD, [cells(row) for row in rows]),
            "",
            "The commands, with the first seed:",
            "",
            commands,
            "",
        ]
    )


def cells(row: Results) -> list[str]:
    """One row of the table."""
    runs, simple = row["runs"], row["simple"]
    scored = f"{row['folds']} folds" if row["folds"] else f"test, {row['test']:,}"
    digits = 2 if (row["test"] or row["training"]) >= MANY else 1
    linear = [run["linear"] for run in runs if run["linear"] is not None]
    return [
        row["data"].replace("|", "\\|"),
        f"{row['training']:,}",
        scored,
        str(row["classes"]),
        str(len(runs)),
        f"**{_percent([run['accuracy'] for run in runs], digits)}**",
        f"{mean(run['macro_f1'] for run in runs):.3f}",
        _percent(linear, digits) if linear else "-",
        f"{100 * simple['accuracy']:.{digits}f}" if simple else "-",
        _seconds([run["seconds"] for run in runs]),
    ]


def line(row: Results) -> str:
    """One row as a line of text."""
    named = zip(HEAD, cells(row), strict=True)
    return ", ".join(f"{name}: {cell.strip('*')}" for name, cell in named)


def check_page(path: Path) -> None:
    """DataError if the table cannot be written into a page."""
    if not path.exists():
        if not path.parent.is_dir():
            raise DataError(f"{path}: the folder does not exist")
        return
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise DataError(f"{path}: wanted a page with one line {BEGIN} and one line {END}")


def write(results: Results, path: Path) -> None:
    """Replace the table of a page; without the page, write a new one."""
    if not path.exists():
        path.write_text(f"# Accuracy\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    replace_figures(path, page(results))


def _conditions(header: Results) -> list[str]:
    machine = ", ".join(f"{name}: {value}" for name, value in header["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in header["versions"].items())
    commit = header["commit"]
    return [
        f"- effort: {header['effort']}; seeds: 0, 1 and so on; the column `seeds` has their number",
        f"- machine: {machine}",
        f"- load of other programs: {header.get('load of other programs', 'unknown')} of the "
        "processors' time",
        f"- versions: {versions}{f'; commit of {commit}' if commit else ''}",
    ]


def _percent(values: list[float], digits: int) -> str:
    """The mean, with the lowest and the highest in brackets if they differ."""
    low, middle, high = (f"{100 * one:.{digits}f}" for one in (min(values), mean(values),
                                                              max(values)))  # fmt: skip
    return middle if low == high else f"{middle} ({low} to {high})"


def _seconds(values: list[float]) -> str:
    """The mean; "-" where the system does not count them."""
    return f"{mean(values):.0f}" if any(values) else "-"
