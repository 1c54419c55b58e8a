"""Loss functions: the loss of each example and its gradient with respect to the logits."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.llvm_text import GROUP_BYTES, Function, Loop
from ..ir.loop_notes import relu_mask_text
from .portable_math import exp, log

_INTS = "<16 x i32>"

_LOGITS = {"logit": ("%logits", GROUP_BYTES)}
_UPSTREAM = {"upstream": ("%upstream", GROUP_BYTES)}

ClassGradient = Callable[[Loop], str]
"""Writes the gradient of one class's logits, in the loop over the classes."""


def loss(f: Function, name: str, classes: int, *, masked: bool, weighted: bool) -> None:
    """Write the kernel (logits, labels, losses, upstream, examples, batch).

    ``labels`` is sixteen i64, ``losses`` sixteen floats. ``upstream`` receives the gradient of the
    logits divided by the ``batch`` size; lanes without an example get zeros. If ``weighted``,
    sixteen floats ``weights`` follow ``upstream``: they multiply the losses, and the gradients
    before the division.
    """
    f.note(f"{name} loss of each example and the gradient of its logits")
    present = f.first_lanes("%examples")
    labels = f.cast("trunc", f.load("%labels", 0, "<16 x i64>", align=8), "<16 x i64>", _INTS)
    batch = f.broadcast(f.cast("sitofp", "%batch", "i64", "float"))
    if name == "cross-entropy":
        total, class_gradient = _cross_entropy(f, classes, labels)
    else:
        total, class_gradient = _by_difference(f, classes, labels, squared=name == "squared")
    weight = f.load("%weights") if weighted else None
    f.store(f.op("fmul", total, weight) if weight else total, "%losses")
    times = " * sample weight" if weighted else ""
    with f.loop("classes", classes, _LOGITS | _UPSTREAM) as c:
        f.note(f"store gradient{times} / batch size{relu_mask_text(masked)}")
        gradient = class_gradient(c)
        gradient = f.op("fmul", gradient, weight) if weight else gradient
        gradient = f.op("fdiv", gradient, batch)
        gradient = f.select(present, gradient, "zeroinitializer")
        if masked:
            gradient = f.where_positive(f.load(c["logit"]), gradient)
        f.store(gradient, c["upstream"])


def _is_label(f: Function, c: Loop, labels: str) -> str:
    """The lanes whose label is the class of this iteration."""
    number = f.broadcast(f.cast("trunc", c.index, "i64", "i32"), "i32")
    return f.op("icmp eq", labels, number, _INTS)


def _one_hot(f: Function, c: Loop, labels: str) -> str:
    """1 in the lanes whose label is the class of this iteration, 0 in the others."""
    return f.select(_is_label(f, c, labels), f.constant(1), "zeroinitializer")


def _cross_entropy(f: Function, classes: int, labels: str) -> tuple[str, ClassGradient]:
    """The loss and its gradient; ``upstream`` holds exp(logit - largest) in between."""
    with f.loop("classes", classes, _LOGITS, [(f.vector, f.load("%logits"))]) as c:
        f.note("largest = max(largest, logit)")
        value = f.load(c["logit"])
        more = f.op("fcmp ogt", value, c.carried[0])
        c.carried = [f.select(more, value, c.carried[0])]
    largest = c.carried[0]
    zero = [(f.vector, "zeroinitializer")] * 2
    with f.loop("classes", classes, _LOGITS | _UPSTREAM, zero) as c:
        below = f.op("fsub", f.load(c["logit"]), largest)
        with f.note_products("steps of the series in sum += exp(logit - largest)"):
            power = exp(f, below)
        f.store(power, c["upstream"])
        label_logit = f.select(_is_label(f, c, labels), below, c.carried[1])
        c.carried = [f.op("fadd", c.carried[0], power), label_logit]
    total, label_logit = c.carried

    def gradient(c: Loop) -> str:
        probability = f.op("fdiv", f.load(c["upstream"]), total)
        return f.op("fsub", probability, _one_hot(f, c, labels))

    with f.note_products("steps of the series in loss = log(sum) - (label's logit - largest)"):
        logarithm = log(f, total)
    return f.op("fsub", logarithm, label_logit), gradient


def _by_difference(
    f: Function, classes: int, labels: str, *, squared: bool
) -> tuple[str, ClassGradient]:
    """The squared or absolute error between logits and one-hot labels, and its gradient."""

    def difference_of(c: Loop) -> str:
        one_hot = _one_hot(f, c, labels)
        return f.op("fsub", f.load(c["logit"]), one_hot)

    with f.loop("classes", classes, _LOGITS, [(f.vector, "zeroinitializer")]) as c:
        f.note(f"loss += {'difference * difference' if squared else 'abs(difference)'}")
        difference = difference_of(c)
        if squared:
            term = f.op("fmul", difference, difference)
        else:
            term = f.value(f"call {f.vector} @llvm.fabs.v16f32({f.vector} {difference})")
        c.carried = [f.op("fadd", c.carried[0], term)]

    def gradient(c: Loop) -> str:
        difference = difference_of(c)
        if squared:
            return f.op("fmul", f.constant(2), difference)
        above = f.op("fcmp ogt", difference, "zeroinitializer")
        below = f.op("fcmp olt", difference, "zeroinitializer")
        return f.select(above, f.constant(1), f.select(below, f.constant(-1), difference))

    return c.carried[0], gradient
