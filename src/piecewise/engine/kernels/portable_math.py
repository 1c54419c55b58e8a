"""exp and log from additions and multiplications only, with the same bits on every machine.

Both use the precision of the function that they are written into.
"""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

from ..ir.llvm_text import Function, float64_constant, splat, vector_of


class _Format(NamedTuple):
    """A floating-point format and the length of the series in it."""

    element: str
    """The integer type of the same size."""
    mantissa: int
    """Bits of the mantissa."""
    bias: int
    """The exponent's bias."""
    sqrt_half: int
    """The bits of sqrt(1/2)."""
    ln2_high: float
    """The leading bits of log(2): few enough that products with small integers are exact."""
    ln2_low: float
    """log(2) - ln2_high."""
    least: float
    """The lower bound of exp's argument; below it exp is 0."""
    exp_degree: int
    log_terms: int

    @property
    def integers(self) -> str:
        return vector_of(16, self.element)

    def splat(self, value: int) -> str:
        return splat(16, value, self.element)


_FORMATS = {
    "float": _Format("i32", 23, 127, 0x3F3504F3, 0.693359375, -2.12194440054690583e-4, -104, 7, 6),
    "double": _Format(
        "i64",
        52,
        1023,
        0x3FE6A09E667F3BCD,
        0.693147180369123816490,
        1.90821492927058770002e-10,
        -746,
        13,
        12,
    ),
}
_ROUND = 1.5 * 2**52
"""Adding it to a float64 rounds to an integer, which is then in the lowest bits."""
_ROUND_BITS = int(float64_constant(_ROUND), 16)


def exp(f: Function, x: str) -> str:
    """e to the x for x of at most 88: 2**k times the Taylor series of the remainder."""
    form, v = _FORMATS[f.real], f.vector
    low = f.op("fcmp olt", x, f.constant(form.least))
    x = f.select(low, f.constant(form.least), x)
    inverse = f.constant(1.4426950408889634)
    lifted = ""
    if f.real == "double":
        lifted = f.fma(x, inverse, f.constant(_ROUND))
        k = f.op("fsub", lifted, f.constant(_ROUND))
    else:
        k = f.nearest(f.op("fmul", x, inverse))
    rest = f.fma(k, f.constant(-form.ln2_high), x)
    rest = f.fma(k, f.constant(-form.ln2_low), rest)
    series = _polynomial(f, [1 / factorial(n) for n in range(form.exp_degree + 1)], rest)
    if f.real == "double":
        bits = f.cast("bitcast", lifted, v, form.integers)
        power = f.op("sub", bits, form.splat(_ROUND_BITS), form.integers)
    else:
        power = f.cast("fptosi", k, v, form.integers)
    # In two steps, because 2**k may be too small for a number of full precision.
    half = f.op("ashr", power, form.splat(1), form.integers)
    for value in (half, f.op("sub", power, half, form.integers)):
        series = f.op("fmul", series, _power_of_two(f, form, value))
    return series


def log(f: Function, x: str) -> str:
    """The natural logarithm of normal positive numbers."""
    form, v = _FORMATS[f.real], f.vector
    integers, shift = form.integers, form.splat(form.mantissa)
    bits = f.cast("bitcast", x, v, integers)
    # Counted from sqrt(1/2), so that the mantissa lies around 1.
    moved = f.op("sub", bits, form.splat(form.sqrt_half), integers)
    power = f.op("ashr", moved, shift, integers)
    mantissa = f.op("sub", bits, f.op("shl", power, shift, integers), integers)
    m = f.cast("bitcast", mantissa, integers, v)
    t = f.op("fdiv", f.op("fsub", m, f.constant(1)), f.op("fadd", m, f.constant(1)))
    square = f.op("fmul", t, t)
    series = _polynomial(f, [2 / (2 * n + 1) for n in range(form.log_terms)], square)
    if f.real == "double":
        lifted = f.op("add", power, form.splat(_ROUND_BITS), integers)
        k = f.op("fsub", f.cast("bitcast", lifted, integers, v), f.constant(_ROUND))
    else:
        k = f.cast("sitofp", power, integers, v)
    rest = f.fma(k, f.constant(form.ln2_low), f.op("fmul", t, series))
    return f.fma(k, f.constant(form.ln2_high), rest)


def _polynomial(f: Function, coefficients: list[float], x: str) -> str:
    """coefficients[0] + coefficients[1] * x + coefficients[2] * x**2 + ..."""
    value = f.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = f.fma(value, x, f.constant(coefficient))
    return value


def _power_of_two(f: Function, form: _Format, power: str) -> str:
    """2 to an integer power, built from exponent bits."""
    lifted = f.op("add", power, form.splat(form.bias), form.integers)
    exponent = f.op("shl", lifted, form.splat(form.mantissa), form.integers)
    return f.cast("bitcast", exponent, form.integers, f.vector)
