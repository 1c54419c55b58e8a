"""Feature maps as small images, for pages and notebooks.

Colours are signed: blue below zero, white at zero, orange above, with an intensity relative to the
largest absolute value of the layer.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ..core.array_types import Array, Uint8

ABOVE, ZERO, BELOW = (200, 80, 0), (255, 255, 255), (15, 90, 190)
"""Red, green and blue of the largest value, of zero and of the smallest value."""
MAPS_SHOWN = 32
_WIDEST = 512  # the largest side in cells; of a wider plane, every second, third, ... cell is drawn


def signed_colours(plane: Array, largest: float) -> Uint8:
    """Numbers (rows, columns) -> (rows, columns, 3): ``largest`` and beyond is the full colour."""
    fraction = np.clip(plane.astype(np.float64) / (largest or 1.0), -1, 1)[..., None]
    full = np.where(fraction < 0, np.array(BELOW), np.array(ABOVE))
    mixed = np.array(ZERO) + np.abs(fraction) * (full - np.array(ZERO))
    return np.asarray(np.rint(mixed), np.uint8)


def png(pixels: Uint8) -> bytes:
    """Pixels (rows, columns), grey, or (rows, columns, 3) as a PNG file."""
    from PIL import Image  # noqa: PLC0415 - whoever draws nothing needs it not

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def data_address(content: bytes, kind: str = "image/png") -> str:
    """A file's bytes as a data URL, so that a page needs no other file."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def plane_html(plane: Array, largest: float, title: str, side: int = 72) -> str:
    """A plane (rows, columns) as an <img>, its longer side ``side`` points."""
    step = max(1, -(-max(plane.shape) // _WIDEST))
    address = data_address(png(signed_colours(plane[::step, ::step], largest)))
    height, width = (max(8, round(side * one / max(plane.shape))) for one in plane.shape)
    return (
        f'<img src="{address}" alt="{escape(title)}" title="{escape(title)}" width="{width}" '
        f'height="{height}" style="image-rendering:pixelated;margin:2px;border:1px solid #8886">'
    )


def activation_html(name: str, activation: Array) -> str:
    """Activations (maps, rows, columns), or token numbers (positions), as a row of images."""
    shape = "x".join(str(side) for side in activation.shape)
    if activation.ndim == 1:
        tokens = ", ".join(map(str, activation.tolist()))
        return f"<p><b>{escape(name)}</b> {shape}: {escape(tokens)}</p>"
    largest = float(np.abs(activation).max(initial=0.0))
    if activation.shape[1:] == (1, 1):  # one value a map: all of them as one image
        maps = [
            plane_html(activation.reshape(1, -1), largest, name, side=min(480, 8 * len(activation)))
        ]
    else:
        maps = [
            plane_html(plane, largest, f"{name}[{number}]")
            for number, plane in enumerate(activation[:MAPS_SHOWN])
        ]
    more = len(activation) - MAPS_SHOWN
    others = f" and {more:,} more" if more > 0 and activation.shape[1:] != (1, 1) else ""
    head = f"<b>{escape(name)}</b> {shape}, to {largest:.4g} on each side"
    return f"<p>{head}<br>{''.join(maps)}{others}</p>"


def walk_html(
    activations: Mapping[str, Array], classes: Sequence[str], logits: Sequence[float]
) -> str:
    """The activations of a walk, and its logits from the largest to the smallest."""
    order = sorted(range(len(classes)), key=lambda number: -logits[number])
    rows = "".join(
        f"<tr><td>{escape(classes[number])}</td><td>{logits[number]:.6g}</td></tr>"
        for number in order
    )
    parts = [activation_html(name, activation) for name, activation in activations.items()]
    head = "<tr><th>class</th><th>logit</th></tr>"
    return f"<div>{''.join(parts)}<table>{head}{rows}</table></div>"
