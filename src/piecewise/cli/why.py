"""`piecewise why`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import rich_click as click

from ..core.errors import LimitError, shown
from ..insight.explanation import Explanation
from ..network import Network
from ..trace.arithmetic import Why
from .one_input import InputOptions, class_number, input_options, print_lines, print_warning
from .options import NETWORK, json_option, option, output_option
from .output import messages, print_json, print_message
from .output_files import check_output


@dataclass(frozen=True)
class WhyOptions(InputOptions):
    """The options of the command; ``place``: a name and numbers, the answer's logit if None."""

    place: str | None
    gradient: bool
    expected: str | None
    output: str | None


@click.command(name="why")
@input_options
@click.argument("place", metavar="[PLACE]", required=False)
@click.option(
    "--gradient",
    is_flag=True,
    panel=NETWORK,
    help="Explain a gradient of the loss. If PLACE names a parameter, such as "
    "conv1.weight,0,0,1,1, print its gradient and the loss as a function of it. If PLACE "
    "names a value, such as conv1,0,3,4, print the gradient with respect to it (its error).",
)
@option(
    "--expected",
    metavar="CLASS",
    panel=NETWORK,
    unset="the predicted class",
    help="With --gradient: the true label for the loss.",
)
@output_option(
    "Write an .xlsx spreadsheet that computes the number with live formulas, down to the pixels."
)
@json_option
def command(**values: Any) -> None:
    """Print how the net in the model file NET computes one number for INPUT.

    PLACE is a layer, a feature map, a row and a column, counted from 0, such as conv1,0,3,4. If
    it is left out, the number is the logit of the predicted class.
    """
    options = _options(values)
    _check(options)
    net = Network.load(options.net_file)
    expected = class_number(net, "--expected", options.expected)
    explanation = options.explanation(net)
    name, at = _place(options.place or f"{list(explanation.walk)[-1]},{explanation.answer}")
    if options.gradient:
        label = explanation.label if expected is None else expected
        _print_gradient(explanation, label, name, at, options.as_json)
    elif options.output is None or options.as_json:
        _print(explanation.walk.why(name, *_position(at)), options.as_json)
    if options.output is not None:
        _write(explanation, options.output, name, at)


def _options(values: dict[str, Any]) -> WhyOptions:
    """The options as a record. With --text, the first word after NET is PLACE."""
    if values["text"] is not None and values["place"] is None:
        values = {**values, "file": None, "place": values["file"]}
    return WhyOptions(**values)


def _check(options: WhyOptions) -> None:
    """Check the options before anything is read; UsageError, DataError."""
    options.check("why")
    if options.gradient and options.output is not None:
        raise click.UsageError("--gradient and --output exclude each other")
    if options.gradient and options.place is None:
        raise click.UsageError("--gradient needs a PLACE, such as conv1.weight,0,0,1,1")
    if options.expected is not None and not options.gradient:
        raise click.UsageError("--expected goes with --gradient")
    if options.output is not None:
        from ..insight.spreadsheet import is_ours  # noqa: PLC0415 - the terminal needs it not

        check_output(options.output, ".xlsx", is_ours)


def _place(text: str) -> tuple[str, list[int]]:
    """A name and numbers, as in conv1,0,3,4."""
    name, *rest = text.split(",")
    try:
        at = [int(one) for one in rest]
    except ValueError:
        at = []
    if not at:
        wanted = "a name and whole numbers, as conv1,0,3,4"
        raise LimitError(f"PLACE: got {shown(text)}, wanted {wanted}")
    return name.strip(), at


def _position(at: list[int]) -> list[int]:
    if len(at) > 3:
        wanted = "map, row and column, or the map"
        raise LimitError(f"PLACE: got {len(at)} numbers, wanted {wanted}")
    return at


def _print_gradient(
    explanation: Explanation, label: int, name: str, at: list[int], as_json: bool
) -> None:
    """Print the arithmetic of the gradient of a value, or of a parameter with its nudge curve."""
    net = explanation.net
    loss = net.recipe.get("loss", "cross-entropy")  # the one that training minimized
    back = explanation.walk.backprop(label, loss)
    if "." not in name:
        _print(back.error(name, *_position(at)), as_json)
        return
    from ..insight.dynamics.nudge_curve import nudge_curve  # noqa: PLC0415 - only gradients need it

    why = back.why(name, *at)
    inputs, labels = explanation.example[None], np.array([label])
    curve = nudge_curve(net, inputs, labels, name, at, loss=loss)
    if as_json:
        print_json({**why.to_json(), "nudge_curve": curve.to_json()})
    else:
        print_lines([*why.lines(), "", *curve.lines()])


def _print(why: Why, as_json: bool) -> None:
    if as_json:
        print_json(why.to_json())
    else:
        print_lines(why.lines())


def _write(explanation: Explanation, output: str, name: str, at: list[int]) -> None:
    """Write the spreadsheet."""
    from ..insight.spreadsheet import export_spreadsheet  # noqa: PLC0415 - only spreadsheets need it

    export_spreadsheet(explanation.walk, output, name, *_position(at))
    print_message(messages(), f"wrote {output}")
    print_warning(explanation)
