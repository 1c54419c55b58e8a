"""One picture's way back: how fast the loss changes with every number, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..core.array_types import Array
from ..core.constraints import is_integer
from ..core.errors import LimitError, did_you_mean, shown
from ..reference.losses import LOSSES, one_hot, softmax
from ..reference.model import LAYER_FUNCTIONS, stage_arrays
from ..reference.reductions import Arrays
from ..spec.architecture import Architecture, Stage
from . import gradient_arithmetic
from .arithmetic import Position, Term, Why
from .gradient_arithmetic import ERROR, BackwardInputs

LOGIT = "logit"
"""Instead of a loss: the class's own logit."""


class Backprop:
    """The slope of a loss for the class ``label`` by every number of a walk.

    ``errors``: by the layers' names, "input" first, arrays like their stacks: how fast the loss
    changes with each number that the layer gave. ``gradients``: the same by parameter. ``loss``:
    the loss itself; ``of``: which. With ``down_to``, the way back ends at that stack, and what is
    before it has neither.
    """

    def __init__(
        self,
        architecture: Architecture,
        arrays: Arrays,
        stacks: Mapping[str, Array],
        label: int,
        loss: str,
        down_to: str = "input",
    ) -> None:
        self.label, self.of = label, loss
        self._stages, self._arrays, self._stacks = architecture.stages, arrays, stacks
        self._before = dict(zip([*stacks][1:], stacks, strict=False))
        *_, last = stacks.values()
        self._logits = last.reshape(1, -1)
        losses, slope = self._slope()
        self.loss = float(losses[0])
        self._errors, self._gradients = self._way_back(slope.reshape(last.shape), down_to)
        self.errors: Mapping[str, Array] = MappingProxyType(self._errors)
        self.gradients: Mapping[str, Array] = MappingProxyType(self._gradients)

    def _slope(self) -> tuple[Array, Array]:
        """The loss (1), and its slope by the logits (1, K)."""
        right = np.array([self.label])
        if self.of == LOGIT:
            return self._logits[:, self.label], one_hot(self._logits, right)
        return LOSSES[self.of](self._logits, right)

    def _way_back(self, upstream: Array, to: str) -> tuple[dict[str, Array], dict[str, Array]]:
        """Errors and gradients, by each layer's own ``backward``, of the walk's own numbers."""
        errors, gradients = {self._stages[-1].name: upstream}, dict[str, Array]()
        for stage in reversed(self._stages):
            if to in errors:
                break
            pair, mine, before = (
                LAYER_FUNCTIONS[type(stage.layer)],
                self._own(stage),
                self._before[stage.name],
            )
            kept = self._stacks[before][None]
            if not pair.CACHES_INPUT:
                _, kept = pair.forward(stage.layer, kept, mine, None)
            upstream, found = pair.backward(stage.layer, upstream[None], mine, kept)
            upstream = errors[before] = upstream[0]
            gradients |= {f"{stage.name}.{name}": array for name, array in found.items()}
        order = [row.name for stage in self._stages for row in stage.parameters]
        return (
            {name: errors[name] for name in self._stacks if name in errors},
            {name: gradients[name] for name in order if name in gradients},
        )

    def _own(self, stage: Stage) -> dict[str, Array]:
        return stage_arrays(stage, self._arrays)

    def error(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Why:
        """The arithmetic of one error: that of a layer's number, by the layer's name, map, row and
        column. Its terms are errors of the next layer, down to the slope of the loss. LimitError
        where there is no such number."""
        layer = layer.removeprefix(ERROR)
        errors = self._checked_errors(layer)
        at = _checked(("feature", "row", "column"), (feature, row, column), errors.shape)
        position, value = Position(ERROR + layer, *at), float(errors[at])
        if layer == self._stages[-1].name:
            return Why(
                position, value, "sum", self._first(int(np.ravel_multi_index(at, errors.shape)))
            )
        stage = next(stage for stage in self._stages if self._before[stage.name] == layer)
        return gradient_arithmetic.error(position, value, self._back(stage))

    def why(self, parameter: str, *index: int) -> Why:
        """The arithmetic of the gradient of one parameter, by its array's name and its place there:
        the errors of the numbers it is in, times the values it meets. LimitError where there is
        none."""
        array = self._gradients.get(parameter)
        if array is None:
            guess = did_you_mean(str(parameter), self._gradients)
            raise LimitError(f"parameter: got {shown(parameter)}, wanted one of the net's{guess}")
        at = _checked(("index",) * array.ndim, index, array.shape)
        name, _, short = parameter.rpartition(".")
        stage = next(stage for stage in self._stages if stage.name == name)
        return gradient_arithmetic.gradient(short, at, float(array[at]), self._back(stage))

    def _back(self, stage: Stage) -> BackwardInputs:
        before = self._before[stage.name]
        x = self._stacks[before]
        return BackwardInputs(before, x, self._own(stage), stage, self._errors[stage.name])

    def _first(self, number: int) -> tuple[Term, ...]:
        """The slope of the loss by a logit."""
        logit, right = float(self._logits[0, number]), float(number == self.label)
        if self.of == "cross-entropy":
            chance = float(softmax(self._logits)[0, number])
            return Term(1.0, chance, "its probability, by softmax"), Term(
                -1.0, right, "the right answer"
            )
        if self.of == "squared":
            return Term(2.0, logit, "its answer"), Term(-2.0, right, "the right answer")
        if self.of == "absolute":
            side = float(np.sign(logit - right))
            return (Term(1.0, side, "the side on which its answer is of the right one"),)
        return (Term(1.0, right, "the class asked about"),)

    def _checked_errors(self, layer: str) -> Array:
        errors = self._errors.get(layer)
        if errors is None:
            guess = did_you_mean(str(layer), self._errors)
            raise LimitError(
                f"layer: got {shown(layer)}, wanted a layer, or an array such as "
                f"{next(iter(self._gradients), 'conv1.weight')}{guess}"
            )
        if errors.ndim != 3:
            raise LimitError(f"layer: got {shown(layer)}: words are looked up, and have no slope")
        return errors


def _checked(
    names: tuple[str, ...], index: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """A place in an array; LimitError if there is none."""
    if len(index) != len(shape):
        raise LimitError(f"index: got {len(index)} numbers, wanted {len(shape)}, of {shape}")
    for name, one, side in zip(names, index, shape, strict=True):
        if not is_integer(one) or not 0 <= one < side:
            raise LimitError(
                f"{name}: got {shown(one)}, wanted a whole number from 0 to {side - 1}"
            )
    return tuple(int(one) for one in index)
