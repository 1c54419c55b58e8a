"""The loss of each picture and the gradient of its logits; exp and log from additions and
multiplications alone, so that their bits are the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

from ..ir import GROUP_BYTES, Function, Loop, splat
from ..notes import passing

_LN2_HIGH = 0.693359375
"""The logarithm of 2 in so few bits that its products with small whole numbers are exact."""
_LN2_LOW = -2.12194440054690583e-4
"""What it lacks."""
_INTS = "<16 x i32>"

_LOGITS = {"logit": ("%logits", GROUP_BYTES)}
_UPSTREAM = {"upstream": ("%upstream", GROUP_BYTES)}


def exp(f: Function, x: str) -> str:
    """e to the x for x of at most 88: 2**k times the Taylor series of the rest. Below -104: 0."""
    low = f.two("fcmp olt", x, f.constant(-104))
    x = f.select(low, f.constant(-104), x)
    k = f.nearest(f.two("fmul", x, f.constant(1.4426950408889634)))
    rest = f.fma(k, f.constant(-_LN2_HIGH), x)
    rest = f.fma(k, f.constant(-_LN2_LOW), rest)
    series = f.constant(1 / factorial(7))
    for n in range(6, -1, -1):
        series = f.fma(series, rest, f.constant(1 / factorial(n)))
    # In two steps, because 2**k may be too small for a float32 of full precision.
    whole = f.cast("fptosi", k, f.vector, _INTS)
    half = f.two("ashr", whole, splat(16, 1, "i32"), _INTS)
    for part in (half, f.two("sub", whole, half, _INTS)):
        series = f.two("fmul", series, _power_of_two(f, part))
    return series


def _power_of_two(f: Function, power: str) -> str:
    """2 to a whole number, written as a float's exponent."""
    lifted = f.two("add", power, splat(16, 127, "i32"), _INTS)
    return f.cast("bitcast", f.two("shl", lifted, splat(16, 23, "i32"), _INTS), _INTS, f.vector)


def log(f: Function, x: str) -> str:
    """The natural logarithm of normal positive numbers."""
    bits = f.cast("bitcast", x, f.vector, _INTS)
    # Counted from sqrt(1/2), so that the mantissa lies around 1.
    moved = f.two("sub", bits, splat(16, 0x3F3504F3, "i32"), _INTS)
    power = f.two("ashr", moved, splat(16, 23, "i32"), _INTS)
    mantissa = f.two("sub", bits, f.two("shl", power, splat(16, 23, "i32"), _INTS), _INTS)
    m = f.cast("bitcast", mantissa, _INTS, f.vector)
    t = f.two("fdiv", f.two("fsub", m, f.constant(1)), f.two("fadd", m, f.constant(1)))
    square = f.two("fmul", t, t)
    series = f.constant(2 / 11)
    for n in range(4, -1, -1):
        series = f.fma(series, square, f.constant(2 / (2 * n + 1)))
    wide = f.cast("sitofp", power, _INTS, f.vector)
    rest = f.fma(wide, f.constant(_LN2_LOW), f.two("fmul", t, series))
    return f.fma(wide, f.constant(_LN2_HIGH), rest)


Slope = Callable[[Loop], str]
"""Writes the gradient of a class's logits for a batch of one, in the loop over the classes."""


def loss(f: Function, name: str, classes: int, *, masked: bool, weighted: bool) -> None:
    """The function (logits, labels, losses, upstream, pictures, batch): ``labels`` sixteen i64,
    ``losses`` sixteen floats, the gradient divided by ``batch`` pictures; lanes without a picture
    get zeros. If ``weighted``, sixteen floats ``weights`` come after ``upstream``: losses and
    slopes are multiplied by them, the slopes before they are divided."""
    f.note(f"the {name} of each picture, and its slopes")
    there = f.first("%pictures")
    labels = f.cast("trunc", f.load("%labels", 0, "<16 x i64>", align=8), "<16 x i64>", _INTS)
    batch = f.broadcast(f.cast("sitofp", "%batch", "i64", "float"))
    if name == "cross-entropy":
        total, slope = _cross_entropy(f, classes, labels)
    else:
        total, slope = _by_difference(f, classes, labels, squared=name == "squared")
    weight = f.load("%weights") if weighted else None
    f.store(f.two("fmul", total, weight) if weight else total, "%losses")
    times = ", times the picture's weight" if weighted else ""
    with f.loop("classes", classes, _LOGITS | _UPSTREAM) as c:
        f.note(f"keep the slope{times}, divided by the pictures of the batch{passing(masked)}")
        gradient = slope(c)
        gradient = f.two("fmul", gradient, weight) if weight else gradient
        gradient = f.two("fdiv", gradient, batch)
        gradient = f.select(there, gradient, "zeroinitializer")
        if masked:
            gradient = f.where_above(f.load(c["logit"]), gradient)
        f.store(gradient, c["upstream"])


def _right(f: Function, c: Loop, labels: str) -> str:
    """Which lanes' right class this is."""
    number = f.broadcast(f.cast("trunc", c.index, "i64", "i32"), "i32")
    return f.two("icmp eq", labels, number, _INTS)


def _wanted(f: Function, c: Loop, labels: str) -> str:
    """1 in the lanes whose right class this is, 0 in the others."""
    return f.select(_right(f, c, labels), f.constant(1), "zeroinitializer")


def _cross_entropy(f: Function, classes: int, labels: str) -> tuple[str, Slope]:
    """The loss and its slope; the powers of e wait in ``upstream`` from one to the other."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        f.note("the largest so far")
        value = f.load(c["logit"])
        more = f.two("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS | _UPSTREAM, zero) as c:
        below = f.two("fsub", f.load(c["logit"]), largest)
        with f.written("series += ..., in all: sum += exp(logit - largest)"):
            power = exp(f, below)
        f.store(power, c["upstream"])
        chosen = f.select(_right(f, c, labels), below, c.carried[1])
        c.carried = [f.two("fadd", c.carried[0], power), chosen]
    whole, chosen = c.carried

    def slope(c: Loop) -> str:
        share = f.two("fdiv", f.load(c["upstream"]), whole)
        return f.two("fsub", share, _wanted(f, c, labels))

    with f.written("series += ..., in all: loss = log(sum) - (right logit - largest)"):
        logarithm = log(f, whole)
    return f.two("fsub", logarithm, chosen), slope


def _by_difference(f: Function, classes: int, labels: str, *, squared: bool) -> tuple[str, Slope]:
    """The loss and its slope from the differences to what is wanted: their squares, or their
    sizes."""

    def difference(c: Loop) -> str:
        wanted = _wanted(f, c, labels)
        return f.two("fsub", f.load(c["logit"]), wanted)

    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        f.note(f"loss += {'difference * difference' if squared else 'size of the difference'}")
        away = difference(c)
        if squared:
            part = f.two("fmul", away, away)
        else:
            part = f.value(f"call {f.vector} @llvm.fabs.v16f32({f.vector} {away})")
        c.carried = [f.two("fadd", c.carried[0], part)]

    def slope(c: Loop) -> str:
        away = difference(c)
        if squared:
            return f.two("fmul", f.constant(2), away)
        above = f.two("fcmp ogt", away, "zeroinitializer")
        below = f.two("fcmp olt", away, "zeroinitializer")
        return f.select(above, f.constant(1), f.select(below, f.constant(-1), away))

    return c.carried[0], slope
