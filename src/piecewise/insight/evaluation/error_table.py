"""The deck's error table: errors |right answer - actual answer| by example and class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float32, Float64, Labels
from ...core.errors import DataError, LimitError, did_you_mean, shown
from ...inputs import check_examples
from ...network import Network
from ...reference.losses import one_hot

LOGITS, PROBABILITIES = "logits", "probabilities"
SHOWN, SHOWN_HTML = 10, 100
"""Pictures in a terminal, and in a notebook."""
CLASSES = 10
"""Classes of an example that are shown; of more, the true one and those with the largest errors."""
SORTS = ("index", "name", "label", "predicted", "error")


class ErrorRow(NamedTuple):
    """A row of the table: the target and the output for one example and one class."""

    class_name: str
    target: float
    actual: float
    error: float


@dataclass(frozen=True)
class ErrorTable:
    """Absolute errors of the outputs for N examples and K classes."""

    classes: tuple[str, ...]
    """Names of the classes."""
    outputs: str
    """Either "logits", for nets trained with the absolute or the squared loss, or
    "probabilities"."""
    labels: Labels
    """Class numbers (N,)."""
    actual: Float64
    """The outputs (N, K)."""
    names: tuple[str, ...] = ()
    """Names of the examples; may be empty."""
    order: tuple[int, ...] = ()
    """Indices of the examples in the order of display."""
    errors: Float64 = field(init=False)
    """Absolute differences (N, K) from the targets, 1 for the label and 0 elsewhere."""
    """|right - actual|, (N, K)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", np.abs(one_hot(self.actual, self.labels) - self.actual))
        object.__setattr__(self, "order", self.order or tuple(range(len(self.labels))))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def totals(self) -> list[float]:
        """The sum of the errors of each example."""
        return [fsum(row) for row in self.errors.tolist()]

    @property
    def total(self) -> float:
        """The sum of all errors."""
        return fsum(self.errors.ravel().tolist())

    @property
    def mean(self) -> float:
        """The mean of the examples' totals."""
        return self.total / len(self)

    def name(self, index: int) -> str:
        return self.names[index] if self.names else f"picture {index}"

    def label(self, index: int) -> str:
        """The name of the true class of an example."""
        return self.classes[int(self.labels[index])]

    def predicted(self, index: int) -> str:
        """The name of the class with the largest output."""
        return self.classes[int(self.actual[index].argmax())]

    def rows(self, index: int) -> list[ErrorRow]:
        """The rows of an example, one per class."""
        columns = self.actual[index].tolist(), self.errors[index].tolist()
        return [
            ErrorRow(name, float(number == self.labels[index]), actual, error)
            for number, (name, actual, error) in enumerate(zip(self.classes, *columns, strict=True))
        ]

    def sorted_by(self, what: str) -> ErrorTable:
        """The same table in another order: one of `SORTS`, errors largest first."""
        if what not in SORTS:
            raise LimitError(
                f"sorted_by: got {shown(what)}, wanted one of {', '.join(SORTS)}"
                f"{did_you_mean(str(what), SORTS)}"
            )
        numbers = range(len(self))
        keys: Sequence[Any] = {
            "index": lambda: numbers,
            "name": lambda: [self.name(index) for index in numbers] if self.names else numbers,
            "label": self.labels.tolist,
            "predicted": self.actual.argmax(axis=1).tolist,
            "error": lambda: [-total for total in self.totals],
        }[what]()
        return replace(self, order=tuple(sorted(numbers, key=lambda index: keys[index])))

    def lines(self, most: int = SHOWN) -> Iterator[str]:
        """The first ``most`` examples as text, and the total of all."""
        totals = self.totals
        yield f"actual answers: {self.outputs}"
        for index in self.order[:most]:
            width = max(map(len, self.classes))
            yield f"{self.name(index)} ({self.label(index)})"
            yield f"  {'':{width}}  right    actual     error"
            rows, others = _chosen(self.rows(index))
            for row in rows:
                yield (
                    f"  {row.class_name:{width}}  {row.target:5.0f}  {row.actual:8.2f}  "
                    f"{row.error:8.2f}"
                )
            if others:
                left = f"{len(others)} others"
                yield f"  {left:{width + 17}}  {fsum(row.error for row in others):8.2f}"
            yield f"  {'total':{width + 17}}  {totals[index]:8.2f}"
        if len(self) > most:
            yield f"and {len(self) - most:,} pictures more"
        yield f"total error of {self._counted}: {self.total:.2f}, {self.mean:.4f} a picture"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """Plain values: the examples in their order, each with its rows, and the total."""
        totals = self.totals
        return {
            "outputs": self.outputs,
            "classes": list(self.classes),
            "n": len(self),
            "total": self.total,
            "mean": self.mean,
            "examples": [
                {
                    "index": index,
                    "name": self.name(index),
                    "label": self.label(index),
                    "predicted": self.predicted(index),
                    "error": totals[index],
                    "rows": [row._asdict() for row in self.rows(index)],
                }
                for index in self.order
            ],
        }

    def _repr_html_(self) -> str:
        """An HTML table with a <tbody> per example; its data attributes are the sort keys."""
        bodies = "".join(self._body(index) for index in self.order[:SHOWN_HTML])
        titles = ("picture", "class", "right answer", "actual answer", "error")
        head = "".join(f'<th scope="col">{title}</th>' for title in titles)
        left = len(self) - SHOWN_HTML
        more = f"and {left:,} pictures more; " if left > 0 else ""
        return (
            f"<table><caption>Actual answers are {self.outputs}; error = |right - actual|</caption>"
            f"<thead><tr>{head}</tr></thead>{bodies}<tfoot><tr>"
            f'<th scope="row" colspan="4">{more}total of {len(self):,} pictures '
            f"({self.mean:.4f} a picture)</th><td>{self.total:.2f}</td></tr></tfoot></table>"
        )

    @property
    def _counted(self) -> str:
        return f"{len(self):,} picture{'s' * (len(self) != 1)}"

    def _body(self, index: int) -> str:
        rows, others = _chosen(self.rows(index))
        total, name = fsum(self.errors[index].tolist()), escape(self.name(index))
        cells = [
            f"<td>{escape(row.class_name)}</td><td>{row.target:.0f}</td><td>{row.actual:.4f}</td>"
            f"<td>{row.error:.4f}</td>"
            for row in rows
        ]
        if others:
            rest = fsum(row.error for row in others)
            cells.append(f'<td colspan="3">{len(others):,} others</td><td>{rest:.4f}</td>')
        cells.append(f'<th colspan="3">total</th><td>{total:.4f}</td>')
        cells[0] = f'<th scope="rowgroup" rowspan="{len(cells)}">{name}</th>{cells[0]}'
        attributes = (
            f'data-index="{index}" data-name="{name}" data-label="{escape(self.label(index))}" '
            f'data-predicted="{escape(self.predicted(index))}" data-error="{total!r}"'
        )
        return f"<tbody {attributes}>{''.join(f'<tr>{row}</tr>' for row in cells)}</tbody>"


def error_table(
    net: Network, inputs: npt.ArrayLike, labels: npt.ArrayLike, names: Sequence[str] = ()
) -> ErrorTable:
    """Compute the error table of a net.

    Parameters
    ----------
    net : Network
        The net.
    inputs : array (N, channels, height, width) or (N, positions)
        Preprocessed inputs.
    labels : array of int or str (N,)
        The numbers or names of their classes.
    names : sequence of str, optional
        Names of the examples.

    Returns
    -------
    ErrorTable
        The errors by example and class.

    Raises
    ------
    DataError
        If the arrays or the names do not fit.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(4, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> table = pw.error_table(net, xo.inputs, xo.labels)
    >>> len(table), table.outputs
    (4, 'probabilities')
    """
    inputs, targets = check_examples(net, inputs, labels)
    if len(names) not in (0, len(targets)):
        raise DataError(f"names: got {len(names)}, wanted {len(targets)}, one per example, or none")
    return table_of(net, net.logits(inputs), targets, names)


def table_of(
    net: Network, logits: Float32, labels: Labels, names: Sequence[str] = ()
) -> ErrorTable:
    """The error table of logits (N, K). The outputs are logits if the net was last trained with the
    absolute or the squared loss, otherwise probabilities.
    """
    free = net.recipe.get("loss") in ("absolute", "squared")
    actual = logits if free else net.probabilities_of(logits)
    kind = LOGITS if free else PROBABILITIES
    return ErrorTable(net.classes, kind, labels, actual.astype(np.float64), tuple(names))


def _chosen(rows: list[ErrorRow]) -> tuple[list[ErrorRow], list[ErrorRow]]:
    """The rows of a picture that are shown, in their order, and the others."""
    if len(rows) <= CLASSES:
        return rows, []
    ranked = sorted(
        range(len(rows)), key=lambda number: (-rows[number].target, -rows[number].error)
    )
    shown_ones = sorted(ranked[:CLASSES])
    return [rows[number] for number in shown_ones], [rows[number] for number in ranked[CLASSES:]]
