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
from .output import data, print_json, printable

EXTRAS = ("sklearn", "tensorboard")
PINNED = "00f1e963ab2dea891b4465c85122511209617a2ee4624b3cafe7370e1f4db081"
"""Of the parameters that the network of `_taught` has on every machine."""


@click.command(name="doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Describe this machine and check that piecewise works on it.

    Trains a small net, whose parameters must be the same bits as on every machine. The exit status
    is 1 if they differ, or if the training fails.
    """
    found = _found()
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            data().print(printable(line), soft_wrap=True)
    if not found["works"]:
        ctx.exit(1)


def _found() -> dict[str, Any]:
    found: dict[str, Any] = {"schema": 1, **environment()}
    place = code_cache.cache_path()
    found["machine"] = platform.machine()
    found["cache"] = str(place) if place else "off"
    found["extras"] = {name: find_spec(name) is not None for name in EXTRAS}
    try:
        digest, speed = _taught()
    except PiecewiseError as error:
        return {**found, "works": False, "error": str(error)}
    found["speed"] = round(speed)
    found["works"] = digest == PINNED
    if digest != PINNED:
        found["error"] = f"got the parameters {digest}, wanted {PINNED}; please report this"
    return found


def _taught() -> tuple[str, float]:
    """The digest of a small net's parameters, and the training speed in 28x28 images a second."""
    lessons = make_xo(512, 28, seed=0)
    layers = "conv 8 5, norm, relu, pool 2, conv 16 5, relu, pool 2, dropout 0.3, full 16, full"
    net = Network(layers, (1, 28, 28), CLASSES, 0, lessons.preprocessor)
    train(net, lessons.inputs, lessons.labels, Recipe(epochs=1, batch_size=64))
    digest, began = net.parameters_sha256, time.perf_counter()
    train(net, lessons.inputs, lessons.labels, Recipe(epochs=8, batch_size=64))
    return digest, 8 * len(lessons) / (time.perf_counter() - began)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    extras = ", ".join(
        f"{name} {'yes' if there else 'no'}" for name, there in found["extras"].items()
    )
    told = {name: str(value) for name, value in found.items() if name != "schema"}
    told["extras"] = extras
    if "speed" in found:
        told["speed"] = f"{found['speed']:,} training images of 28x28 a second"
    told["works"] = "yes, with the same bits as on every machine" if found["works"] else "no"
    for name, words in told.items():
        yield f"{name:<14}{words}"
