"""Questions about pixels, maps, pooling and layers."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations, product

import numpy as np

from ..insight.attribution.receptive_field import receptive_field
from ..spec.architecture import Architecture
from ..trace.arithmetic import Position, Why
from ..trace.walk import Walk
from . import net_quantities as nets
from .learner import Learner
from .question_parts import (
    CELLS_ASKED,
    DRAWINGS_ASKED,
    EXACT,
    HALF_DIGIT,
    Pool,
    added,
    class_of,
    shown_value,
    walks,
)
from .questions import CheckQuestion

# Computers are literal.


def shared_ink(learner: Learner) -> Pool:
    """Ink on ink after a shift."""
    for index, drawing in enumerate(learner.drawings):
        cells = {(row, column) for row, column in np.argwhere(nets.ink_pixels(drawing)).tolist()}
        for down, right in ((0, 1), (0, 2), (1, 0), (1, 1), (2, 1)):
            moved = {(row + down, column + right) for row, column in cells}
            yield CheckQuestion(
                f"The {class_of(learner, drawing)} in the picture has {len(cells)} ink pixels. "
                f"Move it {_move(down, right)}: how many of them lie where ink was before?",
                nets.shared_ink(drawing, down, right),
                len(cells & moved),
                {len(cells): "a moved drawing does not cover the old one"},
                EXACT,
                f"{len(cells & moved)} of the {len(cells)} moved pixels stand where ink was.",
                index,
            )


def _move(down: int, right: int) -> str:
    """A move in words: "down by 2 and right by 1"."""
    moves = (("down", down), ("right", right))
    return " and ".join(f"{name} by {by}" for name, by in moves if by)


def equal_pixels(learner: Learner) -> Pool:
    """Equal pixels of two drawings."""
    for one, other in permutations(learner.drawings, 2):
        a, b = nets.ink_pixels(one), nets.ink_pixels(other)
        both, neither = int((a & b).sum()), int((~a & ~b).sum())
        yield CheckQuestion(
            f"Two drawings of {a.size} pixels share {both} ink pixels and {neither} background "
            "pixels. At how many pixels are they equal?",
            both + neither,
            int((a == b).sum()),
            {both: "equal background counts, too"},
            EXACT,
            f"{both} + {neither} = {both + neither}",
        )


# Filtering.


def cell_sum(learner: Learner) -> Pool:
    """The sum of nine products and the bias."""
    for drawing, walk in walks(learner, DRAWINGS_ASKED):
        for why in _strong_cells(walk, "conv1"):
            shown = [shown_value(term.product) for term in why.terms if term.position]
            bias = shown_value(nets.bias(why))
            total = float(sum(shown, bias))
            products = float(sum(shown))
            yield CheckQuestion(
                f"A cell of a map of this {class_of(learner, drawing)}: the products are "
                f"{', '.join(map(str, shown))} and the bias is {bias}. What is the value?",
                total,
                float(sum(int(one * 100) for one in (*shown, bias))) / 100,
                {products: "the bias is missing",
                 total / len(shown): "a learned kernel does not divide"},
                HALF_DIGIT,
                f"{added(shown)} is {shown_value(products)}; with the bias {bias} it is "
                f"{shown_value(total)}.",
            )  # fmt: skip


def _strong_cells(walk: Walk, layer: str) -> list[Why]:
    values = nets.activation(walk, layer)
    order = np.argsort(-values.ravel(), kind="stable")[:CELLS_ASKED]
    places = (np.unravel_index(at, values.shape) for at in order)
    return [walk.why(layer, *(int(one) for one in place)) for place in places]


# Convolution.


def map_rows(_: Learner) -> Pool:
    """The rows of a map."""
    for rows, kernel, stride in product((9, 12, 28), (3, 5, 7), (1, 2)):
        stops = sum(top % stride == 0 and top + kernel <= rows for top in range(rows))
        yield CheckQuestion(
            f"A kernel of {kernel}x{kernel} with stride {stride} slides over {rows} rows, without "
            "padding. How many rows does its map have?",
            nets.window_rows(rows, kernel, stride),
            stops,
            {rows: "the kernel needs space", rows - kernel: "count the first position, too"},
            EXACT,
            f"({rows} - {kernel}) / {stride} = {(rows - kernel) / stride:g}, rounded down, and one "
            f"more for the first position: {stops}.",
        )


def kernel_weights(_: Learner) -> Pool:
    """The parameters of a convolution."""
    for maps, kernels, side in product((1, 3, 8), (2, 5, 10), (3, 5)):
        net = Architecture(f"conv {kernels} {side}, full", (maps, 12, 12), 2)
        yield CheckQuestion(
            f"{kernels} kernels of {side}x{side}, each with a bias, read {maps} "
            f"map{'s' * (maps > 1)}. How many parameters is that?",
            kernels * (maps * side * side + 1),
            sum(row.size for row in net.stages[0].parameters),
            {kernels * maps * side * side: "the biases are missing",
             **({kernels * (side * side + 1): "a kernel reads all maps"} if maps > 1 else {})},
            EXACT,
            f"{kernels} x ({maps} x {side} x {side} + 1) = {kernels * (maps * side * side + 1)}",
        )  # fmt: skip


# Pooling.


def pooled_value(learner: Learner) -> Pool:
    """The value that a window keeps."""
    for drawing, walk in walks(learner, DRAWINGS_ASKED):
        for why in _strong_cells(walk, "pool1"):
            values = [shown_value(term.value) for term in why.terms]
            mean = float(sum(values)) / len(values)
            wrong = {mean: "pooling keeps one value, not the mean"}
            if sum(values) != max(values):
                wrong[float(sum(values))] = "pooling does not add"
            if values[-1] != max(values):
                wrong[float(values[-1])] = "not the last, but the largest"
            yield CheckQuestion(
                f"A window of pooling over a map of this {class_of(learner, drawing)} holds "
                f"{', '.join(map(str, values))}. What is kept?",
                float(shown_value(walk.why(*why.position).value)),
                float(max(values)),
                wrong,
                HALF_DIGIT,
                f"The largest of {', '.join(map(str, values))} is {max(values)}.",
            )


def pooled_rows(_: Learner) -> Pool:
    """The rows after pooling with partial windows."""
    for rows, window in product((5, 7, 9, 11, 13), (2, 3)):
        stage = Architecture(f"pool {window}, full", (1, rows, rows), 2).stages[0]
        yield CheckQuestion(
            f"A map has {rows} rows. Windows of {window}x{window} move by {window}; the last one "
            "may extend over the edge. How many rows remain?",
            nets.pooled_rows(rows, window, window),
            stage.output[1],
            {rows // window: "the edge is dropped", rows - window + 1: "the stride is forgotten"},
            EXACT,
            f"{rows} / {window} = {shown_value(rows / window)}, rounded up: {stage.output[1]}.",
        )


# ReLU.


def zeros_in_row(learner: Learner) -> Pool:
    """Zeros of a row after ReLU."""
    for drawing, walk in walks(learner):
        before, after = walk["conv1"], walk["relu1"]
        for feature, row in product(range(len(before)), range(before.shape[1])):
            values = before[feature, row]
            positive = int((values > 0).sum())
            yield CheckQuestion(
                f"A row of a map of this {class_of(learner, drawing)} is "
                f"{', '.join(str(shown_value(value)) for value in values.tolist())}. How many "
                "zeros does ReLU leave in it?",
                int((after[feature, row] == 0).sum()),
                int((values <= 0).sum()),
                {positive: "ReLU keeps the positive ones",
                 0: "ReLU changes everything negative"},
                EXACT,
                f"{len(values)} values, {positive} above 0: {len(values)} - {positive} = "
                f"{len(values) - positive}",
            )  # fmt: skip


def relu_then_pool(learner: Learner) -> Pool:
    """One window, first ReLU and then pooling."""
    for drawing, walk in walks(learner, DRAWINGS_ASKED):
        plane = walk["conv1"]
        for feature, row, column in product(range(len(plane)), range(0, 6, 2), range(0, 6, 2)):
            window = plane[feature, row : row + 2, column : column + 2]
            values = [shown_value(value) for value in window.ravel().tolist()]
            clipped = [max(value, Decimal(0)) for value in values]
            yield CheckQuestion(
                f"Four values of a map of this {class_of(learner, drawing)} are "
                f"{', '.join(map(str, values))}. ReLU and then pooling: what is left?",
                float(max(clipped)),
                float(max(*values, Decimal(0))),
                {float(min(values)): "the smallest is not kept",
                 float(sum(values)): "pooling does not add"},
                HALF_DIGIT,
                f"ReLU leaves {', '.join(map(str, clipped))}. The largest is {max(clipped)}.",
            )  # fmt: skip


# Stacking.

_STACKS = ("conv 3 3", "conv 3 3, pool 2", "conv 3 3, pool 2, pool 2", "conv 4 5, pool 2",
           "conv 2 3, conv 2 3", "conv 2 3, conv 2 3, pool 2", "pool 3, conv 4 3")  # fmt: skip


def layer_rows(_: Learner) -> Pool:
    """The rows after several layers."""
    for stack, side in product(_STACKS, (16, 28)):
        stages = Architecture(f"{stack}, full", (1, side, side), 2).stages
        rows, again, steps = stages[-2].output[1], side, [f"{side} rows"]
        for layer in stack.split(", "):
            size = int(layer.rsplit(" ", 1)[1])
            again = -(-again // size) if layer.startswith("pool") else again - size + 1
            steps.append(f"{again} after {layer}")
        yield CheckQuestion(
            f"An image of {side}x{side} goes through {stack}. How many rows does the last map "
            "have?",
            rows,
            again,
            {side: "layers make maps smaller", rows + 1: "count again, one too many"},
            EXACT,
            ", ".join(steps),
        )


def field_rows(learner: Learner) -> Pool:
    """The rows of the input that one value can depend on."""
    net = learner.small
    walk = nets.walk(net, learner.drawings[0])
    for layer in ("conv1", "pool1", "pool2"):
        _, rows, columns = nets.output(net, layer)
        for row in range(rows):
            seen = _rows_below(walk, Position(layer, 0, row, columns // 2))
            field = receptive_field(net.architecture, layer, row, columns // 2)
            yield CheckQuestion(
                f"{net.notation} on {net.input[1]} rows: on how many rows of the input can a value "
                f"in row {row + 1} of {layer} depend?",
                field.shape[0],
                len(seen),
                {1: "a value sees more than one pixel", net.input[1] + 1: "there are not so many"},
                EXACT,
                f"Rows {min(seen) + 1} to {max(seen) + 1} of the input: {len(seen)}.",
            )


def _rows_below(walk: Walk, top: Position) -> set[int]:
    """The rows of the input among the terms of the terms of a value."""
    waiting, seen, rows = [top], set[Position](), set[int]()
    while waiting:
        position = waiting.pop()
        if position in seen:
            continue
        seen.add(position)
        if position.layer == "input":
            rows.add(position.row)
        waiting += [term.position for term in walk.why(*position).terms if term.position]
    return rows
