"""Draws the image of the README, from pixels to votes, with the numbers of the tour.

python scripts/draw_picture.py docs/pixels-to-votes.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

from piecewise.core.array_types import Floating
from piecewise.data.xo import CLASSES, DECK_X, FEATURES
from piecewise.lessons.deck_facts import Facts

WIDTH, HEIGHT = 716, 330
ROWS = (60, 150, 240)  # the vertical center of the planes of each feature, below the title
INK, PAPER, LINE, FOR, AGAINST = "#1b2a41", "#ffffff", "#8a94a6", "#0b6e4f", "#b3261e"


def shade(value: float) -> str:
    """White for -1, ink for +1."""
    fraction = (min(1.0, max(-1.0, value)) + 1) / 2
    channels = []
    for offset in (1, 3, 5):
        paper, ink = (int(color[offset : offset + 2], 16) for color in (PAPER, INK))
        channels.append(f"{round(paper + fraction * (ink - paper)):02x}")
    return "#" + "".join(channels)


def plane(values: Floating, x: float, middle: float, cell: float) -> list[str]:
    """A plane of cells with its left edge at ``x``, vertically centered at ``middle``."""
    rows, columns = values.shape
    top = middle - rows * cell / 2
    cells = [
        f'<rect x="{x + column * cell:g}" y="{top + row * cell:g}" width="{cell:g}" '
        f'height="{cell:g}" shape-rendering="crispEdges" '
        f'fill="{shade(float(values[row, column]))}"/>'
        for row in range(rows)
        for column in range(columns)
    ]
    frame = (
        f'<rect x="{x:g}" y="{top:g}" width="{columns * cell:g}" height="{rows * cell:g}" '
        f'fill="none" stroke="{LINE}"/>'
    )
    return [*cells, frame]


def label(text: str, x: float, y: float, size: int = 13, anchor: str = "middle") -> str:
    """A text without characters that need escaping."""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">{text}</text>'


def arrow(x: float, y: float) -> str:
    return (
        f'<path d="M{x:g} {y:g}h18m-6 -5l6 5l-6 5" fill="none" stroke="{LINE}" stroke-width="1.5"/>'
    )


def votes(facts: Facts, x: float) -> list[str]:
    """Lines from the twelve values to the two answers; their width shows the vote."""
    elements = []
    for answer, name in enumerate(CLASSES):
        target = 115 + 100 * answer
        for number, vote in enumerate(facts.votes[answer].tolist()):
            middle = ROWS[number // 4] + 20 + (number // 2 % 2 - 0.5) * 18
            start = x + 18 * (number % 2)
            color = FOR if vote > 0 else AGAINST
            elements.append(
                f'<path d="M{start + 18:g} {middle:g}L{x + 128:g} {target}" stroke="{color}" '
                f'stroke-width="{max(0.4, 9 * abs(vote)):.2f}" opacity="0.55"/>'
            )
        total = abs(float(facts.votes[answer].sum()))
        elements += [
            label(name, x + 148, target + 8, 26),
            label(f"{total:.2f}", x + 186, target + 6, 15),
        ]
    return elements


def drawing() -> str:
    """The complete image as SVG."""
    facts = Facts()
    elements = [*plane(DECK_X, 24, 170, 14), arrow(160, 170)]
    for index, kernel in enumerate(FEATURES.values()):
        middle = ROWS[index] + 20
        elements += [*plane(kernel, 190, middle, 14), arrow(244, middle)]
        elements += [*plane(facts.x["conv1"][index], 274, middle, 10), arrow(356, middle)]
        elements += [*plane(facts.x["pool1"][index], 388, middle, 15), arrow(460, middle)]
        elements += plane(facts.x["pool2"][index], 492, middle, 18)
    elements += votes(facts, 492)
    titles = (("image", 87), ("features", 211), ("maps", 309), ("pooled", 418),
              ("again", 510), ("votes", 576), ("answer", 650))  # fmt: skip
    elements += [label(title, x, 26) for title, x in titles]
    notes = ("9x9", 87), ("3 of 3x3", 211), ("7x7", 309), ("4x4", 418), ("2x2", 510)
    elements += [label(note, x, HEIGHT - 14, 11) for note, x in notes]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" font-family="system-ui, sans-serif" role="img">',
            "<title>From pixels to votes: the image of an X, three features, their maps, pooled "
            "twice, and the votes for X and O</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#f6f7f9"/>',
            f'<g fill="{INK}">',
            *elements,
            "</g>",
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawing(), encoding="utf-8")
