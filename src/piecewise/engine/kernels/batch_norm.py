"""Batch normalization of feature maps, and its gradients.

A max pooling that follows can be fused: its kernels normalize the cells that they load, and they
compute the gradient of the cells from that of the windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Pointers
from ..ir.loop_notes import relu_mask_text
from .batch_statistics import (
    MEAN_GRADIENT,
    OFFSET,
    PROJECTION,
    SAVED_BYTES,
    SCALE,
    SHIFT,
    channel_tiles,
    present_values,
)


def normalized_text(*, training: bool) -> str:
    """The normalized value, as the loop listing shows it."""
    return "(x - shift) / std + offset" if training else "(x - mean) / std"


CENTERED_TEXT = (
    f"normalized = {normalized_text(training=True)}, "
    "centered = gradient - mean_gradient - normalized * projection"
)
"""The multiply-adds of `ChannelGradient.of_cell`, as the loop listing shows them."""


class Channel(NamedTuple):
    """A channel's numbers, each in all lanes."""

    shift: str
    """The mean, or in training a number near it."""
    scale: str
    """1 / standard deviation."""
    offset: str = ""
    """In training, shift - mean in standard deviations."""
    weight: str = ""
    bias: str = ""

    @classmethod
    def load(cls, f: Function, saved: str, *, training: bool) -> Channel:
        """The statistics of a channel."""
        offsets = (SHIFT, SCALE, OFFSET) if training else (SHIFT, SCALE)
        return cls(*(f.load_splat(saved, offset) for offset in offsets))

    @classmethod
    def load_scaled(cls, f: Function, pointers: Pointers, *, training: bool) -> Channel:
        """The statistics of a channel, with its weight and bias."""
        weight, bias = (f.load_splat(pointers[key]) for key in ("weight", "bias"))
        channel = cls.load(f, pointers["saved"], training=training)
        return channel._replace(weight=weight, bias=bias)

    def normal(self, f: Function, x: str) -> str:
        """The normalized value."""
        difference = f.op("fsub", x, self.shift)
        if self.offset:
            return f.fma(difference, self.scale, self.offset)
        return f.op("fmul", difference, self.scale)

    def scaled(self, f: Function, normal: str) -> str:
        """The normalized value times the weight plus the bias."""
        return f.fma(normal, self.weight, self.bias)


CHANNEL_POINTERS = {
    "saved": ("%saved", SAVED_BYTES),
    "weight": ("%weight", 4),
    "bias": ("%bias", 4),
}
"""The pointers that `Channel.load_scaled` reads, with their bytes per channel."""


def normalize(f: Function, layout: FeatureMapLayout, *, training: bool, relu: bool) -> None:
    """Write the kernel (source, saved, weight, bias, output)."""
    size = layout.channel_bytes
    strided = CHANNEL_POINTERS | {"x": ("%source", size), "y": ("%output", size)}
    f.note("normalize each channel, then scale and shift it")
    with f.loop("channels", layout.channels, strided) as c:
        channel = Channel.load_scaled(f, c, training=training)
        cells = {key: (c[key], GROUP_BYTES) for key in ("x", "y")}
        with f.loop("cells", layout.cells, cells) as cell:
            with f.note_products(f"normalized = {normalized_text(training=training)}"):
                normal = channel.normal(f, f.load(cell["x"]))
            with f.note_products("y = normalized * weight + bias"):
                y = channel.scaled(f, normal)
            f.note(f"store {'relu(y)' if relu else 'y'}")
            f.store(f.relu(y) if relu else y, cell["y"])


@dataclass(frozen=True)
class NormBackward:
    """The backward pass of batch norm. ``training``: the statistics are the group's own."""

    layout: FeatureMapLayout
    training: bool
    masked: bool
    needs_input_gradient: bool
    padded: bool = False
    """Whether the source is padded after the end of each text; the upstream gradient is zero
    there."""
    pooled: FeatureMapLayout | None = None
    """The layout after a fused pooling. The source then has the normalized values of the largest
    cells, upstream their gradients, and `pooling_backward` computes the input gradient."""


class ChannelGradient(NamedTuple):
    """What the input gradient of a channel needs, in all lanes."""

    channel: Channel
    factor: str
    """Weight / standard deviation."""
    mask: str
    """The lanes with an example; the others have no gradient."""
    mean_gradient: str = ""
    """In training, the mean gradient of the channel, which is subtracted."""
    projection: str = ""
    """In training, the negative mean of gradient * normalized value."""

    @classmethod
    def load(cls, f: Function, pointers: Pointers, mask: str, *, training: bool) -> ChannelGradient:
        """The numbers of a channel, which `normalize_backward` has saved."""
        saved = pointers["saved"]
        channel = Channel.load(f, saved, training=training)
        factor = f.op("fmul", f.load_splat(pointers["weight"]), channel.scale)
        means = (MEAN_GRADIENT, PROJECTION) if training else ()
        return cls(channel, factor, mask, *(f.load_splat(saved, offset) for offset in means))

    def of_cell(self, f: Function, x: str, upstream: str) -> str:
        """The input gradient of a cell from its input and the gradient of its output."""
        if not self.mean_gradient:
            return f.op("fmul", upstream, self.factor)
        normal = self.channel.normal(f, x)
        # before any other rounding: most of the value may cancel here
        upstream = f.fma(normal, self.projection, f.op("fsub", upstream, self.mean_gradient))
        return f.select(self.mask, f.op("fmul", upstream, self.factor), "zeroinitializer")


def normalize_backward(f: Function, spec: NormBackward) -> None:
    """Write the kernel (source, saved, weight, upstream, weight_gradient, bias_gradient, examples).
    The input gradient replaces the source, which is also the ReLU mask. If it is padded,
    ``lengths`` follows."""
    here = spec.needs_input_gradient and not spec.pooled
    f.note(f"gradients of weight, bias{' and input' if here else ''}")
    mask, count = present_values(f, spec.layout, padded=spec.padded)
    layout = spec.pooled or spec.layout
    size = layout.channel_bytes
    sizes = {
        "x": ("%source", size),
        "upstream": ("%upstream", size),
        "saved": ("%saved", SAVED_BYTES),
        "weight": ("%weight", 4),
        "dweight": ("%weight_gradient", 4),
        "dbias": ("%bias_gradient", 4),
    }
    for c, tile in channel_tiles(f, layout, sizes):
        channels = [{key: f.at(c[key], o * sizes[key][1]) for key in sizes} for o in range(tile)]
        totals = _parameter_sums(f, spec, layout, c, channels)
        for o, pointers in enumerate(channels):
            _store_sums(f, spec, pointers, totals[2 * o : 2 * o + 2], count)
            if here:
                _input_gradient(f, spec, pointers, mask)


def _parameter_sums(
    f: Function,
    spec: NormBackward,
    layout: FeatureMapLayout,
    c: Loop,
    channels: list[dict[str, str]],
) -> list[str]:
    """For each channel the sums per example of gradient * normalized value and of the gradient."""
    size, text = layout.channel_bytes, normalized_text(training=spec.training)
    numbers = (
        []
        if spec.pooled
        else [Channel.load(f, pointers["saved"], training=spec.training) for pointers in channels]
    )
    cells = {key: (c[key], GROUP_BYTES) for key in ("x", "upstream")}
    zero = [(f.vector, "zeroinitializer")] * (2 * len(channels))
    with f.loop("cells", layout.cells, cells, zero) as cell:
        sums = list(cell.carried)
        normals = [f.load(cell["x"], o * size) for o in range(len(channels))]
        if not spec.pooled:
            with f.note_products(f"normalized = {text}"):
                normals = [one.normal(f, x) for one, x in zip(numbers, normals, strict=True)]
        with f.note_products("weight_gradient += gradient * normalized, bias_gradient += gradient"):
            for o, normal in enumerate(normals):
                upstream = f.load(cell["upstream"], o * size)
                sums[2 * o] = f.fma(upstream, normal, sums[2 * o])
                sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], upstream)
        cell.carried = sums
    return cell.carried


def _store_sums(
    f: Function, spec: NormBackward, pointers: dict[str, str], totals: list[str], count: str
) -> None:
    """Add the gradients of weight and bias to the shard's. Save their means, which the input
    gradient needs in training."""
    weight_gradient, bias_gradient = (f.sum_lanes(total) for total in totals)
    for key, more in (("dweight", weight_gradient), ("dbias", bias_gradient)):
        old = f.load(pointers[key], 0, "float")
        f.store(f.op("fadd", old, more, "float"), pointers[key], 0, "float")
    if spec.needs_input_gradient and spec.training:
        mean_gradient, projected = (
            f.op("fdiv", total, count, "float") for total in (bias_gradient, weight_gradient)
        )
        f.store(mean_gradient, pointers["saved"], MEAN_GRADIENT, "float")
        f.store(f.value(f"fneg float {projected}"), pointers["saved"], PROJECTION, "float")


def _input_gradient(f: Function, spec: NormBackward, pointers: dict[str, str], mask: str) -> None:
    """The input gradient of one channel."""
    channel = ChannelGradient.load(f, pointers, mask, training=spec.training)
    cells = {key: (pointers[key], GROUP_BYTES) for key in ("x", "upstream")}
    means = "; mean_gradient, projection: over all its cells" if spec.training else ""
    with f.loop("cells", spec.layout.cells, cells, remark=f"of one channel{means}") as cell:
        x = f.load(cell["x"])
        with f.note_products(CENTERED_TEXT):
            gradient = channel.of_cell(f, x, f.load(cell["upstream"]))
        value = "centered" if spec.training else "gradient"
        f.note(f"store {value} * weight / std{relu_mask_text(spec.masked)}")
        if spec.masked:
            gradient = f.where_positive(x, gradient)
        f.store(gradient, cell["x"])
