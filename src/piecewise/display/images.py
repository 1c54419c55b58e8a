"""Planes of numbers as small pictures, for pages and notebooks.

Colours are signed: blue below zero, the paper's white at zero, orange above, each as strong as the
number is near the largest of its stack.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

ABOVE, ZERO, BELOW = (200, 80, 0), (255, 255, 255), (15, 90, 190)
"""Red, green, blue of the largest number, of nothing, and of the largest below zero."""
MAPS_SHOWN = 32
_WIDEST = 512  # cells of a plane that are drawn; of a wider one, every second, third, ...


def signed_colours(plane: npt.NDArray[Any], largest: float) -> npt.NDArray[np.uint8]:
    """Numbers (rows, columns) -> (rows, columns, 3): ``largest`` and beyond is the full colour."""
    share = np.clip(plane.astype(np.float64) / (largest or 1.0), -1, 1)[..., None]
    full = np.where(share < 0, np.array(BELOW), np.array(ABOVE))
    mixed = np.array(ZERO) + np.abs(share) * (full - np.array(ZERO))
    return np.asarray(np.rint(mixed), np.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Pixels (rows, columns), grey, or (rows, columns, 3) as a PNG file."""
    from PIL import Image  # noqa: PLC0415 - whoever draws nothing needs it not

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def data_address(content: bytes, kind: str = "image/png") -> str:
    """A file's bytes as an address that holds them, so that a page needs no other file."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def plane_html(plane: npt.NDArray[Any], largest: float, title: str, side: int = 72) -> str:
    """A plane (rows, columns) as an <img>, its longer side ``side`` points."""
    step = max(1, -(-max(plane.shape) // _WIDEST))
    address = data_address(png(signed_colours(plane[::step, ::step], largest)))
    height, width = (max(8, round(side * one / max(plane.shape))) for one in plane.shape)
    return (
        f'<img src="{address}" alt="{escape(title)}" title="{escape(title)}" width="{width}" '
        f'height="{height}" style="image-rendering:pixelated;margin:2px;border:1px solid #8886">'
    )


def stack_html(name: str, stack: npt.NDArray[Any]) -> str:
    """A stack (maps, rows, columns), or word numbers (positions), as a row of planes."""
    told = "x".join(str(side) for side in stack.shape)
    if stack.ndim == 1:
        return f"<p><b>{escape(name)}</b> {told}: {escape(', '.join(map(str, stack.tolist())))}</p>"
    largest = float(np.abs(stack).max(initial=0.0))
    if stack.shape[1:] == (1, 1):  # one number a map: a row of them says more
        maps = [plane_html(stack.reshape(1, -1), largest, name, side=min(480, 8 * len(stack)))]
    else:
        maps = [
            plane_html(plane, largest, f"{name}[{number}]")
            for number, plane in enumerate(stack[:MAPS_SHOWN])
        ]
    more = len(stack) - MAPS_SHOWN
    left = f" and {more:,} more" if more > 0 and stack.shape[1:] != (1, 1) else ""
    head = f"<b>{escape(name)}</b> {told}, to {largest:.4g} on each side"
    return f"<p>{head}<br>{''.join(maps)}{left}</p>"


def walk_html(
    stacks: Mapping[str, npt.NDArray[Any]], classes: Sequence[str], logits: Sequence[float]
) -> str:
    """All stacks of a walk, and its logits, the largest first."""
    order = sorted(range(len(classes)), key=lambda number: -logits[number])
    rows = "".join(
        f"<tr><td>{escape(classes[number])}</td><td>{logits[number]:.6g}</td></tr>"
        for number in order
    )
    parts = [stack_html(name, stack) for name, stack in stacks.items()]
    head = "<tr><th>class</th><th>logit</th></tr>"
    return f"<div>{''.join(parts)}<table>{head}{rows}</table></div>"
