"""Embedding: the embedding vector of the token at each position."""

from __future__ import annotations

from ...spec.layer_base import PADDING
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function


def embed(f: Function, layout: FeatureMapLayout, *, relu: bool) -> None:
    """Write the kernel (words, weight, output). ``words`` is sixteen pointers to the token numbers
    (i64) of an example, ``output`` [channel][position][16]."""
    f.note("embedding vector of the token at each position")
    with f.loop("examples", 16, {"words": ("%words", 8), "out": ("%output", f.bytes)}) as lane:
        words = f.load(lane["words"], 0, "ptr")
        strided = {"word": (words, 8), "out": (lane["out"], layout.cell_bytes)}
        with f.loop("positions", layout.cells, strided) as position:
            token = f.load(position["word"], 0, "i64")
            is_padding = f.op("icmp eq", token, str(PADDING), "i64")
            row = {
                "weight": (_row(f, "%weight", token, layout), f.bytes),
                "out": (position["out"], layout.channel_bytes),
            }
            with f.loop("channels", layout.channels, row) as c:
                f.note(f"store weight[token][c]{', after relu' if relu else ''}; of padding 0")
                value = f.load(c["weight"], 0, f.real)
                value = f.value(f"select i1 {is_padding}, {f.real} 0.0, {f.real} {value}")
                if relu:
                    below = f.op("fcmp olt", value, "0.0", f.real)
                    value = f.value(f"select i1 {below}, {f.real} 0.0, {f.real} {value}")
                f.store(value, c["out"], 0, f.real)


def embed_backward(f: Function, layout: FeatureMapLayout) -> None:
    """Write the kernel (words, upstream, gradient, count): add each position's gradient to its
    token's row, example by example."""
    examples = {"words": ("%words", 8), "upstream": ("%upstream", 4)}
    f.note("add the gradient of each position to its token's embedding vector")
    with f.loop("examples", "%count", examples, at_least_once=True) as lane:
        words = f.load(lane["words"], 0, "ptr")
        strided = {"word": (words, 8), "upstream": (lane["upstream"], GROUP_BYTES)}
        with f.loop("positions", layout.cells, strided) as position:
            token = f.load(position["word"], 0, "i64")
            with f.when(f.op("icmp ne", token, str(PADDING), "i64")):
                row = {
                    "gradient": (_row(f, "%gradient", token, layout), 4),
                    "upstream": (position["upstream"], layout.channel_bytes),
                }
                with f.loop("channels", layout.channels, row) as c:
                    f.note("weight_gradient[token][c] += gradient[c], unless it is padding")
                    old, more = (f.load(c[key], 0, "float") for key in ("gradient", "upstream"))
                    f.store(f.op("fadd", old, more, "float"), c["gradient"], 0, "float")


def _row(f: Function, table: str, token: str, layout: FeatureMapLayout) -> str:
    """The pointer to a token's row."""
    return f.at(table, f.op("mul", token, str(f.bytes * layout.channels), "i64"))
