"""A page of a lesson for tests, the faults of a page, and drawings of a learner."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import piecewise as pw
from piecewise.lessons.checker import check_lessons
from piecewise.lessons.learner import Learner
from piecewise.lessons.lesson_file import parse_lesson

PAGE = """\
---
lesson: example
needs: picture
minutes: 2
misconceptions: M1, M2
bind: x = own(1, 1)
bind: seen = small.walk(x)
bind: cell = seen.cell("conv1", 1, 2, 3)
constant: 9 = pixels of a feature
---
# What is the match?

The slide prints 0.77{= deck.match("\\", 1, 1) | cut 2}, or
seven ninths{= deck.match("\\", 1, 1) | ninths}.
A feature has 9 pixels. The first row sums to {{ deck.product_sum("\\", 1, 1) }} `of 12`.

::: predict kind=interval of={{ seen.value(cell) }} at=0,1
Is it small?
:::

::: task part=worked_cell
Work it out.
:::

::: result
It is {{ seen.value(cell) | 2 }}. The slide says 0.49{slip: error(0, 0.51) | 2}.

| drawing | match |
|---|---|
| X | {{ x.best("x") | ninths }} |
| deck | {{ deck.best("x", "X") | ninths }} |
:::

::: why
- Because.
> It has no cause.
* Because it is.
- Because it is not.
> It is {{ seen.value(cell) | 2 }}.
:::

::: sentence
Add.
:::

::: check generator=cell_sum
:::

::: check generator=map_rows
:::

::: without sound
Drawings.
:::

::: without text
Drawings.
:::
"""


def faults_of(text: str, learner: Learner) -> list[str]:
    return [str(fault) for fault in check_lessons([parse_lesson(text, "a.md")], [learner], 3)]


def save_drawings(folder: Path, names: tuple[str, str], paper: int = 0) -> Path:
    """Ten drawings, on a black background or on a white one."""
    xo = pw.make_xo(10, 28, seed=5)
    for number, (pixels, label) in enumerate(zip(xo.inputs, xo.labels, strict=True)):
        file = folder / names[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0] ^ paper).save(file)
    return folder
