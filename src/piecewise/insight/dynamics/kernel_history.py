"""A callback that records the kernels of a layer at the start of training and after every epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Examples, Float32, Uint8
from ...core.atomic_write import atomic_writer
from ...core.constraints import Integer, Real, checked
from ...core.errors import DataError, LimitError, did_you_mean, reason, shown
from ...core.plain_values import PlainRecord
from ...core.progress import Progress
from ...display.charts import BLUE, Line, chart_svg
from ...display.images import data_address, png, signed_colours
from ...inputs import check_examples
from ...network import Network
from ..evaluation.error_table import table_of

MOST_FRAMES = 120
"""Snapshots, at most; of more epochs, every second, fourth, ... and the last one is recorded."""
MOST_NUMBERS = 1 << 24
"""Values in all snapshots (64 MiB); large kernels have fewer snapshots."""
FEATURES, CHANNELS, SIDE = 32, 16, 64
"""Kernels of a snapshot that are drawn, channels of each, and rows and columns of a channel."""
SHOWN = 8
"""Snapshots shown in a notebook."""
ENDINGS = {".png": "PNG", ".gif": "GIF"}
_WIDE = 480  # approximate width of a saved frame in pixels
_GREY = (128, 128, 128)  # between kernels; no value has this colour
_SECONDS = Real(0.02, 60)


@dataclass(frozen=True, eq=False)
class KernelSnapshot(PlainRecord):
    """The kernels of a layer at one step of training."""

    step: int
    """Number of training steps."""
    epoch: int | None
    """Number of completed epochs; None at a resumed checkpoint."""
    loss: float | None
    """Mean loss of this epoch."""
    error: float | None
    """Total of the error table of the examples."""
    kernels: Float32
    """The kernels (features, channels, rows, columns)."""

    @property
    def description(self) -> str:
        """Epoch or step, loss and error as text."""
        parts = [f"step {self.step:,}" if self.epoch is None else f"epoch {self.epoch}"]
        parts += [f"loss {self.loss:.4g}"] if self.loss is not None else []
        parts += [f"error {self.error:.4g}"] if self.error is not None else []
        return ", ".join(parts)


class KernelHistory:
    """Records the kernels of a layer during training; pass it as ``on_progress``.

    It does not change training. Of more than 120 epochs, every second (or fourth, and so on)
    and the final one are recorded. If training returns to its best epoch, that epoch
    is not repeated at the end.

    Parameters
    ----------
    net : Network
        The net that is trained.
    layer : str, default "conv1"
        A layer with kernels.
    feature : int, optional
        Records the kernel of this feature only.
    examples : (inputs, labels), optional
        Examples whose total error (`error_table`) is recorded, too.

    Raises
    ------
    DataError, LimitError
        If the net has no such layer or feature, or the examples do not fit it.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(8, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), xo.classes, 0, xo.preprocessor)
    >>> history = pw.KernelHistory(net)
    >>> _ = pw.train(net, xo.inputs, xo.labels, pw.Recipe(epochs=2), on_progress=history)
    >>> [snapshot.epoch for snapshot in history.snapshots]
    [0, 1, 2]
    """

    def __init__(
        self,
        net: Network,
        layer: str = "conv1",
        feature: int | None = None,
        examples: Examples | None = None,
    ) -> None:
        self._net, self.layer = net, layer
        features = len(kernels(net, layer))
        wanted = Integer(0, features - 1, optional=True)
        self.feature: int | None = checked("KernelHistory: feature", wanted, feature)
        self._examples = examples and check_examples(net, *examples)
        size = self._kernels().size
        if 3 * size > MOST_NUMBERS:
            raise LimitError(
                f"KernelHistory: got {size:,} numbers of {layer}, wanted at most "
                f"{MOST_NUMBERS // 3:,}; choose one feature"
            )
        self._most = min(MOST_FRAMES, MOST_NUMBERS // size)
        self._every, self._count = 1, 0  # recording interval, and epochs so far
        self._recorded: list[KernelSnapshot] = []
        self._start = None if self._examples is None else net.logits(self._examples[0])
        self._last = KernelSnapshot(0, 0, None, self._error(self._start), self._kernels().copy())

    @property
    def snapshots(self) -> tuple[KernelSnapshot, ...]:
        """The snapshots, oldest first."""
        return (*self._recorded, self._last)

    def __len__(self) -> int:
        return len(self.snapshots)

    def __call__(self, progress: Progress) -> None:
        """Record the kernels if an epoch has just ended."""
        if self._start is not None:  # the recipe, which determines the outputs, is set by now
            self._last = replace(self._last, error=self._error(self._start))
            self._start = None
        if progress.resumed:  # earlier epochs belong to another history
            self._every, self._count, self._recorded = 1, 0, []
            self._last = self._snapshot(progress.done, None, None)
        if epoch := progress.epoch:
            self._record_last()
            self._last = self._snapshot(progress.done, epoch.epoch, epoch.loss)

    def _record_last(self) -> None:
        """Record the last snapshot if its epoch is due, and drop every second one if there are too
        many. The last one is stored separately, so that the history ends with training."""
        if self._count % self._every == 0:
            self._recorded.append(self._last)
        self._count += 1
        if len(self._recorded) >= self._most:
            self._recorded = self._recorded[::2]
            self._every *= 2

    def _kernels(self) -> Float32:
        all_kernels = kernels(self._net, self.layer)
        return all_kernels if self.feature is None else all_kernels[self.feature : self.feature + 1]

    def _snapshot(self, step: int, epoch: int | None, loss: float | None) -> KernelSnapshot:
        outputs = None if self._examples is None else self._net.logits(self._examples[0])
        return KernelSnapshot(step, epoch, loss, self._error(outputs), self._kernels().copy())

    def _error(self, logits: Float32 | None) -> float | None:
        if logits is None or self._examples is None:
            return None
        return table_of(self._net, logits, self._examples[1]).total

    # Display.

    def __repr__(self) -> str:
        return f"KernelHistory({self.layer}: {len(self)} frames, to {self._last.description})"

    def lines(self) -> Iterator[str]:
        """One line of text per snapshot."""
        return (frame.description for frame in self.snapshots)

    def to_json(self) -> dict[str, Any]:
        """Plain values: layer, feature (None: all) and snapshots."""
        frames = [frame.to_json() for frame in self.snapshots]
        return {"layer": self.layer, "feature": self.feature, "snapshots": frames}

    def _repr_html_(self) -> str:
        """Evenly chosen snapshots, and charts of loss and error."""
        frames, last = self.snapshots, len(self) - 1
        chosen = sorted({round(at * last / (SHOWN - 1)) for at in range(SHOWN)})
        pictures = "".join(self._figure(frames[at]) for at in chosen)
        return f"<div><p><b>{escape(self._title())}</b></p>{pictures}<br>{self._charts()}</div>"

    def _figure(self, snapshot: KernelSnapshot) -> str:
        description = snapshot.description
        return (
            '<figure style="display:inline-block;margin:4px;vertical-align:top">'
            f'<img src="{data_address(png(self._enlarged(snapshot, 112)))}" '
            f'alt="{escape(self.layer)}, {description}" style="image-rendering:pixelated">'
            f"<figcaption>{description.replace(', ', '<br>')}</figcaption></figure>"
        )

    def save(self, path: str | os.PathLike[str], seconds: float = 0.25) -> None:
        """Save the history as an animated PNG or GIF, by the suffix of ``path``.

        Parameters
        ----------
        path : path
            The file; it is written atomically.
        seconds : float, default 0.25
            Seconds per snapshot; the last one is shown longer.

        Raises
        ------
        LimitError
            If the suffix is another one.
        DataError
            If the file cannot be written.
        """
        from PIL import Image  # noqa: PLC0415 - only saving needs it

        file_path = Path(path)
        kind = ENDINGS.get(file_path.suffix.lower())
        if kind is None:
            raise LimitError(
                f"KernelHistory: got {shown(file_path.suffix)}, wanted a file's name that ends in "
                f"{' or '.join(ENDINGS)}"
            )
        first, *others = [Image.fromarray(self._enlarged(one, _WIDE)) for one in self.snapshots]
        time = round(1_000 * checked("KernelHistory: seconds", _SECONDS, seconds))
        times = [time] * len(others) + [max(time, 1_500)] if others else time
        try:
            with atomic_writer(file_path) as file:
                first.save(file, kind, save_all=True, append_images=others, duration=times, loop=0)
        except OSError as error:
            raise DataError(f"{file_path}: not written: {reason(error)}") from None

    def _title(self) -> str:
        """The shape and scale of what is drawn, and whether it is complete."""
        features, channels, *sides = self._last.kernels.shape
        of = "" if self.feature is None else f", feature {self.feature}"
        title = f"{self.layer}{of}: {features} x {channels} x {sides[0]} x {sides[1]}"
        cut = features > FEATURES or channels > CHANNELS or max(sides) > SIDE
        return f"{title}, to {self._largest():.4g} on each side{', not all drawn' if cut else ''}"

    def _largest(self) -> float:
        """The largest absolute value of all snapshots, so that they share one colour scale."""
        return max(float(np.abs(frame.kernels).max()) for frame in self.snapshots)

    def _enlarged(self, frame: KernelSnapshot, wide: int) -> Uint8:
        """A snapshot as an image about ``wide`` pixels wide or high."""
        drawn = montage(frame.kernels, self._largest())
        times = max(1, round(wide / max(drawn.shape[:2])))
        return drawn.repeat(times, axis=0).repeat(times, axis=1)

    def _charts(self) -> str:
        frames = self.snapshots
        losses = [(frame.step, frame.loss) for frame in frames if frame.loss is not None]
        errors = [(frame.step, frame.error) for frame in frames if frame.error is not None]
        charts = []
        for points, title, colour in (
            (losses, "mean loss of an epoch", None),
            (errors, "total error", BLUE),
        ):
            if points:
                steps, heights = zip(*points, strict=True)
                line = Line(title, steps, heights)
                charts.append(
                    chart_svg(title, "step", "", [line._replace(colour=colour) if colour else line])
                )
        return "".join(charts)


def kernels(net: Network, layer: str) -> Float32:
    """A layer's weights as (features, channels, rows, columns), as a view.

    In a full layer, the weights of a neuron have the shape of its input, or are one row if that
    has one value per map. In embed, the weights of a word are one row. LimitError if there is no
    such layer with kernels.
    """
    known = {
        stage.name: stage
        for stage in net.architecture.stages
        if any(len(row.tensor.shape) > 1 for row in stage.parameters)
    }
    if layer not in known:
        raise LimitError(
            f"layer: got {shown(layer)}, wanted one with kernels{did_you_mean(str(layer), known)}"
        )
    weights, source = net.parameters[f"{layer}.weight"], known[layer].input
    if weights.ndim == 4:
        return weights
    if known[layer].layer.fully_connected and source.height * source.width > 1:
        return weights.reshape(len(weights), *source)
    return weights[:, None, None]


def montage(weights: Float32, largest: float) -> Uint8:
    """Kernels (features, channels, rows, columns) beside each other, as an RGB image: one row per
    feature for several channels, or nearly square for one channel."""
    drawn_kernels = weights[:FEATURES, :CHANNELS, :SIDE, :SIDE]
    features, channels, height, width = drawn_kernels.shape
    across = channels if channels > 1 else int(np.ceil(np.sqrt(features)))
    down = -(-features * channels // across)
    drawn = np.empty((down * (height + 1) + 1, across * (width + 1) + 1, 3), np.uint8)
    drawn[:] = _GREY
    for number, plane in enumerate(drawn_kernels.reshape(-1, height, width)):
        row, column = divmod(number, across)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        drawn[top : top + height, left : left + width] = signed_colours(plane, largest)
    return drawn
