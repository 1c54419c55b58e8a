"""The training history: the loss and the validation scores of every epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..core.progress import Epoch
from ..display.charts import BLUE, Line, chart_svg

SHOWN = 12
"""The number of epochs in the table of a notebook."""


@dataclass
class History:
    """The epochs of a training run; shown as charts and a table in a notebook.

    Parameters
    ----------
    epochs : list of Epoch
        The epochs, oldest first.
    """

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def losses(self) -> list[float]:
        """The mean training loss of every epoch."""
        return [epoch.loss for epoch in self.epochs]

    def to_json(self) -> list[dict[str, Any]]:
        """The epochs as JSON values.

        Returns
        -------
        list of dict
        """
        return [asdict(epoch) for epoch in self.epochs]

    def _repr_html_(self) -> str:
        """Charts of loss and accuracy, and a short table."""
        if not self.epochs:
            return "<p>no epoch is over yet</p>"
        return f"<div>{''.join(self._charts())}{_table(self.epochs)}</div>"

    def _charts(self) -> list[str]:
        """The training and validation loss, and the validation accuracy."""
        epochs = [epoch.epoch for epoch in self.epochs]
        losses = [Line("training", epochs, self.losses)]
        validated = [epoch for epoch in self.epochs if epoch.validation_loss is not None]
        numbers = [epoch.epoch for epoch in validated]
        if validated:
            validation_losses = [epoch.validation_loss or 0.0 for epoch in validated]
            losses.append(Line("validation", numbers, validation_losses, BLUE))
        charts = [chart_svg("loss by epoch", "epoch", "mean loss", losses)]
        if validated:
            percentages = [100 * (epoch.validation_accuracy or 0.0) for epoch in validated]
            line = Line("validation", numbers, percentages, BLUE)
            charts.append(chart_svg("validation accuracy by epoch", "epoch", "% right", [line]))
        return charts


def _table(epochs: list[Epoch]) -> str:
    """An HTML table of the epochs; of many, only the first and the last ones."""
    if len(epochs) > SHOWN:
        first, last = epochs[: SHOWN // 2], epochs[-SHOWN // 2 :]
        omitted = len(epochs) - len(first) - len(last)
        gap = f'<tr><td colspan="5">{omitted:,} epochs between</td></tr>'
        rows = [*map(_row, first), gap, *map(_row, last)]
    else:
        rows = [_row(epoch) for epoch in epochs]
    titles = ("epoch", "loss", "validation accuracy", "validation loss", "seconds")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(epoch: Epoch) -> str:
    accuracy, loss = epoch.validation_accuracy, epoch.validation_loss
    cells = (
        str(epoch.epoch),
        f"{epoch.loss:.4g}",
        "" if accuracy is None else f"{100 * accuracy:.2f} %",
        "" if loss is None else f"{loss:.4g}",
        f"{epoch.seconds:.2f}",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
