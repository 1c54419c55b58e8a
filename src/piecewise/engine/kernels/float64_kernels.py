"""What runs in float64 only, when parameters are nudged: losses, and normalisation, both without a
way back."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import FLOAT64_GROUP_BYTES, Function, Loop, float64_constant
from .portable_math import exp, log
from .reductions import cell_sums

_INTS = "<16 x i64>"

_LOGITS = {"logit": ("%logits", FLOAT64_GROUP_BYTES)}


def loss(f: Function, name: str, classes: int) -> None:
    """The function (logits, labels, losses): ``labels`` sixteen i64, ``losses`` sixteen numbers."""
    labels = f.load("%labels", 0, _INTS, align=8)
    if name == "cross-entropy":
        found = _cross_entropy(f, classes, labels)
    else:
        found = _by_difference(f, classes, labels, squared=name == "squared")
    f.store(found, "%losses")


def _right(f: Function, c: Loop, labels: str) -> str:
    """Which lanes' right class this is."""
    return f.op("icmp eq", labels, f.broadcast(c.index, "i64"), _INTS)


def _cross_entropy(f: Function, classes: int, labels: str) -> str:
    """Of the softmax: log(sum of exp(logit - largest)) - (right logit - largest)."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        value = f.load(c["logit"])
        more = f.op("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS, zero) as c:
        below = f.op("fsub", f.load(c["logit"]), largest)
        chosen = f.select(_right(f, c, labels), below, c.carried[1])
        c.carried = [f.op("fadd", c.carried[0], exp(f, below)), chosen]
    whole, chosen = c.carried
    return f.op("fsub", log(f, whole), chosen)


def _by_difference(f: Function, classes: int, labels: str, *, squared: bool) -> str:
    """The differences to what is wanted: their squares, or their sizes."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        wanted = f.select(_right(f, c, labels), f.constant(1), "zeroinitializer")
        away = f.op("fsub", f.load(c["logit"]), wanted)
        if squared:
            part = f.op("fmul", away, away)
        else:
            part = f.value(f"call {f.vector} @llvm.fabs.v16f64({f.vector} {away})")
        c.carried = [f.op("fadd", c.carried[0], part)]
    return c.carried[0]


def observe(f: Function, stack: FeatureMapLayout) -> None:
    """The function (source, mean, variance, pictures): the statistics of each channel."""
    there, size = f.first_lanes("%pictures"), stack.cell_bytes
    values = f.op("mul", "%pictures", str(stack.cells), "i64")
    count = f.cast("sitofp", values, "i64", f.real)
    moving = {
        "source": ("%source", stack.channel_bytes),
        "mean": ("%mean", f.bytes),
        "variance": ("%variance", f.bytes),
    }

    def keep(total: str, place: str) -> str:
        present = f.select(there, total, "zeroinitializer")
        mean = f.op("fdiv", f.sum_lanes(present), count, f.real)
        f.store(mean, place, 0, f.real)
        return f.broadcast(mean)

    with f.loop("maps", stack.channels, moving) as c:
        (total,) = cell_sums(f, stack, c["source"], 1)
        mean = keep(total, c["mean"])
        zero = [(f.vector, "zeroinitializer")]
        with f.loop("cells", stack.cells, {"x": (c["source"], size)}, zero) as cell:
            away = f.op("fsub", f.load(cell["x"]), mean)
            cell.carried = [f.fma(away, away, cell.carried[0])]
        keep(cell.carried[0], c["variance"])


def normalize(f: Function, stack: FeatureMapLayout, epsilon: float, *, relu: bool) -> None:
    """The function (source, mean, variance, weight, bias, output)."""
    moving = {name: (f"%{name}", stack.channel_bytes) for name in ("source", "output")}
    moving |= {name: (f"%{name}", f.bytes) for name in ("mean", "variance", "weight", "bias")}
    with f.loop("maps", stack.channels, moving) as c:
        mean, weight, bias = (f.load_splat(c[name]) for name in ("mean", "weight", "bias"))
        lifted = f.op("fadd", f.load(c["variance"], 0, f.real), float64_constant(epsilon), f.real)
        deviation = f.broadcast(f.value(f"call double @llvm.sqrt.f64(double {lifted})"))
        cells = {name: (c[name], stack.cell_bytes) for name in ("source", "output")}
        with f.loop("cells", stack.cells, cells) as cell:
            normal = f.op("fdiv", f.op("fsub", f.load(cell["source"]), mean), deviation)
            y = f.fma(normal, weight, bias)
            f.store(f.relu(y) if relu else y, cell["output"])
