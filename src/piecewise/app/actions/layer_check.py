"""Checks of layers and recipes before they are taught: shapes, sizes, and a guess of the time."""

from __future__ import annotations

from typing import Any

from ...core.errors import PiecewiseError
from ...spec.architecture import Architecture
from ...spec.notation import write_layer
from ...training.effort import cost_per_example
from ...training.recipe import Recipe, check_knob_names
from ..attempts import Attempt
from ..fields import Values
from ..project import Project
from ..session import Session
from ..sketch import SKETCH_SAMPLES, sketch_epochs

Shape = tuple[int, int, int]
UNTAUGHT: Shape = (1, 28, 28)
"""The shape of inputs before the first training."""
SECONDS = 2e-10
"""Of one multiplication of a sketch, before there was one."""
NEW_PROGRAM = 0.15
"""Seconds until the engine has compiled new layers."""


def inputs_of(project: Project) -> tuple[Shape, int]:
    """The shape of the inputs of a project, and the number of its classes."""
    preprocessor = project.preprocessor
    return preprocessor.shape if preprocessor else UNTAUGHT, max(2, len(project.classes()))


def check_layers(project: Project, layers: str) -> Values:
    """The shapes and sizes of layers; LimitError or NotationError if no net can have them."""
    architecture = Architecture(layers, *inputs_of(project))
    return {
        "layers": [
            {"name": stage.name, "notation": write_layer(stage.layer),
             "shape": list(stage.output), "products": stage.multiplications,
             "parameters": sum(row.size for row in stage.parameters)}
            for stage in architecture.stages
        ],
        "parameters": architecture.parameter_count,
    }  # fmt: skip


def checked_recipe(values: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a recipe; LimitError if one is not allowed."""
    check_knob_names(values)
    Recipe(**values)
    return values


def guessed_ms(session: Session, layers: str, epochs: int | None) -> int:
    """About how many milliseconds a sketch of these layers takes, by the speed of the last one."""
    project, attempts = session.project, session.teacher.attempts.list()
    shape, classes = inputs_of(project)
    count = min(SKETCH_SAMPLES, sum(one.train for one in project.classes()))
    speeds = [_speed(one, shape, classes) for one in attempts[-5:] if one.stage == "sketch"]
    speed = min((one for one in speeds if one), default=SECONDS)
    epochs = epochs or sketch_epochs(layers, count, shape, classes)
    seconds = epochs * count * cost_per_example(layers, shape, classes) * speed
    if all(one.layers != Architecture(layers, shape, classes).notation for one in attempts):
        seconds += NEW_PROGRAM
    return round(1_000 * seconds)


def _speed(attempt: Attempt, shape: Shape, classes: int) -> float | None:
    """The seconds of one multiplication in an attempt; None if the inputs are others now."""
    try:
        cost = cost_per_example(attempt.layers, shape, classes)
    except PiecewiseError:
        return None
    work = cost * attempt.samples * len(attempt.losses)
    return attempt.seconds / work if work else None
