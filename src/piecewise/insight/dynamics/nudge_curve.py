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
from ...display.charts import BLUE, Line, Mark, bars, chart_svg
from ...inputs import check_examples, layer_inputs
from ...network import Network
from ...reference.losses import LOSSES
from ...reference.model import mean_loss
from ...spec.optimizers import NUDGE_SIZE
from ...spec.parameters import Parameters

Place = tuple[int, ...]

POINTS = Integer(3, 1_001)
DOUBLINGS = 5
"""How often a reach that was not asked for is doubled where there would be nothing to see."""
SEEN = 0.1
"""The share of today's loss by which it has to change for something to be seen."""
MOST_NUDGED = 1 << 28
"""Multiplications of the two runs in float64, some seconds; more pictures are not nudged there."""
_WIDTH = 64


@dataclass(frozen=True)
class NudgeCurve:
    """The mean loss of ``n`` examples as a function of one parameter.

    Attributes
    ----------
    name, index : str, tuple of int
        The parameter.
    loss_name : str
        The loss function.
    n : int
        Number of examples.
    values, losses : tuple of float
        Evenly spaced values of the parameter, its current value in the middle, and the mean losses.
    gradient : float
        The gradient at the current value, by backpropagation.
    numerical_gradient : float or None
        The same by central differences in float64; None where that would take long.
    """

    name: str
    index: tuple[int, ...]
    loss_name: str
    n: int
    values: tuple[float, ...]
    losses: tuple[float, ...]
    gradient: float
    numerical_gradient: float | None

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
        first = middle % step  # so that today's is among those that are drawn
        losses = self.losses[first::step]
        pictures = f"{self.n:,} picture{'s' * (self.n != 1)}"
        yield f"{self.loss_name} loss of {pictures} over {self.parameter}"
        yield f"  {max(self.losses):.6g}"
        yield from (f"  {row}" for row in bars(losses))
        mark = middle // step
        yield f"  {'^':>{mark + 1}} today {self.value:.6g}: loss {self.loss:.6g}"
        yield f"  from {self.values[0]:.6g} to {self.values[-1]:.6g}, lowest {min(self.losses):.6g}"
        yield f"  slope by backpropagation {self.gradient:.6g}"
        if self.numerical_gradient is not None:
            yield f"  slope by nudging         {self.numerical_gradient:.6g}"
        yield f"  {self._advice()}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """The fields, the current value and its loss as plain values."""
        return {
            **vars(self),
            "index": list(self.index),
            "values": list(self.values),
            "losses": list(self.losses),
            "value": self.value,
            "loss": self.loss,
        }

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
                Line("slope today", ends, touching, BLUE, dashed=True),
            ],
            Mark(f"today {self.value:.4g}", self.value, self.loss),
        )
        nudged = (
            "" if self.numerical_gradient is None else f", by nudging {self.numerical_gradient:.6g}"
        )
        return (
            f"<div>{chart}<p>Slope by backpropagation {self.gradient:.6g}{nudged}. "
            f"{self._advice()}</p></div>"
        )

    def _advice(self) -> str:
        if self.gradient == 0:
            return "A small nudge changes nothing."
        return f"Down the slope lie {'smaller' if self.gradient > 0 else 'larger'} values."


def nudge_curve(
    net: Network,
    pictures: npt.ArrayLike,
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
    net : Network
        The net.
    pictures : array (N, channels, height, width) or (N, positions)
        Preprocessed inputs.
    labels : array of int (N,)
        Their class numbers.
    name : str
        Name of the parameter array, such as "conv1.weight".
    index : int or sequence of int
        Index in the array.
    reach : float, optional
        Half of the range of values. By default twice the absolute value of the parameter or the
        root mean square of its array, whichever is larger, doubled up to five times until the loss
        changes by a tenth.
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
    LimitError
        If there is no such parameter, or logits overflow float32.
    DataError
        If the arrays do not fit the net.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(4, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> curve = pw.nudge_curve(net, xo.inputs, xo.labels, "conv1.weight", (0, 0, 1, 1), points=5)
    >>> len(curve.losses)
    5
    """
    given, right = check_examples(net, pictures, labels)
    turned = _Turned(net, given, right, _checked_loss(loss), *_checked_place(net, name, index))
    count = _checked_points(points)
    reach = turned.telling_reach() if reach is None else _checked_reach(reach)
    values = turned.values(reach, count)
    _, gradients = net.gradients(given, right, loss)
    return NudgeCurve(
        turned.name,
        turned.index,
        loss,
        len(right),
        values,
        tuple(turned.loss_at(value) for value in values),
        float(gradients[turned.name][turned.index]),
        turned.nudged(),
    )


class _Turned:
    """A copy of a net with one parameter that can be turned."""

    def __init__(
        self, net: Network, given: Array, right: Array, loss: str, name: str, index: Place
    ) -> None:
        self.name, self.index = name, index
        self._given, self._right, self._loss = given, right, loss
        self._net = copy.copy(net)
        flat = net.parameters.flat.copy()
        self._net.parameters = Parameters(flat, net.architecture.parameters)
        self._array = self._net.parameters[self.name]
        self.today = float(self._array[self.index])

    def loss_at(self, value: float) -> float:
        """The mean loss with the parameter at ``value``: by the engine's logits, in float64."""
        with np.errstate(over="ignore"):  # beyond float32, which the logits then tell
            self._array[self.index] = value
        logits = self._net.logits(self._given).astype(np.float64)
        return _mean(LOSSES[self._loss](logits, self._right)[0])

    def values(self, reach: float, count: int) -> tuple[float, ...]:
        """Evenly from today's value less ``reach`` to today's and ``reach``, as float32 holds them;
        LimitError where it does not tell them apart."""
        half = count // 2
        with np.errstate(over="ignore"):
            found = [
                float(np.float32(self.today + reach * step / half))
                for step in range(-half, half + 1)
            ]
        if not all(map(isfinite, found)) or len(set(found)) < count:
            raise LimitError(
                f"reach: got {reach:g}, wanted one whose {count} values around {self.today:g} "
                "float32 holds and tells apart"
            )
        return tuple(found)

    def telling_reach(self) -> float:
        """How far to turn so that something is to be seen."""
        size = sqrt(_mean(self._array.astype(np.float64).ravel() ** 2))
        reach = 2 * max(abs(self.today), size) or 1.0
        now = self.loss_at(self.today)
        for _ in range(DOUBLINGS):
            try:
                ends = self.loss_at(self.today - reach), self.loss_at(self.today + reach)
            except LimitError:  # beyond float32
                return reach / 2
            if max(abs(end - now) for end in ends) >= SEEN * now:
                break
            reach *= 2
        return reach

    def nudged(self) -> float | None:
        """The slope by two runs in float64, as `reference.nudge` does; None if that takes long."""
        architecture = self._net.architecture
        if 2 * len(self._right) * architecture.multiplications > MOST_NUDGED:
            return None
        wide = {name: array.astype(np.float64) for name, array in self._net.state.items()}
        x = layer_inputs(self._net, self._given)
        x = x if architecture.reads_texts else x.astype(np.float64)

        def at(value: float) -> float:
            wide[self.name][self.index] = value
            return mean_loss(architecture, wide, x, self._right, self._loss)[0]

        return (at(self.today + NUDGE_SIZE) - at(self.today - NUDGE_SIZE)) / (2 * NUDGE_SIZE)


def _mean(numbers: Array) -> float:
    return fsum(numbers.tolist()) / len(numbers)


def _checked_place(net: Network, name: str, index: int | Sequence[int]) -> tuple[str, Place]:
    if not isinstance(name, str) or name not in net.parameters:
        raise LimitError(
            f"name: got {shown(name)}, wanted a parameter of the net"
            f"{did_you_mean(str(name), net.parameters)}"
        )
    shape = net.parameters[name].shape
    given = (index,) if is_integer(index) else index
    whole = isinstance(given, tuple | list) and all(is_integer(one) for one in given)
    if not whole or len(given) != len(shape):  # type: ignore[arg-type]
        raise LimitError(
            f"index: got {shown(index)}, wanted {len(shape)} whole numbers, a place in {name} "
            f"{shape}"
        )
    place = tuple(int(one) for one in given)  # type: ignore[union-attr]
    if not all(0 <= one < side for one, side in zip(place, shape, strict=True)):
        raise LimitError(f"index: got {shown(index)}, wanted a place in {name} {shape}, from 0 on")
    return name, place


def _checked_loss(loss: object) -> str:
    return str(checked("loss", LOSS, loss))


def _checked_points(points: object) -> int:
    count = int(checked("points", POINTS, points))
    if count % 2 == 0:
        raise LimitError(f"points: got {points}, wanted an odd number: today's is in the middle")
    return count


def _checked_reach(reach: object) -> float:
    if isinstance(reach, bool) or not isinstance(reach, int | float | np.number):
        raise LimitError(f"reach: got {shown(reach)}, wanted a number above 0")
    if not 0 < reach < float("inf"):
        raise LimitError(f"reach: got {shown(reach)}, wanted a finite number above 0")
    return float(reach)
