"""`piecewise show`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from ..core.errors import LimitError
from ..insight.net_facts import training_facts
from ..network import Network
from ..training.recipe import Recipe
from .options import json_option, net_argument
from .output import print_json, printable, results


@click.command(name="show")
@net_argument
@json_option
def command(net_file: str, as_json: bool) -> None:
    """Describe the net in the model file NET: layers, shapes, parameters, preprocessing, recipe."""
    net = Network.load(net_file)
    if as_json:
        print_json(
            {
                "layers": net.notation,
                "input": list(net.input),
                "classes": list(net.classes),
                "parameters": net.architecture.parameter_count,
                "parameters_sha256": net.parameters_sha256,
                "seed": net.seed,
                "preprocessor": net.preprocessor.to_json(),
                "recipe": net.recipe,
                "calibration": net.calibration.to_json(),
                "training": net.training_summary,
                "history": net.history,
            }
        )
        return
    console = results()
    for line in (
        net.notation,
        "",
        net.summary(),
        "",
        f"classes      {', '.join(net.classes)}",
        f"preprocessor {net.preprocessor.description}",
        f"recipe       {_recipe(net.recipe)}",
        *(f"{name:<12} {text}" for name, text in training_facts(net)),
        f"calibration  {_calibration(net)}",
        f"sha256       {net.parameters_sha256}",
    ):
        console.print("\n".join(map(printable, line.split("\n"))), soft_wrap=True)


def _recipe(values: dict[str, Any]) -> str:
    """The recipe in the notation of `train`; of another version, with the values as stored."""
    if not values:
        return "none"
    try:
        recipe = Recipe(**values)
    except (LimitError, TypeError):
        return ", ".join(f"{name} {value}" for name, value in values.items())
    written = (
        f"{name.replace('_', ' ')} {Recipe.knob(name).write(getattr(recipe, name))}"
        for name in values
    )
    return ", ".join(written)


def _calibration(net: Network) -> str:
    calibration = net.calibration
    if not calibration.n:
        return "not measured"
    steps = ", ".join(
        f"{100 * step.coverage:.0f} % answered: {100 * step.accuracy:.1f} % right"
        for step in calibration.thresholds[::3]
    )
    temperature = f"temperature {calibration.temperature:.2f}"
    return f"{temperature}, fitted on {calibration.n:,} validation answers; {steps}"
