"""What runs in float64 only, when parameters are nudged: losses, and normalisation, both without a
way back; exp and log as exact as float64 is."""

from __future__ import annotations

from math import factorial

from ..ir import WIDE_BYTES, Function, Loop, splat, wide_number
from ..stack import Stack
from .sums import cell_sums

_LN2_HIGH = 0.693147180369123816490
"""The logarithm of 2 in so few bits that its products with small whole numbers are exact."""
_LN2_LOW = 1.90821492927058770002e-10
"""What it lacks."""
_ROUND = 1.5 * 2**52
"""Added, it rounds to a whole number, which then stands in the lowest bits."""
_ROUND_BITS = int(wide_number(_ROUND), 16)
_INTS = "<16 x i64>"

_LOGITS = {"logit": ("%logits", WIDE_BYTES)}


def exp(f: Function, x: str) -> str:
    """e to the x for x of at most 0: 2**k times the Taylor series of the rest. Below -746: 0."""
    low = f.two("fcmp olt", x, f.constant(-746))
    x = f.select(low, f.constant(-746), x)
    lifted = f.fma(x, f.constant(1.4426950408889634), f.constant(_ROUND))
    k = f.two("fsub", lifted, f.constant(_ROUND))
    rest = f.fma(k, f.constant(-_LN2_HIGH), x)
    rest = f.fma(k, f.constant(-_LN2_LOW), rest)
    series = f.constant(1 / factorial(13))
    for n in range(12, -1, -1):
        series = f.fma(series, rest, f.constant(1 / factorial(n)))
    # In two steps, because 2**k may be too small for a number of full precision.
    bits = f.cast("bitcast", lifted, f.vector, _INTS)
    whole = f.two("sub", bits, splat(16, _ROUND_BITS, "i64"), _INTS)
    half = f.two("ashr", whole, splat(16, 1, "i64"), _INTS)
    for part in (half, f.two("sub", whole, half, _INTS)):
        series = f.two("fmul", series, _power_of_two(f, part))
    return series


def _power_of_two(f: Function, power: str) -> str:
    """2 to a whole number, written as a number's exponent."""
    lifted = f.two("add", power, splat(16, 1023, "i64"), _INTS)
    return f.cast("bitcast", f.two("shl", lifted, splat(16, 52, "i64"), _INTS), _INTS, f.vector)


def log(f: Function, x: str) -> str:
    """The natural logarithm of normal positive numbers."""
    bits = f.cast("bitcast", x, f.vector, _INTS)
    # Counted from sqrt(1/2), so that the mantissa lies around 1.
    moved = f.two("sub", bits, splat(16, 0x3FE6A09E667F3BCD, "i64"), _INTS)
    power = f.two("ashr", moved, splat(16, 52, "i64"), _INTS)
    mantissa = f.two("sub", bits, f.two("shl", power, splat(16, 52, "i64"), _INTS), _INTS)
    m = f.cast("bitcast", mantissa, _INTS, f.vector)
    t = f.two("fdiv", f.two("fsub", m, f.constant(1)), f.two("fadd", m, f.constant(1)))
    square = f.two("fmul", t, t)
    series = f.constant(2 / 23)
    for n in range(10, -1, -1):
        series = f.fma(series, square, f.constant(2 / (2 * n + 1)))
    lifted = f.two("add", power, splat(16, _ROUND_BITS, "i64"), _INTS)
    wide = f.two("fsub", f.cast("bitcast", lifted, _INTS, f.vector), f.constant(_ROUND))
    rest = f.fma(wide, f.constant(_LN2_LOW), f.two("fmul", t, series))
    return f.fma(wide, f.constant(_LN2_HIGH), rest)


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
    return f.two("icmp eq", labels, f.broadcast(c.index, "i64"), _INTS)


def _cross_entropy(f: Function, classes: int, labels: str) -> str:
    """Of the softmax: log(sum of exp(logit - largest)) - (right logit - largest)."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        value = f.load(c["logit"])
        more = f.two("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS, zero) as c:
        below = f.two("fsub", f.load(c["logit"]), largest)
        chosen = f.select(_right(f, c, labels), below, c.carried[1])
        c.carried = [f.two("fadd", c.carried[0], exp(f, below)), chosen]
    whole, chosen = c.carried
    return f.two("fsub", log(f, whole), chosen)


def _by_difference(f: Function, classes: int, labels: str, *, squared: bool) -> str:
    """The differences to what is wanted: their squares, or their sizes."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        wanted = f.select(_right(f, c, labels), f.constant(1), "zeroinitializer")
        away = f.two("fsub", f.load(c["logit"]), wanted)
        if squared:
            part = f.two("fmul", away, away)
        else:
            part = f.value(f"call {f.vector} @llvm.fabs.v16f64({f.vector} {away})")
        c.carried = [f.two("fadd", c.carried[0], part)]
    return c.carried[0]


def observe(f: Function, stack: Stack) -> None:
    """The function (source, mean, variance, pictures): the statistics of each channel."""
    there, size = f.first("%pictures"), stack.cell_bytes
    values = f.two("mul", "%pictures", str(stack.cells), "i64")
    count = f.cast("sitofp", values, "i64", f.real)
    moving = {
        "source": ("%source", stack.channel_bytes),
        "mean": ("%mean", f.bytes),
        "variance": ("%variance", f.bytes),
    }

    def keep(total: str, place: str) -> str:
        present = f.select(there, total, "zeroinitializer")
        mean = f.two("fdiv", f.tree(present), count, f.real)
        f.store(mean, place, 0, f.real)
        return f.broadcast(mean)

    with f.loop("maps", stack.channels, moving) as c:
        (total,) = cell_sums(f, stack, c["source"], 1)
        mean = keep(total, c["mean"])
        zero = [(f.vector, "zeroinitializer")]
        with f.loop("cells", stack.cells, {"x": (c["source"], size)}, zero) as cell:
            away = f.two("fsub", f.load(cell["x"]), mean)
            cell.carried = [f.fma(away, away, cell.carried[0])]
        keep(cell.carried[0], c["variance"])


def normalize(f: Function, stack: Stack, epsilon: float, *, relu: bool) -> None:
    """The function (source, mean, variance, weight, bias, output)."""
    moving = {name: (f"%{name}", stack.channel_bytes) for name in ("source", "output")}
    moving |= {name: (f"%{name}", f.bytes) for name in ("mean", "variance", "weight", "bias")}
    with f.loop("maps", stack.channels, moving) as c:
        mean, weight, bias = (f.spread(c[name]) for name in ("mean", "weight", "bias"))
        lifted = f.two("fadd", f.load(c["variance"], 0, f.real), wide_number(epsilon), f.real)
        deviation = f.broadcast(f.value(f"call double @llvm.sqrt.f64(double {lifted})"))
        cells = {name: (c[name], stack.cell_bytes) for name in ("source", "output")}
        with f.loop("cells", stack.cells, cells) as cell:
            normal = f.two("fdiv", f.two("fsub", f.load(cell["source"]), mean), deviation)
            y = f.fma(normal, weight, bias)
            f.store(f.relu(y) if relu else y, cell["output"])
