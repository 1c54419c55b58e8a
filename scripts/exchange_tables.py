"""Writes the tables of docs/exchange.md: what each format can express, and the last passports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from piecewise.exchange.passport.record import Difference
from piecewise.exchange.registry import exporter, exporter_names
from piecewise.spec.layers import BY_WORD

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "exchange.md"
PASSPORTS = ROOT / "benchmarks" / "passports.json"
TABLES = {"support": "<!-- support -->", "passports": "<!-- passports -->"}
END = "<!-- end -->"
LEFT_OUT = ("card",)  # formats without layers


def page() -> str:
    """docs/exchange.md with its tables written anew; the text around them is kept."""
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in (("support", _support()), ("passports", _passports())):
        start = text.index(TABLES[name]) + len(TABLES[name])
        end = text.index(END, start)
        text = text[:start] + "\n".join(["\n", *lines, ""]) + text[end:]
    return text


def _support() -> list[str]:
    """A row for each format, a column for each kind of layer."""
    words = list(BY_WORD)
    formats = [exporter(name) for name in exporter_names() if name not in LEFT_OUT]
    lines = ["| format | " + " | ".join(words) + " |", "|---" * (len(words) + 1) + "|"]
    for one in formats:
        cells = [one.support[word].replace("|", "\\|") for word in words]
        lines.append(f"| {one.title} | " + " | ".join(cells) + " |")
    return lines


def _passports() -> list[str]:
    """The figures of benchmarks/passports.json: a table for each net."""
    if not PASSPORTS.exists():
        return ["Not measured yet."]
    found = json.loads(PASSPORTS.read_text(encoding="utf-8"))
    machine = ", ".join(f"{name}: {value}" for name, value in found["machine"].items())
    lines = [f"`{found['command']}`; {machine}."]
    for passport in found["nets"]:
        lines += ["", f"### {passport['name']}", "", f"`{passport['net']['layers']}`, "
                  f"{passport['samples']['count']} samples ({passport['samples']['source']})", "",
                  "| format | toolkit | probabilities | logits | one weight changed | kernels "
                  "transposed |", "|---|---|---|---|---|---|"]  # fmt: skip
        exports = passport["exports"]
        for name in (one for one in exporter_names() if one in exports):
            lines += [_row(exporter(name).title, run) for run in exports[name]["runs"]]
        lines += [f"| {exporter(name).title} | left out: {why} | | | | |"
                  for name, why in passport["refused"].items()]  # fmt: skip
    return lines


def _row(title: str, run: dict[str, Any]) -> str:
    """What one toolkit answered: the largest differences, and those of its controls."""
    if "largest_difference" not in run:
        return f"| {title} | {run['toolkit']}: {run['problem']} | | | | |"
    controls = [_control(run["negative_controls"].get(name))
                for name in ("one weight changed", "kernels transposed")]  # fmt: skip
    largest = run["largest_difference"]
    return (
        f"| {title} | {run['toolkit']} {run['version']} | {_number(largest['probabilities'])} | "
        f"{_number(largest['logits'])} | {' | '.join(controls)} |"
    )


def _control(control: dict[str, Any] | None) -> str:
    """By which difference a control was caught."""
    if control is None:
        return "-"
    one = Difference(control["logits"], control["probabilities"])
    name = one.caught_by
    return "not caught" if name is None else f"{name} {_number(one.exceeding[name])}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
