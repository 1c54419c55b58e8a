"""A callback that records the kernels of a layer at the start of training and after every epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float32
from ...core.atomic_write import atomic_writer
from ...core.constraints import Integer, Real, checked
from ...core.errors import DataError, LimitError, did_you_mean, reason, shown
from ...core.progress import Progress
from ...display.charts import BLUE, Line, chart_svg
from ...display.images import data_address, png, signed_colours
from ...inputs import check_examples
from ...network import Network
from ..evaluation.error_table import table_of

Pixels = npt.NDArray[np.uint8]
Examples = tuple[npt.ArrayLike, npt.ArrayLike] | None

MOST_FRAMES = 120
"""Kept at most; of more epochs every second, fourth, ... is, and the last one."""
MOST_NUMBERS = 1 << 24
"""In all frames: 64 MiB. Of large kernels fewer frames are kept."""
FEATURES, CHANNELS, SIDE = 32, 16, 64
"""Kernels of a frame that are drawn, channels of each, and rows and columns of a channel."""
SHOWN = 8
"""Frames in a notebook."""
ENDINGS = {".png": "PNG", ".gif": "GIF"}
_WIDE = 480  # pixels of a saved frame, about
_GREY = (128, 128, 128)  # between kernels: no number has this colour
_SECONDS = Real(0.02, 60)


@dataclass(frozen=True, eq=False)
class KernelSnapshot:
    """The kernels of a layer at one step of training.

    Attributes
    ----------
    step : int
        Number of training steps.
    epoch : int or None
        Number of completed epochs; None at a resumed checkpoint.
    loss : float or None
        Mean loss of this epoch.
    error : float or None
        Total of the error table of the examples.
    kernels : float32 array (features, channels, rows, columns)
        The kernels.
    """

    step: int
    epoch: int | None
    loss: float | None
    error: float | None
    kernels: Float32

    @property
    def description(self) -> str:
        """Epoch or step, loss and error as text."""
        parts = [f"step {self.step:,}" if self.epoch is None else f"epoch {self.epoch}"]
        parts += [f"loss {self.loss:.4g}"] if self.loss is not None else []
        parts += [f"error {self.error:.4g}"] if self.error is not None else []
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**vars(self), "kernels": self.kernels.tolist()}


class KernelHistory:
    """Records the kernels of a layer during training; pass it as ``on_progress``.

    It does not change training. Of more than 120 epochs, every second, fourth, ... is kept, and the
    last one. If training returns to its best epoch, that epoch is not repeated at the end.

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
    LimitError
        If the net has no such layer or feature.
    DataError
        If the examples do not fit the net.

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
        examples: Examples = None,
    ) -> None:
        self._net, self.layer = net, layer
        features = len(kernels(net, layer))
        wanted = Integer(0, features - 1, optional=True)
        self.feature: int | None = checked("KernelHistory: feature", wanted, feature)
        self._examples = examples and check_examples(net, *examples)
        size = self._now().size
        if 3 * size > MOST_NUMBERS:
            raise LimitError(
                f"KernelHistory: got {size:,} numbers of {layer}, wanted at most "
                f"{MOST_NUMBERS // 3:,}; choose one feature"
            )
        self._most = min(MOST_FRAMES, MOST_NUMBERS // size)
        self._every, self._count = 1, 0  # frames that were left out, and seen, since the start
        self._kept: list[KernelSnapshot] = []
        self._start = None if self._examples is None else net.logits(self._examples[0])
        self._last = KernelSnapshot(0, 0, None, self._error(self._start), self._now().copy())

    @property
    def snapshots(self) -> tuple[KernelSnapshot, ...]:
        """The snapshots, oldest first."""
        return (*self._kept, self._last)

    def __len__(self) -> int:
        return len(self.snapshots)

    def __call__(self, progress: Progress) -> None:
        """Record the kernels if an epoch has just ended."""
        if self._start is not None:  # what its answers are, only the recipe says, known by now
            self._last = replace(self._last, error=self._error(self._start))
            self._start = None
        if progress.resumed:  # what was before, another film has
            self._every, self._count, self._kept = 1, 0, []
            self._last = self._frame(progress.done, None, None)
        if epoch := progress.epoch:
            self._keep_last()
            self._last = self._frame(progress.done, epoch.epoch, epoch.loss)

    def _keep_last(self) -> None:
        """Put the last frame to the others, if it is its turn; thin these out when they are many.
        The last one is kept apart, so that the film always ends where training does."""
        if self._count % self._every == 0:
            self._kept.append(self._last)
        self._count += 1
        if len(self._kept) >= self._most:
            self._kept = self._kept[::2]
            self._every *= 2

    def _now(self) -> Float32:
        of_all = kernels(self._net, self.layer)
        return of_all if self.feature is None else of_all[self.feature : self.feature + 1]

    def _frame(self, step: int, epoch: int | None, loss: float | None) -> KernelSnapshot:
        answers = None if self._examples is None else self._net.logits(self._examples[0])
        return KernelSnapshot(step, epoch, loss, self._error(answers), self._now().copy())

    def _error(self, logits: Float32 | None) -> float | None:
        if logits is None or self._examples is None:
            return None
        return table_of(self._net, logits, self._examples[1]).total

    # How it looks.

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
        from PIL import Image  # noqa: PLC0415 - whoever draws nothing needs it not

        place = Path(path)
        kind = ENDINGS.get(place.suffix.lower())
        if kind is None:
            raise LimitError(
                f"KernelHistory: got {shown(place.suffix)}, wanted a file's name that ends in "
                f"{' or '.join(ENDINGS)}"
            )
        first, *others = [Image.fromarray(self._enlarged(one, _WIDE)) for one in self.snapshots]
        time = round(1_000 * checked("KernelHistory: seconds", _SECONDS, seconds))
        times = [time] * len(others) + [max(time, 1_500)] if others else time
        try:
            with atomic_writer(place) as file:
                first.save(file, kind, save_all=True, append_images=others, duration=times, loop=0)
        except OSError as error:
            raise DataError(f"{place}: not written: {reason(error)}") from None

    def _title(self) -> str:
        """What is drawn, and what is not."""
        features, channels, *sides = self._last.kernels.shape
        of = "" if self.feature is None else f", feature {self.feature}"
        title = f"{self.layer}{of}: {features} x {channels} x {sides[0]} x {sides[1]}"
        cut = features > FEATURES or channels > CHANNELS or max(sides) > SIDE
        return f"{title}, to {self._largest():.4g} on each side{', not all drawn' if cut else ''}"

    def _largest(self) -> float:
        """Of all frames, so that one colour is one number throughout."""
        return max(float(np.abs(frame.kernels).max()) for frame in self.snapshots)

    def _enlarged(self, frame: KernelSnapshot, wide: int) -> Pixels:
        """A frame as pixels, about so many wide or high."""
        drawn = montage(frame.kernels, self._largest())
        times = max(1, round(wide / max(drawn.shape[:2])))
        return drawn.repeat(times, axis=0).repeat(times, axis=1)

    def _charts(self) -> str:
        frames = self.snapshots
        losses = [(frame.step, frame.loss) for frame in frames if frame.loss is not None]
        errors = [(frame.step, frame.error) for frame in frames if frame.error is not None]
        charts = []
        for found, title, colour in (
            (losses, "mean loss of an epoch", None),
            (errors, "total error", BLUE),
        ):
            if found:
                steps, heights = zip(*found, strict=True)
                line = Line(title, steps, heights)
                charts.append(
                    chart_svg(title, "step", "", [line._replace(colour=colour) if colour else line])
                )
        return "".join(charts)


def kernels(net: Network, layer: str) -> Float32:
    """A layer's weights as (features, channels, rows, columns), a view: of a full layer, those of
    each neuron in the form of the stack that it reads (a row, if that has one number a map); of
    embed, those of each word in a row.
    LimitError where there is no such layer with weights of that kind."""
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


def montage(given: Float32, largest: float) -> Pixels:
    """Kernels (features, channels, rows, columns) beside each other, as pixels (.., .., 3): of
    several channels a row of them a feature; of one, as square as may be."""
    some = given[:FEATURES, :CHANNELS, :SIDE, :SIDE]
    features, channels, height, width = some.shape
    across = channels if channels > 1 else int(np.ceil(np.sqrt(features)))
    down = -(-features * channels // across)
    drawn = np.empty((down * (height + 1) + 1, across * (width + 1) + 1, 3), np.uint8)
    drawn[:] = _GREY
    for number, plane in enumerate(some.reshape(-1, height, width)):
        row, column = divmod(number, across)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        drawn[top : top + height, left : left + width] = signed_colours(plane, largest)
    return drawn
