"""The page that explains one answer of a net: from the pixels to the votes, every number open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.sounds.files import Sound
from ..errors import LimitError
from ..insight.features import wav_bytes
from ..insight.mattered import what_mattered
from ..insight.places import places
from ..insight.tricks_lab import picture_curves
from ..network import Network
from ..planes import data_address, png
from ..reference.walk import Walk
from ..version import __version__
from .assemble import MOST_BYTES, page
from .walk_data import arrays_of, layers_of, packed

CLASSES_SHOWN = 10
"""Classes whose votes are in the page, the likeliest first."""
LONGEST_SOUND = 160_000
"""Samples that a page has room for: ten seconds at 16,000 a second."""
_ROUND = 6  # digits of what is only drawn


def explain_page(
    net: Network,
    example: npt.NDArray[Any],
    *,
    name: str = "",
    label: int | None = None,
    given: Any = None,
    looks: Sequence[dict[str, Any]] = (),
) -> str:
    """The HTML of a page, one file of at most two million bytes, about one prepared example.

    ``name``: what a person calls it. ``label``: the class that is explained; the answer's if left
    out. ``given``: what was read before it was prepared, as sounds can be heard and texts be read.
    ``looks``: what features look for, as `looks.looks_data` tells it.
    """
    walk = net.walk(net.inputs(example[None])[0])
    data = explain_data(net, walk, example, name=name, label=label, given=given, looks=looks)
    title = f"{net.classes[data['answer']]} - {name}" if name else net.classes[data["answer"]]
    return page(title, "main.js", data)


def explain_data(
    net: Network,
    walk: Walk,
    example: npt.NDArray[Any],
    *,
    name: str,
    label: int | None,
    given: Any,
    looks: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """All that the page knows, as plain values."""
    answer = int(walk.logits.argmax())
    explained = answer if label is None else label
    order = np.argsort(-walk.logits, kind="stable").tolist()[:CLASSES_SHOWN]
    shown = order if explained in order else [*order[: CLASSES_SHOWN - 1], explained]
    arrays = arrays_of(net, walk)
    votes = _votes(walk, shown)
    arrays |= {f"votes {label}": slope for label, slope in votes["slopes"].items()}
    rest = {
        "schema": 1,
        "name": name,
        "kind": net.preparation.kind,
        "ground": net.preparation.ground,
        "classes": list(net.classes),
        "answer": answer,
        "explained": explained,
        "logits": walk.logits.tolist(),
        "probabilities": net.chances(walk.logits[None])[0].tolist(),
        "remark": net.preparation.remark(given) if given is not None else None,
        "picture": _picture(net, example),
        "sound": _sound(given),
        "layers": layers_of(net, walk),
        "votes": {name: value for name, value in votes.items() if name != "slopes"},
        "axes": places(net.preparation, example, given).to_json(),
        "facts": facts(net),
        **_found(net, example, explained, given),
        "looks": list(looks),
    }
    room = MOST_BYTES - 150_000 - len(str(rest))
    return {**rest, "arrays": packed(arrays, room).to_json()}


def _votes(walk: Walk, shown: list[int]) -> dict[str, Any]:
    """The votes of the voting stack, carried back, for the classes that are shown: the slopes that
    go with its values; and what the biases come to."""
    stack = walk.voting_stack
    stack = stack if walk[stack].ndim == 3 else list(walk)[1]
    slopes, biases = {}, {}
    for label in shown:
        ledger = walk.ledger(label, back_to=stack)
        weights = [vote.weight for vote in ledger.votes]
        slopes[label] = np.array(weights, np.float32).reshape(ledger.shape)
        biases[label] = ledger.bias
    return {"stack": stack, "labels": shown, "biases": biases, "slopes": slopes}


def _found(net: Network, example: Any, label: int, given: Any) -> dict[str, Any]:
    """What mattered, and the curves of the tricks, where the net has such."""
    found: dict[str, Any] = {"mattered": [], "curves": []}
    for key, asked in (("mattered", what_mattered), ("curves", picture_curves)):
        with suppress(LimitError):  # texts have no tricks
            found[key] = [_rounded(one.to_json()) for one in asked(net, example, label)]
    return found


def _rounded(value: Any) -> Any:
    """Plain values with the digits that a picture can show."""
    if isinstance(value, float):
        return float(f"{value:.{_ROUND}g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _picture(net: Network, example: npt.NDArray[Any]) -> str | None:
    """The input as a picture to look at; texts have none."""
    if net.preparation.kind == "texts" or example.ndim != 3:
        return None
    return data_address(png(pixels_of(example)))


def pixels_of(example: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """An input (C, H, W), bytes or numbers from -1 to 1, as pixels: (H, W, 3) of three channels,
    else the first one (H, W)."""
    pixels = example
    if pixels.dtype != np.uint8:
        pixels = np.rint(127.5 * (np.clip(example.astype(np.float64), -1, 1) + 1)).astype(np.uint8)
    shown = np.moveaxis(pixels, 0, 2) if len(pixels) == 3 else pixels[0]
    return np.ascontiguousarray(shown)


def _sound(given: Any) -> str | None:
    """What was recorded, to be heard, if it is not too long for a page."""
    if not isinstance(given, Sound) or len(given.samples) > LONGEST_SOUND:
        return None
    return data_address(wav_bytes(given), "audio/wav")


def facts(net: Network) -> list[list[str]]:
    """How the net was made, in words."""
    recipe = ", ".join(f"{name} {value}" for name, value in net.recipe.items() if name != "tricks")
    return [
        ["layers", net.notation],
        ["parameters", f"{net.architecture.parameter_count:,}"],
        ["preparation", net.preparation.told],
        ["recipe", recipe or "none"],
        ["SHA-256 of its numbers", net.parameters_sha256],
        ["made with", f"piecewise {__version__}"],
    ]
