"""Backpropagation through one input, with the arithmetic of every error and gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..core.array_types import Array
from ..core.constraints import is_integer
from ..core.errors import LimitError, did_you_mean, shown
from ..reference.batch_context import BatchContext
from ..reference.losses import LOSSES, one_hot, softmax
from ..reference.model import LAYER_FUNCTIONS, stage_arrays
from ..reference.padding import stage_lengths, without_padding
from ..reference.reductions import Arrays
from ..spec.architecture import Architecture, Stage
from . import gradient_arithmetic
from .arithmetic import Position, Term, Why
from .gradient_arithmetic import ERROR, BackwardInputs

LOGIT = "logit"
"""Instead of a loss: the logit of the class."""


class Backprop:
    """The gradients of a loss with respect to all activations and parameters, for one input and
    class.

    `Network.backprop` and `Walk.backprop` make it.

    Attributes
    ----------
    label : int
        The number of the class.
    of : str
        The name of the loss, or "logit".
    loss : float
        The loss.
    errors : mapping of str to ndarray
        By layer name, "input" first: the gradients of the loss with respect to the activations.
    gradients : mapping of str to ndarray
        By parameter name: the gradients of the loss with respect to the parameters.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("conv 8 3, relu, full", input=(1, 9, 9), classes=2)
    >>> walk = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32"))
    >>> back = walk.backprop(label=0)
    >>> back.gradients["conv1.weight"].shape
    (8, 1, 3, 3)
    >>> len(back.why("conv1.weight", 5, 0, 1, 1).terms)
    49
    """

    def __init__(
        self,
        architecture: Architecture,
        arrays: Arrays,
        activations: Mapping[str, Array],
        label: int,
        loss: str,
        down_to: str = "input",
    ) -> None:
        self.label, self.of = label, loss
        self._stages, self._arrays, self._activations = architecture.stages, arrays, activations
        self._before = dict(zip([*activations][1:], activations, strict=False))
        self._lengths = lengths_of(architecture, activations["input"])
        *_, last = activations.values()
        self._logits = last.reshape(1, -1)
        losses, gradient = self._loss_gradient()
        self.loss = float(losses[0])
        self._errors, self._gradients = self._backward(gradient.reshape(last.shape), down_to)
        self.errors: Mapping[str, Array] = MappingProxyType(self._errors)
        self.gradients: Mapping[str, Array] = MappingProxyType(self._gradients)

    def _loss_gradient(self) -> tuple[Array, Array]:
        """The loss (1) and its gradient with respect to the logits (1, K)."""
        target = np.array([self.label])
        if self.of == LOGIT:
            return self._logits[:, self.label], one_hot(self._logits, target)
        return LOSSES[self.of](self._logits, target)

    def _backward(self, upstream: Array, to: str) -> tuple[dict[str, Array], dict[str, Array]]:
        """The errors and gradients, from the walk's activations."""
        errors, gradients = backward(
            self._stages, self._arrays, self._activations, self._lengths, upstream[None], to
        )
        order = [row.name for stage in self._stages for row in stage.parameters]
        return (
            {name: array[0] for name, array in errors.items()},
            {name: gradients[name] for name in order if name in gradients},
        )

    def _own(self, stage: Stage) -> dict[str, Array]:
        return stage_arrays(stage, self._arrays)

    def error(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Why:
        """The arithmetic of the error of one activation.

        Parameters
        ----------
        layer : str
            The layer's name.
        feature, row, column : int
            The index of the feature map, the row and the column.

        Returns
        -------
        Why
            Its terms are errors of the next layer, up to the gradient of the loss.

        Raises
        ------
        LimitError
            If there is no such activation.
        """
        layer = layer.removeprefix(ERROR)
        errors = self._checked_errors(layer)
        at = _checked(("feature", "row", "column"), (feature, row, column), errors.shape)
        position, value = Position(ERROR + layer, *at), float(errors[at])
        if layer == self._stages[-1].name:
            return Why(
                position,
                value,
                "sum",
                self._loss_terms(int(np.ravel_multi_index(at, errors.shape))),
            )
        stage = next(stage for stage in self._stages if self._before[stage.name] == layer)
        return gradient_arithmetic.error(position, value, self._back(stage))

    def why(self, parameter: str, *index: int) -> Why:
        """The arithmetic of the gradient of one parameter.

        Parameters
        ----------
        parameter : str
            The name of the array, such as "conv1.weight".
        *index : int
            The index in the array.

        Returns
        -------
        Why
            Its terms are errors of the layer's output times values of its input.

        Raises
        ------
        LimitError
            If there is no such parameter.
        """
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
        x = self._activations[before]
        length = self._lengths[stage.number - 1]
        return BackwardInputs(before, x, self._own(stage), stage, self._errors[stage.name], length)

    def _loss_terms(self, number: int) -> tuple[Term, ...]:
        """The terms of the gradient of the loss with respect to a logit."""
        logit, target = float(self._logits[0, number]), float(number == self.label)
        if self.of == "cross-entropy":
            probability = float(softmax(self._logits)[0, number])
            return Term(1.0, probability, "its probability, by softmax"), Term(
                -1.0, target, "the target"
            )
        if self.of == "squared":
            return Term(2.0, logit, "its logit"), Term(-2.0, target, "the target")
        if self.of == "absolute":
            side = float(np.sign(logit - target))
            return (Term(1.0, side, "the sign of its logit minus the target"),)
        return (Term(1.0, target, "the class asked about"),)

    def _checked_errors(self, layer: str) -> Array:
        errors = self._errors.get(layer)
        if errors is None:
            guess = did_you_mean(str(layer), self._errors)
            raise LimitError(
                f"layer: got {shown(layer)}, wanted a layer, or an array such as "
                f"{next(iter(self._gradients), 'conv1.weight')}{guess}"
            )
        if errors.ndim != 3:
            raise LimitError(f"layer: got {shown(layer)}: tokens have no gradient")
        return errors


def logit_errors(
    architecture: Architecture, arrays: Arrays, activations: Mapping[str, Array], labels: list[int]
) -> list[dict[str, Array]]:
    """The ``errors`` of `Backprop` for the logits of several classes, in one pass, which takes
    little longer than that of one class."""
    *_, last = activations.values()
    logits = np.repeat(last.reshape(1, -1), len(labels), 0)
    upstream = one_hot(logits, np.array(labels)).reshape(len(labels), *last.shape)
    lengths = lengths_of(architecture, activations["input"])
    errors, _ = backward(architecture.stages, arrays, activations, lengths, upstream)
    return [{name: array[number] for name, array in errors.items()}
            for number in range(len(labels))]  # fmt: skip


def backward(
    stages: Sequence[Stage], arrays: Arrays, activations: Mapping[str, Array],
    lengths: Sequence[int], upstream: Array, to: str = "input",
) -> tuple[dict[str, Array], dict[str, Array]]:  # fmt: skip
    """The errors, by each layer's ``backward``, for several gradients of the logits (N, ...) of one
    input; and the gradients of the parameters, added up."""
    count = len(upstream)
    names = [*activations]
    columns = [np.full(count, length) for length in lengths]
    upstream = without_padding(upstream, columns[-1])
    errors, gradients = {stages[-1].name: upstream}, dict[str, Array]()
    for stage, before in zip(reversed(stages), reversed(names[:-1]), strict=True):
        if to in errors:
            break
        functions, own = LAYER_FUNCTIONS[type(stage.layer)], stage_arrays(stage, arrays)
        cached = np.repeat(activations[before][None], count, 0)
        length = columns[stage.number - 1]
        if not functions.CACHES_INPUT:
            _, cached = functions.forward(stage.layer, cached, own, BatchContext(lengths=length))
        upstream, of_stage = functions.backward(stage.layer, upstream, own, cached)
        upstream = errors[before] = without_padding(upstream, length)
        gradients |= {f"{stage.name}.{name}": array for name, array in of_stage.items()}
    return {name: errors[name] for name in names if name in errors}, gradients


def lengths_of(architecture: Architecture, example: Array) -> list[int]:
    """The columns before the padding of a text, of the input and of each layer's output; all
    columns if the network reads no texts."""
    stages = architecture.stages
    texts = stage_lengths(stages, example[None])
    shapes = [architecture.input, *(stage.output for stage in stages)]
    return [
        shape.width if lengths is None else int(lengths[0])
        for shape, lengths in zip(shapes, texts, strict=True)
    ]


def _checked(
    names: tuple[str, ...], index: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """A checked index of an array; LimitError if it is outside."""
    if len(index) != len(shape):
        raise LimitError(f"index: got {len(index)} numbers, wanted {len(shape)}, of {shape}")
    for name, one, side in zip(names, index, shape, strict=True):
        if not is_integer(one) or not 0 <= one < side:
            raise LimitError(
                f"{name}: got {shown(one)}, wanted a whole number from 0 to {side - 1}"
            )
    return tuple(int(one) for one in index)
