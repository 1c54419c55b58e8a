"""The loop listing: a program's loops as text, built from notes taken during code generation."""

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
_WORDS = {
    "%examples times": "once per example",
    "%examples": "the group's",
    "%shards times": "once per shard",
    "%groups times": "once per group of the shard",
}
"""Text for numbers that are known only at run time."""


class _ListingLine(NamedTuple):
    """One line of a listing."""

    depth: int
    text: str
    remark: str = ""


def listing(
    architecture: Architecture, layer: str | None = None, target: Target | None = None
) -> str:
    """The loops of one layer, or of all layers: of the forward pass, and of the backward pass in
    training. Raises LimitError if no layer has that name."""
    target = target or host_target()
    names = [stage.name for stage in architecture.stages]
    if layer is not None and layer not in names:
        raise LimitError(
            f"layer: got {shown(layer)}, wanted a layer of this network"
            f"{did_you_mean(str(layer), names)}"
        )
    inference = generate_network_ir(architecture, target, ProgramSpec("infer"))
    spec = ProgramSpec("train", training=True, optimizer="sgd", records=True)
    training = generate_network_ir(architecture, target, spec)
    sections = [
        _list_pass(layer_pass, inference, training, target)
        for layer_pass in training.passes
        if layer is None or layer in (stage.name for stage in layer_pass.fused_stages)
    ]
    if layer is None:
        notes = training.kernels["loss"].notes
        sections.append([_ListingLine(0, f"loss: {notes[0].text}"), *_nest(notes[1:], 1)])
    return "\n\n".join("\n".join(_align_remarks(section)) for section in sections)


def _list_pass(
    layer_pass: Pass, inference: NetworkIR, training: NetworkIR, target: Target
) -> list[_ListingLine]:
    """The lines of one pass, which may run several layers."""
    layers = ", ".join(write_layer(stage.layer) for stage in layer_pass.fused_stages)
    shapes = f"{layer_pass.input.shape} -> {layer_pass.output.shape}"
    vectors = f"vectors of {target.lanes} examples ({target.name})"
    vectors += ", two groups at a time" * bool(training.layout.second_memory)
    forward, forward_training, backward = (
        list(_list_calls(ir, function, layer_pass.name))
        for ir, function in (
            (inference, "forward"),
            (training, "forward"),
            (training, "backward"),
        )
    )
    prepared = list(_list_calls(training, "prepare", layer_pass.name))
    sections = {"once for all groups": prepared} if prepared else {}
    sections |= {"forward": forward}
    if forward_training != forward:
        del sections["forward"]
        sections |= {"forward, inference": forward, "forward, training": forward_training}
    sections["backward"] = backward
    lines = [_ListingLine(0, f"{layer_pass.name}: {layers}    {shapes}    {vectors}")]
    seen: set[tuple[_ListingLine, ...]] = set()
    for title, blocks in sections.items():
        lines.append(_ListingLine(0, title))
        if not blocks:
            lines.append(_ListingLine(1, "nothing to do"))
        for block in blocks:
            if block in seen and len(block) > 1:
                lines.append(block[0]._replace(text=f"{block[0].text}: as above"))
            else:
                lines += block
            seen.add(block)
    return lines


def _list_calls(ir: NetworkIR, function: str, layer: str) -> Iterator[tuple[_ListingLine, ...]]:
    """The kernel calls of a layer in a function, each with the loops of its kernel, and the loops
    around the calls."""
    name = f"{function}_pair"
    written = ir.kernels.get(name if name in ir.kernels else function)
    for note in written.notes if written else ():
        if note.layer != layer:
            continue
        if not note.kernel:
            yield tuple(_nest([note], 1 + note.depth))
            continue
        notes = ir.kernels[note.kernel].notes
        name = note.kernel.split(".")[0]
        head = notes[0]._replace(text=f"{name}: {notes[0].text}")
        arguments = dict(note.arguments)
        yield (
            *_nest([head], 1 + note.depth, arguments),
            *_nest(notes[1:], 2 + note.depth, arguments),
        )


def _nest(
    notes: Iterable[Note], depth: int, arguments: dict[str, str] | None = None
) -> Iterator[_ListingLine]:
    """Notes as lines, with the call's arguments filled in. A loop that runs once and has no remark
    is left out."""
    base: int | None = None
    omitted: list[int] = []
    for note in notes:
        base = note.depth if base is None else base
        while omitted and note.depth <= omitted[-1]:
            omitted.pop()
        text = note.text
        for words in (arguments or {}, _WORDS):
            for name, number in words.items():
                text = text.replace(name, number)
        text = re.sub(r", 1 times$", ", once", text)
        if text.endswith(", once") and not note.remark:
            omitted.append(note.depth)
        else:
            yield _ListingLine(depth + note.depth - base - len(omitted), text, note.remark)


def _align_remarks(lines: list[_ListingLine]) -> Iterator[str]:
    """Lines as text, with the remarks in one column."""
    texts = [_INDENT * line.depth + line.text for line in lines]
    width = max((len(t) for t, line in zip(texts, lines, strict=True) if line.remark), default=0)
    for text, line in zip(texts, lines, strict=True):
        yield f"{text.ljust(width)}   {line.remark}" if line.remark else text
