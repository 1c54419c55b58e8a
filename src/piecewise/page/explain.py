"""The page that explains one answer of a net: from the pixels to the votes, every number open."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.sounds.files import Sound
from ..insight.features import wav_bytes
from ..insight.literal import as_bytes
from ..insight.mattered import what_mattered
from ..insight.places import places
from ..insight.tricks_lab import Curve, picture_curves
from ..network import Network
from ..planes import data_address, png
from ..reference.walk import Walk
from ..version import __version__
from .assemble import MOST_BYTES, page, script_json
from .walk_data import arrays_of, layers_of, packed

START = "main.js"
CLASSES_SHOWN = 10
"""Classes whose votes are in the page, the likeliest first."""
LONGEST_TITLE = 1_000  # characters
MOST_NAMED = 2_000
"""Classes that are in the page at all, the likeliest first, if there is room for their names."""
_NAMES = 400_000  # bytes
LONGEST_SOUND = 160_000
"""Samples that a page has room for: ten seconds at 16,000 a second."""
LONGEST_SIDE = 512
"""Of the picture of an input, in pixels; of a larger one every second is shown, or third, ..."""
_SPARE = 5_000  # bytes for the title, which may be long, and for arrays' names
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
    walk = net.walk(net.inputs(np.asarray(example)[None])[0])
    data = explain_data(net, walk, example, name=name, label=label, given=given, looks=looks)
    answer: str = net.classes[data["answer"]]
    title = f"{answer} - {name}"[:LONGEST_TITLE] if name else answer
    return page(title, START, data)


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
    named = _named(net, np.argsort(-walk.logits, kind="stable").tolist())
    chances = net.chances(walk.logits[None])[0]
    arrays = arrays_of(net, walk)
    votes = _votes(walk, shown)
    arrays |= {f"votes {label}": slope for label, slope in votes["slopes"].items()}
    mattered = what_mattered(net, example, explained)
    arrays |= {f"mattered {one.method}": one.values for one in mattered}
    rest = {
        "schema": 1,
        "name": name[:LONGEST_TITLE],
        "kind": net.preparation.kind,
        "ground": net.preparation.ground,
        "answer": answer,
        "explained": explained,
        "order": named,
        "classes": {index: net.classes[index] for index in {*named, *shown}},
        "logits": {index: walk.logits[index].item() for index in {*named, *shown}},
        "probabilities": {index: chances[index].item() for index in named},
        "remark": net.preparation.remark(given) if given is not None else None,
        "picture": _picture(net, example),
        "sound": _sound(given),
        "layers": layers_of(net, walk),
        "votes": {name: value for name, value in votes.items() if name != "slopes"},
        "axes": places(net.preparation, example, given).to_json(),
        "facts": facts(net),
        "mattered": [
            {"method": one.method, "label": one.label, "told": one.told} for one in mattered
        ],
        "curves": _curves(net, example, explained),
        "looks": list(looks),
    }
    without = page("", START, {**rest, "arrays": packed({}, 0).to_json()})
    room = MOST_BYTES - _SPARE - len(without.encode())
    return {**rest, "arrays": packed(arrays, room).to_json()}


def _named(net: Network, order: list[int]) -> list[int]:
    """As many of the classes in this order as a page has room to name."""
    sizes = np.cumsum([len(script_json(net.classes[index])) + 60 for index in order[:MOST_NAMED]])
    return order[: max(1, int(np.searchsorted(sizes, _NAMES, "right")))]


def _votes(walk: Walk, shown: list[int]) -> dict[str, Any]:
    """The votes of the voting stack, carried back, for the classes that are shown: the slopes that
    go with its values; and what the biases come to."""
    stack = walk.voting_stack
    slopes, biases = {}, {}
    for label in shown:
        ledger = walk.ledger(label, back_to=stack)
        weights = [vote.weight for vote in ledger.votes]
        slopes[label] = np.array(weights, np.float32).reshape(ledger.shape)
        biases[label] = ledger.bias
    return {"stack": stack, "labels": shown, "biases": biases, "slopes": slopes}


def _curves(net: Network, example: Any, label: int) -> list[dict[str, Any]]:
    """The curves of the tricks; texts, and inputs of a single pixel, have none."""
    if net.architecture.reads_texts or net.preparation.kind == "texts" or prod(net.input[1:]) < 2:
        return []
    return [_curve(one) for one in picture_curves(net, example, label)]


def _curve(curve: Curve) -> dict[str, Any]:
    """Of a curve what is drawn: how sure the net is of the class, and what it answers."""
    told = {
        **curve.dial.to_json(),
        "label": curve.label,
        "sure": curve.probabilities[:, curve.label].tolist(),
        "answers": curve.logits.argmax(axis=1).tolist(),
        "same": list(curve.same),
        "below": curve.below and curve.below.to_json(),
        "above": curve.above and curve.above.to_json(),
    }
    plain: dict[str, Any] = _rounded(told)
    return plain


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
    step = -(-max(example.shape[1:]) // LONGEST_SIDE)
    return data_address(png(pixels_of(example[:, ::step, ::step])))


def pixels_of(example: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """An input (C, H, W), bytes or numbers from -1 to 1, as pixels: (H, W, 3) of three channels,
    else the first one (H, W)."""
    pixels = example if example.dtype == np.uint8 else as_bytes(example)
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
        [
            "probabilities",
            f"softmax of the logits / {net.calibration.temperature:.6g}, the temperature chosen on "
            "what was held out",
        ],
        ["SHA-256 of its numbers", net.parameters_sha256],
        ["made with", f"piecewise {__version__}"],
    ]
