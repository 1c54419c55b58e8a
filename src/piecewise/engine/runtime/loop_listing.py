"""A program as its loops, for a reader: made of what was noted while the code was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...core.errors import LimitError, did_you_mean, shown
from ...spec.architecture import Architecture
from ...spec.notation import write_layer
from ..codegen.network_program import NetworkIR, ProgramSpec, generate_network_ir
from ..ir.loop_notes import Note
from ..ir.target import Target
from ..passes.base import Pass
from .llvm_compiler import host_target

_INDENT = "  "
_WORDS = {"%examples times": "once per example", "%examples": "the group's"}
"""What is said of numbers that are known only when a program runs."""


class _Line(NamedTuple):
    """A line of a listing."""

    depth: int
    text: str
    remark: str = ""


def listing(
    architecture: Architecture, layer: str | None = None, machine: Target | None = None
) -> str:
    """The loops that run for a layer, or for all: forward, and back while learning. LimitError if
    there is no layer of that name."""
    machine = machine or host_target()
    names = [stage.name for stage in architecture.stages]
    if layer is not None and layer not in names:
        raise LimitError(
            f"layer: got {shown(layer)}, wanted a layer of this network"
            f"{did_you_mean(str(layer), names)}"
        )
    answers = generate_network_ir(architecture, machine, ProgramSpec("infer"))
    learns = generate_network_ir(
        architecture, machine, ProgramSpec("train", training=True, optimizer="sgd")
    )
    paragraphs = [
        _pass(made, answers, learns, machine)
        for made in learns.passes
        if layer is None or layer in (stage.name for stage in made.fused_stages)
    ]
    if layer is None:
        notes = learns.kernels["loss"].notes
        paragraphs.append([_Line(0, f"loss: {notes[0].text}"), *_nest(notes[1:], 1)])
    return "\n\n".join("\n".join(_aligned(lines)) for lines in paragraphs)


def _pass(made: Pass, answers: NetworkIR, learns: NetworkIR, machine: Target) -> list[_Line]:
    """A layer, with those that are done on its way."""
    layers = ", ".join(write_layer(stage.layer) for stage in made.fused_stages)
    shapes = f"{made.input.shape} -> {made.output.shape}"
    vectors = f"vectors of {machine.lanes} examples ({machine.name})"
    forward, learning, back = (
        list(_calls(ir, function, made.name))
        for ir, function in (
            (answers, "forward"),
            (learns, "forward"),
            (learns, "backward"),
        )
    )
    sections = {"forward": forward}
    if learning != forward:
        sections = {"forward, inference": forward, "forward, training": learning}
    sections["backward"] = back
    lines = [_Line(0, f"{made.name}: {layers}    {shapes}    {vectors}")]
    seen: set[tuple[_Line, ...]] = set()
    for title, blocks in sections.items():
        lines.append(_Line(0, title))
        if not blocks:
            lines.append(_Line(1, "nothing to do"))
        for block in blocks:
            if block in seen and len(block) > 1:
                lines.append(block[0]._replace(text=f"{block[0].text}: as above"))
            else:
                lines += block
            seen.add(block)
    return lines


def _calls(ir: NetworkIR, function: str, layer: str) -> Iterator[tuple[_Line, ...]]:
    """What a driver does for a layer: each call with the loops of its kernel, and the loops that
    calls stand in."""
    for note in ir.kernels[function].notes:
        if note.layer != layer:
            continue
        if not note.kernel:
            yield tuple(_nest([note], 1 + note.depth))
            continue
        notes = ir.kernels[note.kernel].notes
        name = note.kernel.split(".")[0]
        head = notes[0]._replace(text=f"{name}: {notes[0].text}")
        given = dict(note.arguments)
        yield (
            *_nest([head], 1 + note.depth, given),
            *_nest(notes[1:], 2 + note.depth, given),
        )


def _nest(
    notes: Iterable[Note], depth: int, given: dict[str, str] | None = None
) -> Iterator[_Line]:
    """Notes as lines, ``given`` numbers put in; a loop of one turn about which nothing is said is
    left out."""
    base: int | None = None
    left_out: list[int] = []
    for note in notes:
        base = note.depth if base is None else base
        while left_out and note.depth <= left_out[-1]:
            left_out.pop()
        text = note.text
        for words in (given or {}, _WORDS):
            for name, number in words.items():
                text = text.replace(name, number)
        text = re.sub(r", 1 times$", ", once", text)
        if text.endswith(", once") and not note.remark:
            left_out.append(note.depth)
        else:
            yield _Line(depth + note.depth - base - len(left_out), text, note.remark)


def _aligned(lines: list[_Line]) -> Iterator[str]:
    """Lines with their remarks one under the other."""
    texts = [_INDENT * line.depth + line.text for line in lines]
    width = max((len(t) for t, line in zip(texts, lines, strict=True) if line.remark), default=0)
    for text, line in zip(texts, lines, strict=True):
        yield f"{text.ljust(width)}   {line.remark}" if line.remark else text
