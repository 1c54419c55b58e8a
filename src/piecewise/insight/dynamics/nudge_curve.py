"""The loss as a function of one parameter (a loss curve), with the gradient at its current
value."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array
from ...core.constraints import LOSS, Integer, checked, is_integer
from ...core.errors import LimitError, did_you_mean, shown
from ...core.plain_values import PlainRecord
from ...display.charts import BLUE, Line, Mark, bars, chart_svg
from ...inputs import check_examples, layer_inputs
from ...network import Network
from ...reference.losses import LOSSES
from ...reference.model import mean_loss
from ...spec.optimizer_constants import NUDGE_SIZE
from ...spec.parameters import Parameters

POINTS = Integer(3, 1_001)
DOUBLINGS = 5
"""How often the default reach is doubled while the loss hardly changes."""
SEEN = 0.1
"""Relative change of the loss at which the default reach is large enough."""
MOST_NUDGED = 1 << 28
"""Multiplications of the two float64 forward passes, above which there is no numerical gradient;
they take some seconds."""
_WIDTH = 64


@dataclass(frozen=True)
class NudgeCurve(PlainRecord):
    """The mean loss of ``n`` examples as a function of one parameter."""

    name: str
    """The array of the parameter."""
    index: tuple[int, ...]
    """The index of the parameter in its array."""
    loss_name: str
    """The loss function."""
    n: int
    """Number of examples."""
    values: tuple[float, ...]
    """Evenly spaced values of the parameter; its current value is in the middle."""
    losses: tuple[float, ...]
    """The mean loss for each value."""
    gradient: float
    """The gradient at the current value, by backpropagation."""
    numerical_gradient: float | None
    """The same by central differences in float64; None where that would take long."""

    @property
    def value(self) -> float:
        """The current value of the parameter."""
        return self.values[len(self.values) // 2]

    @property
    def loss(self) -> float:
        """The mean loss at the current value."""
        return self.losses[len(self.losses) // 2]

    @property
    def lowest(self) -> tuple[float, float]:
        """The value with the lowest loss, and the loss; of several, the nearest to the current."""
        middle = len(self.values) // 2
        best = min(range(len(self.values)), key=lambda at: (self.losses[at], abs(at - middle)))
        return self.values[best], self.losses[best]

    @property
    def parameter(self) -> str:
        """The parameter as text, such as "conv1.weight[0, 0, 1, 1]"."""
        return f"{self.name}[{', '.join(map(str, self.index))}]"

    def lines(self) -> Iterator[str]:
        """The curve as text, with the current value and the gradient."""
        step = -(-len(self.values) // _WIDTH)
        middle = len(self.values) // 2
        first = middle % step  # so that the current value is drawn
        losses = self.losses[first::step]
        pictures = f"{self.n:,} picture{'s' * (self.n != 1)}"
        yield f"{self.loss_name} loss of {pictures} over {self.parameter}"
        yield f"  {max(self.losses):.6g}"
        yield from (f"  {row}" for row in bars(losses))
        mark = middle // step
        yield f"  {'^':>{mark + 1}} today {self.value:.6g}: loss {self.loss:.6g}"
        yield f"  from {self.values[0]:.6g} to {self.values[-1]:.6g}, lowest {min(self.losses):.6g}"
        yield f"  gradient by backpropagation {self.gradient:.6g}"
        if self.numerical_gradient is not None:
            yield f"  gradient by nudging         {self.numerical_gradient:.6g}"
        yield f"  {self._advice()}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """The fields, the current value and its loss as plain values."""
        return {**super().to_json(), "value": self.value, "loss": self.loss}

    def _repr_html_(self) -> str:
        """The curve as a chart, with its tangent at the current value."""
        ends = self.values[0], self.values[-1]
        touching = [self.loss + self.gradient * (end - self.value) for end in ends]
        chart = chart_svg(
            f"{self.loss_name} loss over {self.parameter}",
            self.parameter,
            "mean loss",
            [
                Line("loss", self.values, self.losses),
                Line("tangent", ends, touching, BLUE, dashed=True),
            ],
            Mark(f"today {self.value:.4g}", self.value, self.loss),
        )
        nudged = (
            "" if self.numerical_gradient is None else f", by nudging {self.numerical_gradient:.6g}"
        )
        return (
            f"<div>{chart}<p>Gradient by backpropagation {self.gradient:.6g}{nudged}. "
            f"{self._advice()}</p></div>"
        )

    def _advice(self) -> str:
        if self.gradient == 0:
            return "A small nudge changes nothing."
        return f"The loss decreases towards {'smaller' if self.gradient > 0 else 'larger'} values."


def nudge_curve(
    net: Network,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    name: str,
    index: int | Sequence[int],
    reach: float | None = None,
    points: int = 41,
    loss: str = "cross-entropy",
) -> NudgeCurve:
    """Compute the mean loss as a function of one parameter.

    The net is not changed; a copy is evaluated in inference mode.

    Parameters
    ----------
    net, inputs, labels
        See `error_table`.
    name : str
        Name of the parameter array, such as "conv1.weight".
    index : int or sequence of int
        Index in the array.
    reach : float, optional
        Half of the range of values. By default twice the larger of the parameter's absolute value
        and the root mean square of its array, doubled up to five times until the loss changes by a
        tenth.
    points : int, default 41
        Number of values; odd, so that the current value is one of them.
    loss : str, default "cross-entropy"
        The loss function.

    Returns
    -------
    NudgeCurve
        Values, losses and the gradient.

    Raises
    ------
    DataError
        If the arrays do not fit the net.
    LimitError
        If there is no such parameter, or logits overflow float32.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(4, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> curve = pw.nudge_curve(net, xo.inputs, xo.labels, "conv1.weight", (0, 0, 1, 1), points=5)
    >>> len(curve.losses)
    5
    """
    inputs, targets = check_examples(net, inputs, labels)
    parameter = _checked_parameter(net, name, index)
    nudged = _NudgedNetwork(net, inputs, targets, _checked_loss(loss), *parameter)
    count = _checked_points(points)
    reach = nudged.default_reach() if reach is None else _checked_reach(reach)
    values = nudged.values(reach, count)
    _, gradients = net.gradients(inputs, targets, loss)
    return NudgeCurve(
        nudged.name,
        nudged.index,
        loss,
        len(targets),
        values,
        tuple(nudged.loss_at(value) for value in values),
        float(gradients[nudged.name][nudged.index]),
        nudged.numerical_gradient(),
    )


class _NudgedNetwork:
    """A copy of a net in which one parameter can be changed."""

    def __init__(
        self,
        net: Network,
        inputs: Array,
        labels: Array,
        loss: str,
        name: str,
        index: tuple[int, ...],
    ) -> None:
        self.name, self.index = name, index
        self._inputs, self._labels, self._loss = inputs, labels, loss
        self._net = copy.copy(net)
        flat = net.parameters.flat.copy()
        self._net.parameters = Parameters(flat, net.architecture.parameters)
        self._array = self._net.parameters[self.name]
        self.current = float(self._array[self.index])

    def loss_at(self, value: float) -> float:
        """The mean loss at ``value`` of the parameter: float64, from the logits of the engine."""
        with np.errstate(over="ignore"):  # beyond float32, the logits raise
            self._array[self.index] = value
        logits = self._net.logits(self._inputs).astype(np.float64)
        return _mean(LOSSES[self._loss](logits, self._labels)[0])

    def values(self, reach: float, count: int) -> tuple[float, ...]:
        """``count`` evenly spaced float32 values within ``reach`` of the current one; LimitError if
        they are not finite and distinct."""
        half = count // 2
        with np.errstate(over="ignore"):
            values = [
                float(np.float32(self.current + reach * step / half))
                for step in range(-half, half + 1)
            ]
        if not all(map(isfinite, values)) or len(set(values)) < count:
            raise LimitError(
                f"reach: got {reach:g}, wanted one whose {count} values around {self.current:g} "
                "are finite and distinct in float32"
            )
        return tuple(values)

    def default_reach(self) -> float:
        """A reach within which the loss changes visibly."""
        size = sqrt(_mean(self._array.astype(np.float64).ravel() ** 2))
        reach = 2 * max(abs(self.current), size) or 1.0
        now = self.loss_at(self.current)
        for _ in range(DOUBLINGS):
            try:
                ends = self.loss_at(self.current - reach), self.loss_at(self.current + reach)
            except LimitError:  # beyond float32
                return reach / 2
            if max(abs(end - now) for end in ends) >= SEEN * now:
                break
            reach *= 2
        return reach

    def numerical_gradient(self) -> float | None:
        """By central differences in float64; None where that would take long."""
        architecture = self._net.architecture
        if 2 * len(self._labels) * architecture.multiplications > MOST_NUDGED:
            return None
        state = {name: array.astype(np.float64) for name, array in self._net.state.items()}
        x = layer_inputs(self._net, self._inputs)
        x = x if architecture.reads_texts else x.astype(np.float64)

        def at(value: float) -> float:
            state[self.name][self.index] = value
            return mean_loss(architecture, state, x, self._labels, self._loss)[0]

        return (at(self.current + NUDGE_SIZE) - at(self.current - NUDGE_SIZE)) / (2 * NUDGE_SIZE)


def _mean(numbers: Array) -> float:
    return fsum(numbers.tolist()) / len(numbers)


def _checked_parameter(
    net: Network, name: str, index: int | Sequence[int]
) -> tuple[str, tuple[int, ...]]:
    if not isinstance(name, str) or name not in net.parameters:
        raise LimitError(
            f"name: got {shown(name)}, wanted a parameter of the net"
            f"{did_you_mean(str(name), net.parameters)}"
        )
    shape = net.parameters[name].shape
    indices = (index,) if is_integer(index) else index
    valid = isinstance(indices, tuple | list) and all(is_integer(one) for one in indices)
    if not valid or len(indices) != len(shape):  # type: ignore[arg-type]
        raise LimitError(
            f"index: got {shown(index)}, wanted {len(shape)} whole numbers, a position in {name} "
            f"{shape}"
        )
    position = tuple(int(one) for one in indices)  # type: ignore[union-attr]
    if not all(0 <= one < side for one, side in zip(position, shape, strict=True)):
        raise LimitError(f"index: got {shown(index)}, wanted a position in {name} {shape}, from 0")
    return name, position


def _checked_loss(loss: object) -> str:
    return str(checked("loss", LOSS, loss))


def _checked_points(points: object) -> int:
    count = int(checked("points", POINTS, points))
    if count % 2 == 0:
        raise LimitError(
            f"points: got {points}, wanted an odd number, so that the current value is one of them"
        )
    return count


def _checked_reach(reach: object) -> float:
    if isinstance(reach, bool) or not isinstance(reach, int | float | np.number):
        raise LimitError(f"reach: got {shown(reach)}, wanted a number above 0")
    if not 0 < reach < float("inf"):
        raise LimitError(f"reach: got {shown(reach)}, wanted a finite number above 0")
    return float(reach)
