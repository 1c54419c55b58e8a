"""The loss of each picture and the gradient of its logits."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.llvm_text import GROUP_BYTES, Function, Loop
from ..ir.loop_notes import passing
from .portable_math import exp, log

_INTS = "<16 x i32>"

_LOGITS = {"logit": ("%logits", GROUP_BYTES)}
_UPSTREAM = {"upstream": ("%upstream", GROUP_BYTES)}

Slope = Callable[[Loop], str]
"""Writes the gradient of a class's logits for a batch of one, in the loop over the classes."""


def loss(f: Function, name: str, classes: int, *, masked: bool, weighted: bool) -> None:
    """The function (logits, labels, losses, upstream, pictures, batch): ``labels`` sixteen i64,
    ``losses`` sixteen floats, the gradient divided by ``batch`` pictures; lanes without a picture
    get zeros. If ``weighted``, sixteen floats ``weights`` come after ``upstream``: losses and
    slopes are multiplied by them, the slopes before they are divided."""
    f.note(f"the {name} of each picture, and its slopes")
    there = f.first_lanes("%pictures")
    labels = f.cast("trunc", f.load("%labels", 0, "<16 x i64>", align=8), "<16 x i64>", _INTS)
    batch = f.broadcast(f.cast("sitofp", "%batch", "i64", "float"))
    if name == "cross-entropy":
        total, slope = _cross_entropy(f, classes, labels)
    else:
        total, slope = _by_difference(f, classes, labels, squared=name == "squared")
    weight = f.load("%weights") if weighted else None
    f.store(f.op("fmul", total, weight) if weight else total, "%losses")
    times = ", times the picture's weight" if weighted else ""
    with f.loop("classes", classes, _LOGITS | _UPSTREAM) as c:
        f.note(f"keep the slope{times}, divided by the pictures of the batch{passing(masked)}")
        gradient = slope(c)
        gradient = f.op("fmul", gradient, weight) if weight else gradient
        gradient = f.op("fdiv", gradient, batch)
        gradient = f.select(there, gradient, "zeroinitializer")
        if masked:
            gradient = f.where_positive(f.load(c["logit"]), gradient)
        f.store(gradient, c["upstream"])


def _right(f: Function, c: Loop, labels: str) -> str:
    """Which lanes' right class this is."""
    number = f.broadcast(f.cast("trunc", c.index, "i64", "i32"), "i32")
    return f.op("icmp eq", labels, number, _INTS)


def _wanted(f: Function, c: Loop, labels: str) -> str:
    """1 in the lanes whose right class this is, 0 in the others."""
    return f.select(_right(f, c, labels), f.constant(1), "zeroinitializer")


def _cross_entropy(f: Function, classes: int, labels: str) -> tuple[str, Slope]:
    """The loss and its slope; the powers of e wait in ``upstream`` from one to the other."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        f.note("the largest so far")
        value = f.load(c["logit"])
        more = f.op("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS | _UPSTREAM, zero) as c:
        below = f.op("fsub", f.load(c["logit"]), largest)
        with f.written("series += ..., in all: sum += exp(logit - largest)"):
            power = exp(f, below)
        f.store(power, c["upstream"])
        chosen = f.select(_right(f, c, labels), below, c.carried[1])
        c.carried = [f.op("fadd", c.carried[0], power), chosen]
    whole, chosen = c.carried

    def slope(c: Loop) -> str:
        share = f.op("fdiv", f.load(c["upstream"]), whole)
        return f.op("fsub", share, _wanted(f, c, labels))

    with f.written("series += ..., in all: loss = log(sum) - (right logit - largest)"):
        logarithm = log(f, whole)
    return f.op("fsub", logarithm, chosen), slope


def _by_difference(f: Function, classes: int, labels: str, *, squared: bool) -> tuple[str, Slope]:
    """The loss and its slope from the differences to what is wanted: their squares, or their
    sizes."""

    def difference(c: Loop) -> str:
        wanted = _wanted(f, c, labels)
        return f.op("fsub", f.load(c["logit"]), wanted)

    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        f.note(f"loss += {'difference * difference' if squared else 'size of the difference'}")
        away = difference(c)
        if squared:
            part = f.op("fmul", away, away)
        else:
            part = f.value(f"call {f.vector} @llvm.fabs.v16f32({f.vector} {away})")
        c.carried = [f.op("fadd", c.carried[0], part)]

    def slope(c: Loop) -> str:
        away = difference(c)
        if squared:
            return f.op("fmul", f.constant(2), away)
        above = f.op("fcmp ogt", away, "zeroinitializer")
        below = f.op("fcmp olt", away, "zeroinitializer")
        return f.select(above, f.constant(1), f.select(below, f.constant(-1), away))

    return c.carried[0], slope
