"""Embedding: the embedding vector of the token at each position.

A group's feature maps hold the same channel of sixteen examples side by side, the table the
channels of a token. Blocks of sixteen channels of sixteen examples are transposed in registers.
"""

from __future__ import annotations

from ...spec.layer_base import PADDING
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, SIZES, Function, Pointers, vector_of

_TOKENS = vector_of(16, "i64")


def embed(f: Function, layout: FeatureMapLayout, *, relu: bool) -> None:
    """Write the kernel (words, weight, output). ``words`` is sixteen pointers to the token numbers
    (i64) of an example, ``output`` [channel][position][16]."""
    f.note("embedding vector of the token at each position, of 16 examples at once")
    texts = [f.load("%words", 8 * lane, "ptr") for lane in range(16)]
    with f.loop("positions", layout.cells, {"out": ("%output", layout.cell_bytes)}) as position:
        at = f.op("shl", position.index, "3", "i64")
        tokens = [f.load(f.at(text, at), 0, "i64") for text in texts]
        rows = [_row(f, "%weight", token, layout) for token in tokens]
        filled = _filled(f, tokens)
        write = _blocks if layout.channels >= 16 else _few_channels
        write(f, layout, rows, filled, position["out"], relu=relu)


def _few_channels(
    f: Function, layout: FeatureMapLayout, rows: list[str], filled: str, out: str, *, relu: bool
) -> None:
    """Fewer than sixteen channels, one by one."""
    f.note(f"store weight[token][c] of {layout.channels} channels{_of_padding(relu=relu)}")
    for c in range(layout.channels):
        value = _vector(f, [f.load(row, c * f.bytes, f.real) for row in rows], f.real)
        _store(f, filled, value, out, c * layout.channel_bytes, relu=relu)


def _blocks(
    f: Function, layout: FeatureMapLayout, rows: list[str], filled: str, out: str, *, relu: bool
) -> None:
    """Sixteen channels at a time; the last sixteen may include some a second time."""
    size = 16 * layout.channel_bytes
    with f.loop("blocks", layout.channels // 16, {"out": (out, size)}) as block:
        first = f.op("shl", block.index, "4", "i64")
        _block(f, layout, rows, filled, first, block["out"], relu=relu)
    if layout.channels % 16:
        start = layout.channels - 16
        out = f.at(out, start * layout.channel_bytes)
        _block(f, layout, rows, filled, str(start), out, relu=relu)


def _of_padding(*, relu: bool) -> str:
    return f"{', after relu' if relu else ''}; of padding 0"


def _block(
    f: Function,
    layout: FeatureMapLayout,
    rows: list[str],
    filled: str,
    first: str,
    out: str,
    *,
    relu: bool,
) -> None:
    """Sixteen channels from channel ``first`` on."""
    f.note(f"store weight[token][c] of 16 channels{_of_padding(relu=relu)}")
    offset = f.op("mul", first, str(f.bytes), "i64")
    vectors = [f.load(f.at(row, offset), 0, align=SIZES[f.real]) for row in rows]
    for c, value in enumerate(f.transpose(vectors)):
        _store(f, filled, value, out, c * layout.channel_bytes, relu=relu)


def _store(f: Function, filled: str, value: str, out: str, offset: int, *, relu: bool) -> None:
    value = f.select(filled, value, "zeroinitializer")
    f.store(f.relu(value) if relu else value, out, offset)


def _filled(f: Function, tokens: list[str]) -> str:
    """The mask of lanes whose token is not padding."""
    padding = f.broadcast(str(PADDING), "i64")
    return f.op("icmp ne", _vector(f, tokens, "i64"), padding, _TOKENS)


def _vector(f: Function, numbers: list[str], kind: str) -> str:
    """Sixteen numbers as one vector."""
    vector = "poison"
    for lane, number in enumerate(numbers):
        wide = vector_of(16, kind)
        vector = f.value(f"insertelement {wide} {vector}, {kind} {number}, i64 {lane}")
    return vector


def transposed_bytes(layout: FeatureMapLayout) -> int:
    """Bytes of the feature maps of sixteen examples as [example][position][channel]."""
    return 16 * layout.cells * _row_bytes(layout)


def _row_bytes(layout: FeatureMapLayout) -> int:
    """Bytes of the channels of one position; blocks of sixteen."""
    return GROUP_BYTES * -(-layout.channels // 16)


def embed_backward(f: Function, layout: FeatureMapLayout) -> None:
    """Write the kernel (words, upstream, gradient, transposed, count): add each position's gradient
    to its token's row, example by example. ``transposed`` is working memory."""
    _transpose(f, layout)
    size = _row_bytes(layout)
    f.note("add the gradient of each position to its token's embedding vector")
    examples = {"words": ("%words", 8), "upstream": ("%transposed", layout.cells * size)}
    with f.loop("examples", "%count", examples, at_least_once=True) as lane:
        words = f.load(lane["words"], 0, "ptr")
        strided = {"word": (words, 8), "upstream": (lane["upstream"], size)}
        with f.loop("positions", layout.cells, strided) as position:
            token = f.load(position["word"], 0, "i64")
            with f.when(f.op("icmp ne", token, str(PADDING), "i64")):
                _add_row(f, layout, _row(f, "%gradient", token, layout), position["upstream"])


def _transpose(f: Function, layout: FeatureMapLayout) -> None:
    """Transpose the upstream gradient [channel][position][16] to [example][position][channel]."""
    size = _row_bytes(layout)
    f.note("gradients of 16 channels of 16 examples, transposed")
    positions = {"upstream": ("%upstream", GROUP_BYTES), "out": ("%transposed", size)}
    with f.loop("positions", layout.cells, positions) as position:
        strided = {
            "upstream": (position["upstream"], 16 * layout.channel_bytes),
            "out": (position["out"], GROUP_BYTES),
        }
        full, rest = divmod(layout.channels, 16)
        with f.loop("blocks", full, strided) as block:
            _transpose_block(f, layout, block, 16)
        if rest:
            last = {key: f.at(start, full * step) for key, (start, step) in strided.items()}
            _transpose_block(f, layout, last, rest)


def _transpose_block(
    f: Function, layout: FeatureMapLayout, pointers: Pointers, channels: int
) -> None:
    example_bytes = layout.cells * _row_bytes(layout)
    f.note(f"store {channels} {'channels' if channels > 1 else 'channel'} of each example")
    vectors = [f.load(pointers["upstream"], c * layout.channel_bytes) for c in range(channels)]
    vectors += ["zeroinitializer"] * (16 - channels)
    for lane, vector in enumerate(f.transpose(vectors)):
        f.store(vector, pointers["out"], lane * example_bytes)


def _add_row(f: Function, layout: FeatureMapLayout, gradient: str, upstream: str) -> None:
    """Add the gradient of one position to a row of the weight gradient."""
    full, rest = divmod(layout.channels, 16)
    blocks = {"gradient": (gradient, GROUP_BYTES), "upstream": (upstream, GROUP_BYTES)}
    with f.loop("blocks", full, blocks) as block:
        f.note("weight_gradient[token][c] += gradient[c], 16 channels, unless it is padding")
        old = f.load(block["gradient"], align=4)
        f.store(f.op("fadd", old, f.load(block["upstream"])), block["gradient"], align=4)
    for c in range(16 * full, 16 * full + rest):
        old, more = (f.load(pointer, 4 * c, "float") for pointer in (gradient, upstream))
        f.store(f.op("fadd", old, more, "float"), gradient, 4 * c, "float")


def _row(f: Function, table: str, token: str, layout: FeatureMapLayout) -> str:
    """The pointer to a token's row."""
    return f.at(table, f.op("mul", token, str(f.bytes * layout.channels), "i64"))
