"""`piecewise doctor`."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import rich_click as click

from ..core.errors import PiecewiseError
from ..data.xo import CLASSES, make_xo
from ..engine.runtime import code_cache
from ..network import Network
from ..training.checkpoint import environment
from ..training.recipe import Recipe
from ..training.train import train
from .options import json_option
from .output import print_json, printable, results

EXTRAS = ("sklearn", "tensorboard")
PINNED = "923ce5575f762c9a1cbf3f1e19b4bf2a886897c6c9db9a083a3de520af2aa75c"
"""The digest of the parameters that the net of `_train_small_net` has on every machine."""


@click.command(name="doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Describe this machine and check that piecewise works on it.

    Trains a small net, whose parameters must have the same bits on every machine. The exit status
    is 1 if they differ, or if the training fails.
    """
    report = _report()
    if as_json:
        print_json(report)
    else:
        for line in _lines(report):
            results().print(printable(line), soft_wrap=True)
    if not report["works"]:
        ctx.exit(1)


def _report() -> dict[str, Any]:
    report: dict[str, Any] = {**environment()}
    place = code_cache.cache_path()
    report["machine"] = platform.machine()
    report["cache"] = str(place) if place else "off"
    report["extras"] = {name: find_spec(name) is not None for name in EXTRAS}
    try:
        digest, speed = _train_small_net()
    except PiecewiseError as error:
        return {**report, "works": False, "error": str(error)}
    report["speed"] = round(speed)
    report["works"] = digest == PINNED
    if digest != PINNED:
        report["error"] = f"got the parameters {digest}, wanted {PINNED}; please report this"
    return report


def _train_small_net() -> tuple[str, float]:
    """The digest of a small net's parameters, and the training speed in 28x28 images per second."""
    examples = make_xo(512, 28, seed=0)
    layers = "conv 8 5, norm, relu, pool 2, conv 16 5, relu, pool 2, dropout 0.3, full 16, full"
    net = Network(layers, (1, 28, 28), CLASSES, 0, examples.preprocessor)
    train(net, examples.inputs, examples.labels, Recipe(epochs=1, batch_size=64))
    digest, began = net.parameters_sha256, time.perf_counter()
    train(net, examples.inputs, examples.labels, Recipe(epochs=8, batch_size=64))
    return digest, 8 * len(examples) / (time.perf_counter() - began)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    extras = ", ".join(
        f"{name} {'yes' if is_installed else 'no'}"
        for name, is_installed in report["extras"].items()
    )
    values = {name: str(value) for name, value in report.items()}
    values["extras"] = extras
    if "speed" in report:
        values["speed"] = f"{report['speed']:,} training images of 28x28 per second"
    values["works"] = (
        "yes, it computes the same bits as every other machine" if report["works"] else "no"
    )
    for name, words in values.items():
        yield f"{name:<14}{words}"
