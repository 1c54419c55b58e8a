"""The float64 kernels of finite differences: losses and batch normalization, forward only."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import FLOAT64_GROUP_BYTES, Function, Loop, float64_constant
from .portable_math import exp, log
from .reductions import cell_sums
from .text_lengths import column_of, is_left, load_lengths, value_count

_INTS = "<16 x i64>"

_LOGITS = {"logit": ("%logits", FLOAT64_GROUP_BYTES)}


def loss(f: Function, name: str, classes: int) -> None:
    """Write the kernel (logits, labels, losses): ``labels`` is sixteen i64."""
    labels = f.load("%labels", 0, _INTS, align=8)
    if name == "cross-entropy":
        losses = _cross_entropy(f, classes, labels)
    else:
        losses = _by_difference(f, classes, labels, squared=name == "squared")
    f.store(losses, "%losses")


def _is_label(f: Function, c: Loop, labels: str) -> str:
    """The lanes whose label is the class of this iteration."""
    return f.op("icmp eq", labels, f.broadcast(c.index, "i64"), _INTS)


def _cross_entropy(f: Function, classes: int, labels: str) -> str:
    """Softmax cross-entropy: log(sum of exp(logit - largest)) - (label's logit - largest)."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        value = f.load(c["logit"])
        more = f.op("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS, zero) as c:
        below = f.op("fsub", f.load(c["logit"]), largest)
        label_logit = f.select(_is_label(f, c, labels), below, c.carried[1])
        c.carried = [f.op("fadd", c.carried[0], exp(f, below)), label_logit]
    total, label_logit = c.carried
    return f.op("fsub", log(f, total), label_logit)


def _by_difference(f: Function, classes: int, labels: str, *, squared: bool) -> str:
    """The sum of the squared or absolute differences between logits and one-hot labels."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        one_hot = f.select(_is_label(f, c, labels), f.constant(1), "zeroinitializer")
        difference = f.op("fsub", f.load(c["logit"]), one_hot)
        if squared:
            term = f.op("fmul", difference, difference)
        else:
            term = f.value(f"call {f.vector} @llvm.fabs.v16f64({f.vector} {difference})")
        c.carried = [f.op("fadd", c.carried[0], term)]
    return c.carried[0]


def batch_statistics(f: Function, layout: FeatureMapLayout, *, padded: bool) -> None:
    """Write the kernel (source, mean, variance, examples): the statistics of each channel. If it is
    ``padded``, ``lengths`` of the texts follows; the source is zero after their ends."""
    present, size = f.first_lanes("%examples"), layout.cell_bytes
    values = f.op("mul", "%examples", str(layout.cells), "i64")
    count = f.cast("sitofp", values, "i64", f.real)
    lengths = load_lengths(f) if padded else ""
    if padded:
        count = value_count(f, layout, present)
    strided = {
        "source": ("%source", layout.channel_bytes),
        "mean": ("%mean", f.bytes),
        "variance": ("%variance", f.bytes),
    }

    def store_mean(total: str, pointer: str) -> str:
        masked = f.select(present, total, "zeroinitializer")
        mean = f.op("fdiv", f.sum_lanes(masked), count, f.real)
        f.store(mean, pointer, 0, f.real)
        return f.broadcast(mean)

    with f.loop("channels", layout.channels, strided) as c:
        (total,) = cell_sums(f, layout, c["source"], 1)
        mean = store_mean(total, c["mean"])
        zero = [(f.vector, "zeroinitializer")]
        with f.loop("cells", layout.cells, {"x": (c["source"], size)}, zero) as cell:
            difference = f.op("fsub", f.load(cell["x"]), mean)
            if padded:
                filled = is_left(f, lengths, column_of(f, layout, cell.index))
                difference = f.select(filled, difference, "zeroinitializer")
            cell.carried = [f.fma(difference, difference, cell.carried[0])]
        store_mean(cell.carried[0], c["variance"])


def normalize(f: Function, layout: FeatureMapLayout, epsilon: float, *, relu: bool) -> None:
    """Write the kernel (source, mean, variance, weight, bias, output)."""
    strided = {name: (f"%{name}", layout.channel_bytes) for name in ("source", "output")}
    strided |= {name: (f"%{name}", f.bytes) for name in ("mean", "variance", "weight", "bias")}
    with f.loop("channels", layout.channels, strided) as c:
        mean, weight, bias = (f.load_splat(c[name]) for name in ("mean", "weight", "bias"))
        stabilized = f.op(
            "fadd", f.load(c["variance"], 0, f.real), float64_constant(epsilon), f.real
        )
        deviation = f.broadcast(f.value(f"call double @llvm.sqrt.f64(double {stabilized})"))
        cells = {name: (c[name], layout.cell_bytes) for name in ("source", "output")}
        with f.loop("cells", layout.cells, cells) as cell:
            normal = f.op("fdiv", f.op("fsub", f.load(cell["source"]), mean), deviation)
            y = f.fma(normal, weight, bias)
            f.store(f.relu(y) if relu else y, cell["output"])
