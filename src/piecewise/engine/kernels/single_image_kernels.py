"""Kernels for a single input, with sixteen channels instead of sixteen examples per vector.

Weights have the layout [block of features][channel][ky][kx][16], feature maps [block of
channels][row][column][16]. A vector of weights is multiplied by one value at a time. Each output is
the same sum in the same order as in a group, so it has the same bits.
"""

from __future__ import annotations

from ...spec.layer_base import PADDING
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import split_evenly
from .convolution import Emitter, PointerMap, RowTerms, Sums

BLOCK = 16
"""Features, or channels, per vector."""


class SingleImageEmitter(Emitter):
    """Writes the kernel (output, weight, bias, source, rows, count) of a correlation whose source
    is in blocks of channels."""

    weight_bytes = GROUP_BYTES

    def tile(self) -> tuple[int, int]:
        """Few blocks of features and many columns, because each value needs a load."""
        outputs, columns = self.spec.output.channels, len(self.spec.columns)
        if columns == 1:
            return max(split_evenly(outputs, 8)), 1
        height = max(split_evenly(outputs, 2))
        return height, max(split_evenly(columns, min(10, self.machine.sums // height)))

    def weight(self, pointer: str, offset: int) -> str:
        return self.f.load(pointer, offset)

    def value(self, pointer: str, cell: int) -> str:
        return self.f.load_splat(pointer, cell * self.cell_bytes)

    @property
    def keeps_values(self) -> bool:
        return False  # the multiplication reads a value as a memory operand

    def over_channels(self, pointers: PointerMap, sums: Sums, terms: RowTerms) -> Sums:
        """Loops over blocks of channels and the sixteen channels of each; the last block may be
        smaller."""
        f, spec = self.f, self.spec
        size = self.weight_bytes * spec.sum_stride
        full, rest = divmod(spec.source.channels, BLOCK)
        block_bytes = spec.source.cells * GROUP_BYTES
        if full:
            starts = {
                "source": (pointers["source"], block_bytes),
                "weight": (pointers["weight"], BLOCK * size),
            }
            with f.loop("blocks", full, starts, [(f.vector, s) for s in sums]) as block:
                block.carried = self._channels(
                    block["source"], block["weight"], block.carried, terms, BLOCK
                )
            sums = block.carried
        if rest:
            source = f.at(pointers["source"], full * block_bytes)
            weight = f.at(pointers["weight"], full * BLOCK * size)
            sums = self._channels(source, weight, sums, terms, rest)
        return sums

    def _channels(self, source: str, weight: str, sums: Sums, terms: RowTerms, count: int) -> Sums:
        f, size = self.f, self.weight_bytes * self.spec.sum_stride
        starts = {"source": (source, 4), "weight": (weight, size)}
        with f.loop("c", count, starts, [(f.vector, s) for s in sums]) as c:
            c.carried = terms(c["source"], c["weight"], c.carried)
        return c.carried


class PlanarImageEmitter(SingleImageEmitter):
    """The same for the network's input, which is stored channel after channel."""

    cell_bytes = 4
    over_channels = Emitter.over_channels


def to_channel_blocks(f: Function, source: FeatureMapLayout) -> None:
    """Write the kernel (source, output): copy an input [channel][row][column] into blocks of
    channels. The unused channels of the last block are zero already."""
    _each_channel(f, source, "%source", "%output", to_blocks=True)


def _each_channel(
    f: Function, layout: FeatureMapLayout, source: str, out: str, *, to_blocks: bool
) -> None:
    """Copy all values from one layout to the other, channel by channel."""
    block_bytes, plane_bytes = layout.cells * GROUP_BYTES, 4 * layout.cells
    strides = {
        "block": (block_bytes, 4, GROUP_BYTES),
        "plane": (BLOCK * plane_bytes, plane_bytes, 4),
    }
    first, second = ("plane", "block") if to_blocks else ("block", "plane")
    full, rest = divmod(layout.channels, BLOCK)
    for blocks, channels, done in ((full, BLOCK, 0), (min(rest, 1), rest, full)):
        if not blocks:
            continue
        (x_block, x_channel, x_cell), (y_block, y_channel, y_cell) = strides[first], strides[second]
        starts = {
            "x": (f.at(source, done * x_block), x_block),
            "y": (f.at(out, done * y_block), y_block),
        }
        with f.loop("blocks", blocks, starts) as block:
            inner = {"x": (block["x"], x_channel), "y": (block["y"], y_channel)}
            with f.loop("channels", channels, inner) as channel:
                cells = {"x": (channel["x"], x_cell), "y": (channel["y"], y_cell)}
                with f.loop("cells", layout.cells, cells) as cell:
                    f.store(f.load(cell["x"], 0, "float"), cell["y"], 0, "float")


def normalize_single_image(f: Function, layout: FeatureMapLayout, *, relu: bool) -> None:
    """Write the kernel (source, numbers, output). ``numbers`` are mean, 1 / standard deviation,
    weight and bias, [block of channels][4][16]."""
    strided = {
        "x": ("%source", layout.channel_bytes),
        "y": ("%output", layout.channel_bytes),
        "numbers": ("%numbers", 4 * GROUP_BYTES),
    }
    with f.loop("blocks", layout.channels, strided) as block:
        mean, scale, weight, bias = (
            f.load(block["numbers"], index * GROUP_BYTES) for index in range(4)
        )
        starts = {"x": (block["x"], GROUP_BYTES), "y": (block["y"], GROUP_BYTES)}
        with f.loop("cells", layout.cells, starts) as cell:
            normal = f.op("fmul", f.op("fsub", f.load(cell["x"]), mean), scale)
            y = f.fma(normal, weight, bias)
            f.store(f.relu(y) if relu else y, cell["y"])


def embed_single_image(f: Function, layout: FeatureMapLayout, *, relu: bool) -> None:
    """Write the kernel (words, weight, output). ``words`` is one token number (i64) per position,
    ``weight`` [token][block of channels][16]."""
    row = GROUP_BYTES * layout.channels
    strided = {"word": ("%words", 8), "out": ("%output", GROUP_BYTES)}
    with f.loop("positions", layout.cells, strided) as position:
        token = f.load(position["word"], 0, "i64")
        is_padding = f.op("icmp eq", token, str(PADDING), "i64")
        row_offset = f.op("mul", token, str(row), "i64")
        starts = {
            "weight": (f.at("%weight", row_offset), GROUP_BYTES),
            "out": (position["out"], layout.channel_bytes),
        }
        with f.loop("blocks", layout.channels, starts) as block:
            value = f.load(block["weight"])
            choices = f"{f.vector} zeroinitializer, {f.vector} {value}"
            value = f.value(f"select i1 {is_padding}, {choices}")
            f.store(f.relu(value) if relu else value, block["out"])


def unpack_single_image(f: Function, layout: FeatureMapLayout) -> None:
    """Write the kernel (source, output): feature maps in blocks, with ``layout.channels`` used
    channels, as [channel][row][column]."""
    _each_channel(f, layout, "%source", "%output", to_blocks=False)
