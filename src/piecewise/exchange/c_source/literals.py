"""Literals of C99: exact floats, strings and tables."""

from __future__ import annotations

import numpy as np

from ...core.array_types import Float32

_PER_LINE = 4


def c_float(value: float) -> str:
    """A decimal float literal of a float32."""
    text = str(np.float32(value))
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def c_table(name: str, array: Float32) -> str:
    """The definition of an array of float in hexadecimal literals, which are exact."""
    literals = [one.hex() for one in np.asarray(array, np.float32).reshape(-1).tolist()]
    lines = ["f, ".join(literals[i : i + _PER_LINE]) for i in range(0, len(literals), _PER_LINE)]
    # Of the 13 digits of a double, a float32 has 6.
    body = "f,\n    ".join(lines).replace("0000000p", "p")
    return f"static const float {name}[{len(literals)}] = {{\n    {body}f,\n}};"


def c_string(text: str) -> str:
    """A string literal of the UTF-8 bytes of a text; all but plain characters are escaped."""
    return '"' + "".join(map(_escaped, text.encode())) + '"'


def _escaped(byte: int) -> str:
    character = chr(byte)
    if character in '"\\?':  # two question marks could begin a trigraph
        return f"\\{character}"
    return character if 32 <= byte < 127 else f"\\{byte:03o}"
