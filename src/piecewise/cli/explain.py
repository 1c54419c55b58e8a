"""`piecewise explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..errors import DataError, LimitError, did_you_mean, shown
from ..insight.explanation import Explanation, explain
from ..network import Network
from ..reference.why import Why
from .output import (
    Meter,
    check_free,
    data,
    json_option,
    print_json,
    printable,
    say,
    words,
    write_page,
)

MAPS_SHOWN, CLASSES_SHOWN = 6, 6
NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""
_ENDINGS = (".html", ".xlsx")


@click.command(name="explain")
@click.argument("net_file", metavar="NET")
@click.argument("file", metavar="INPUT", required=False)
@click.option("--text", help="A text itself, for a net that reads texts, instead of INPUT.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="An .html: the whole report, one file that needs no other. An .xlsx: the arithmetic of "
    "one number as live formulas, down to the pixels.",
)
@click.option("--label", metavar="CLASS", help="The class that is explained; else the answer.")
@click.option(
    "--why",
    metavar="PLACE",
    help="The arithmetic of one number, by layer, map, row and column: conv1,0,3,4.",
)
@click.option(
    "--gradient",
    metavar="PLACE",
    help="The arithmetic of one parameter's gradient, by array and place, as conv1.weight,0,0,1,1, "
    "with the loss against it, turned up and down; or of the error of a number, as conv1,0,3,4.",
)
@click.option(
    "--right",
    metavar="CLASS",
    help="With --culprits: what the answer should have been. With --gradient: the right class; the "
    "one explained, if left out.",
)
@click.option(
    "--data",
    "source",
    metavar="DATA",
    help="What it learned from: the report then shows what the "
    "features look for, and --culprits has what to leave out.",
)
@click.option(
    "--culprits",
    is_flag=True,
    help="Which examples of DATA caused this answer: nets are taught anew, each without one.",
)
@click.option(
    "--groups",
    metavar="NAME",
    help="With --culprits: leave out what is of one person, or group, at a time, as in "
    "`piecewise train`.",
)
@json_option(click)  # fmt: skip
def command(net_file: str, as_json: bool, **given: Any) -> None:
    """Explain the answer of the net in the model file NET about INPUT, a picture, sound or text.

    Told are the answer and its votes, map by map and value by value; with --why, the arithmetic of
    any number; with -o, a report in which every number opens down to the pixels.
    """
    _check_usage(given)
    _check_free(given["output"])
    net = Network.load(net_file)
    asked = _explained(net, given)
    right = _class(net, "--right", given["right"])
    right = asked.label if right is None else right
    if given["why"] is not None:
        name, at = _place("--why", given["why"])
        _tell(asked.walk.why(name, *_whole_place(at)), as_json)
    elif given["gradient"] is not None:
        _tell_gradient(asked, right, given["gradient"], as_json)
    elif given["culprits"]:
        from .culprits import tell_culprits  # noqa: PLC0415 - it loads what teaches

        tell_culprits(net, asked.example, right, given["source"], given["groups"], as_json)
    elif as_json:
        print_json(asked.to_json())
    elif given["output"] is None:
        _tell_answer(asked)
    if given["output"] is not None:
        _write(asked, given)
        _tell_remark(asked)


def _check_usage(given: dict[str, Any]) -> None:
    """Tell what does not go together, before anything is read."""
    said = {name for name, value in given.items() if value not in (None, False)}
    output = (given["output"] or "").lower()
    misused = (
        (("file" in said) == ("text" in said), "explain wants one INPUT, or --text"),
        (
            "output" in said and not output.endswith(_ENDINGS),
            f"--output: got {shown(given['output'])}, wanted a name ending in .html or .xlsx",
        ),
        (
            {"why", "output"} <= said and not output.endswith(".xlsx"),
            "--why with --output wants a name ending in .xlsx",
        ),
        (
            "gradient" in said and said & {"output", "why"},
            "--gradient goes with neither --output nor --why",
        ),
        (
            "culprits" in said and said & {"output", "why", "gradient"},
            "--culprits goes with neither --output, --why nor --gradient",
        ),
        (
            "culprits" in said and "source" not in said,
            "--culprits wants --data DATA: what the net learned from",
        ),
        (
            "culprits" in said and "right" not in said,
            "--culprits wants --right CLASS: what the answer should have been",
        ),
        (
            "right" in said and not said & {"culprits", "gradient"},
            "--right goes with --culprits, or with --gradient",
        ),
        ("groups" in said and "culprits" not in said, "--groups goes with --culprits"),
        (
            "source" in said and "culprits" not in said and not output.endswith(".html"),
            "--data goes with --culprits, or with --output of an .html",
        ),
    )
    for is_so, sentence in misused:
        if is_so:
            raise click.UsageError(sentence)


def _check_free(output: str | None) -> None:
    """Refuse, before the work, to write over what is no report, or spreadsheet, of ours."""
    if output is None:
        return
    if output.lower().endswith(".xlsx"):
        from ..insight.spreadsheet import is_ours  # noqa: PLC0415 - words need neither
    else:
        from ..page.assemble import is_ours  # noqa: PLC0415
    check_free(output, is_ours)


def _explained(net: Network, given: dict[str, Any]) -> Explanation:
    preparation, text = net.preparation, given["text"]
    if text is not None and preparation.reads != "texts":
        raise DataError(f"--text: got a text, wanted a file: this net reads {preparation.reads}")
    original = text if text is not None else preparation.read(Path(given["file"]))
    label = _class(net, "--label", given["label"])
    name = text if text is not None else given["file"]
    return explain(net, preparation.fit(original), name=name, label=label, original=original)


def _class(net: Network, option: str, name: str | None) -> int | None:
    if name is None:
        return None
    if name not in net.classes:
        raise DataError(f"{option}: {shown(name)} is no class{did_you_mean(name, net.classes)}")
    return net.classes.index(name)


def _place(option: str, text: str) -> tuple[str, list[int]]:
    """A name and numbers, as in conv1,0,3,4."""
    name, *rest = text.split(",")
    try:
        at = [int(one) for one in rest]
    except ValueError:
        at = []
    if not at:
        raise LimitError(
            f"{option}: got {shown(text)}, wanted a name and whole numbers, as conv1,0,3,4"
        )
    return name.strip(), at


def _tell_gradient(asked: Explanation, right: int, text: str, as_json: bool) -> None:
    """The arithmetic of an error, or of a parameter's gradient, with its nudge curve beside it."""
    name, at = _place("--gradient", text)
    loss = asked.net.recipe.get("loss", "cross-entropy")  # what it learned by
    back = asked.walk.backprop(right, loss)
    if "." not in name:
        _tell(back.error(name, *_whole_place(at)), as_json)
        return
    from ..insight.nudge_curve import nudge_curve  # noqa: PLC0415 - only gradients need it

    why = back.why(name, *at)
    curve = nudge_curve(asked.net, asked.example[None], np.array([right]), name, at, loss=loss)
    if as_json:
        print_json({**why.to_json(), "nudge_curve": curve.to_json()})
    else:
        data().print(_printable_lines([*why.lines(), "", *curve.lines()]), soft_wrap=True)


def _whole_place(at: list[int]) -> list[int]:
    if len(at) > 3:
        raise LimitError(f"place: got {len(at)} numbers, wanted map, row and column, or the map")
    return at


def _tell(why: Why, as_json: bool) -> None:
    if as_json:
        print_json(why.to_json())
    else:
        data().print(_printable_lines(why.lines()), soft_wrap=True)


def _printable_lines(lines: Iterable[str]) -> str:
    return "\n".join(map(printable, lines))


def _tell_answer(asked: Explanation) -> None:
    """The answer, the maps that voted, and the ledger."""
    net, page = asked.net, data()
    told = ", ".join(
        f"{net.classes[one]} {100 * asked.probabilities[one]:.2f} %"
        for one in asked.order[:CLASSES_SHOWN]
    )
    name = asked.name if len(asked.name) <= NAME_SHOWN else f"{asked.name[:NAME_SHOWN]}..."
    lines = [f"{name}: {net.classes[asked.answer]}   ({told})", ""]
    carried = asked.carried_back
    lines += [f"what the maps of {asked.stack} say for {net.classes[asked.label]}, map by map:"]
    lines += _map_lines(carried.by_map(), carried.bias, carried.logit)
    if abs(net.calibration.temperature - 1) > 1e-9:
        lines.append(f"(probabilities: softmax of the logits / {net.calibration.temperature:.6g})")
    ledger = asked.ledger
    label = net.classes[asked.label]
    lines += ["", f"votes for {label} in {ledger.layer}, of the values of {ledger.stack}"]
    lines += list(ledger.lines(2 * MAPS_SHOWN))[1:]
    page.print(_printable_lines(lines), soft_wrap=True)
    _tell_remark(asked)
    last = list(asked.walk)[-1]
    hint = f"--why {last},{asked.label} opens the logit; -o report.html every number"
    say(words(), hint)


def _tell_remark(asked: Explanation) -> None:
    """What makes the answer doubtful, if anything does."""
    if asked.warning:
        say(words(), f"a doubtful answer: {asked.warning}")


def _map_lines(votes: npt.NDArray[np.float64], bias: float, logit: float) -> list[str]:
    order = np.argsort(-votes, kind="stable").tolist()
    shown_maps = order if len(order) <= 2 * MAPS_SHOWN else order[:MAPS_SHOWN] + order[-MAPS_SHOWN:]
    largest = max(abs(float(votes[one])) for one in shown_maps) or 1.0
    lines = []
    for one in shown_maps:
        bar = "#" * round(24 * abs(float(votes[one])) / largest)
        side = ("against", "neither", "for")[int(np.sign(votes[one])) + 1]
        lines.append(f"  {votes[one]:>12.4g}  map {one:<4} {side} {bar}")
    left = len(order) - len(shown_maps)
    if left:
        others = fsum(votes[order[MAPS_SHOWN:-MAPS_SHOWN]].tolist())
        lines.insert(MAPS_SHOWN, f"  {others:>12.4g}  {left:,} maps between")
    return [*lines, f"  {bias:>12.4g}  biases", f"  {logit:>12.4g}  their sum: the logit"]


def _write(asked: Explanation, given: dict[str, Any]) -> None:
    output = given["output"]
    if output.lower().endswith(".xlsx"):
        from ..insight.spreadsheet import spreadsheet  # noqa: PLC0415 - only spreadsheets need it

        last = list(asked.walk)[-1]
        name, at = _place("--why", given["why"] or f"{last},{asked.label}")
        spreadsheet(asked.walk, output, name, *_whole_place(at))
        say(words(), f"wrote {output}")
        return
    from ..page.explain import explanation_page  # noqa: PLC0415 - only reports need it

    page = asked if given["text"] is None else replace(asked, name="a text")
    write_page(output, explanation_page(page, _looks(asked, given["source"])))


def _looks(asked: Explanation, source: str | None) -> list[dict[str, Any]]:
    """What the features look for in what the net learned from, if that is there."""
    if source is None:
        return []
    from ..data.dataset import read_data  # noqa: PLC0415 - reports without data need it not
    from ..page.looks import looks_data  # noqa: PLC0415

    net = asked.net
    with Meter(words()) as meter:
        dataset = read_data(source, net.preparation, classes=net.classes, on_progress=meter)
    return looks_data(net, asked.feature_patches(dataset), dataset, Path(source))
