"""The HTML report that explains one prediction of a net, from the pixels to the votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32
from ..insight.explanation import Explanation, explain
from ..insight.reason import located_layer
from ..insight.robustness.curves import Break, Curve
from ..network import Network
from .assemble import MAX_BYTES, page, script_json
from .media import image_url, sound_url
from .walk_data import arrays_of, layers_of, pack_arrays

START = "explain.js"
CLASSES_SHOWN = 10
"""Classes whose votes are in the page, the most probable first."""
MAX_TITLE = 1_000  # characters
MAX_TEXT = 5_000
MAX_CLASSES_NAMED = 2_000
"""Classes named, the most probable first; fewer if their names need more than _NAME_BYTES."""
_NAME_BYTES = 400_000
_RESERVED_BYTES = 5_000  # for the title, which may be long, and the names of the arrays
CHANNELS = ("red", "green", "blue")
_DIGITS = 6  # of numbers that are only drawn


def explain_html(
    net: Network,
    example: npt.NDArray[Any],
    *,
    name: str = "",
    label: int | str | None = None,
    original: Any = None,
    top_patches: Sequence[dict[str, Any]] = (),
) -> str:
    """Create the report that explains the prediction for one input.

    Parameters
    ----------
    net : Network
        The network to explain.
    example : array
        One preprocessed input: (C, H, W), or (positions,) of token numbers.
    name : str
        The name of the input, such as its file.
    label : int or str, optional
        The number of the class to explain. Default: the predicted class.
    original : optional
        The input before preprocessing. With it, the page plays a sound and names the words of a
        text.
    top_patches : sequence of dict
        Patches that match features, as `page.top_patches.top_patches_data` returns them.

    Returns
    -------
    str
        An HTML page of at most two million bytes that needs no other file and no network.
    """
    explanation = explain(net, example, name=name, label=label, original=original)
    return explanation_page(explanation, top_patches)


def explanation_page(explanation: Explanation, top_patches: Sequence[dict[str, Any]] = ()) -> str:
    """The HTML of the report about an explanation; see `explain_html`."""
    predicted: str = explanation.net.classes[explanation.answer]
    name = explanation.name
    title = f"{predicted} - {name}"[:MAX_TITLE] if name else predicted
    return page(title, START, _page_data(explanation, top_patches))


def _page_data(explanation: Explanation, top_patches: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All data of the page as plain values."""
    plain, arrays = answer_data(explanation)
    reasons, maps = reasons_data(explanation)
    data = {
        **plain,
        **reasons,
        "facts": explanation.facts,
        "image": _image(explanation),
        "sound": sound_url(explanation.original),
        "top_patches": list(top_patches),
    }
    arrays |= maps
    without = page("", START, {**data, "arrays": pack_arrays({}, 0).to_json()})
    max_length = MAX_BYTES - _RESERVED_BYTES - len(without.encode())
    return {**data, "arrays": pack_arrays(arrays, max_length).to_json()}


def answer_data(
    explanation: Explanation, *, votes: bool = True
) -> tuple[dict[str, Any], dict[str, Float32]]:
    """What a page shows of an answer as soon as it is there, as plain values, and its arrays by
    name: the layers with their numbers, and the votes, without what takes long to compute.
    ``votes`` false leaves out the votes, too: see `votes_data`."""
    net, order = explanation.net, explanation.order
    named, shown = _named(net, order), _shown(explanation)
    is_color = explanation.example.ndim == 3 and len(explanation.example) == len(CHANNELS)
    data = {
        "schema": 1,
        "name": explanation.name[:MAX_TITLE],
        "kind": net.preprocessor.kind,
        "background": net.preprocessor.background,
        "predicted": explanation.answer,
        "explained": explanation.label,
        "order": named,
        "classes": {index: net.classes[index] for index in {*named, *shown}},
        "logits": {index: explanation.logits[index].item() for index in {*named, *shown}},
        "probabilities": {index: explanation.probabilities[index].item() for index in named},
        "warning": explanation.warning,
        "passages": explanation.passages,
        "text": _text(explanation),
        "channels": list(CHANNELS) if is_color else [],
        "layers": layers_of(net, explanation.walk),
        "axes": explanation.coordinates.to_json(),
    }
    plain, arrays = votes_data(explanation) if votes else ({}, {})
    return {**data, **plain}, {**arrays_of(net, explanation.walk), **arrays}


def votes_data(explanation: Explanation) -> tuple[dict[str, Any], dict[str, Float32]]:
    """The votes of an answer, as plain values, and their arrays by name: the weights (gradients) by
    which the values of the voting layer are multiplied, for each class that is shown."""
    layer, walk, shown = explanation.voting_layer, explanation.walk, _shown(explanation)
    votes = {label: walk.vote_arrays(label, layer) for label in shown}
    located = located_layer(explanation.net.architecture, layer)
    biases = {label: one.bias for label, one in votes.items()}
    data = {
        "votes": {"layer": layer, "located": located, "labels": shown, "biases": biases},
        "map_votes": _rounded(explanation.map_votes),
    }
    return data, {f"votes {label}": one.weights for label, one in votes.items()}


def reasons_data(explanation: Explanation) -> tuple[dict[str, Any], dict[str, Float32]]:
    """What takes long to compute about an answer, as plain values, and its arrays by name: the
    reason in a sentence, the saliency maps and the robustness curves."""
    data = {
        "reason": explanation.reason and explanation.reason.to_json(),
        "attributions": [
            {"method": one.method, "label": one.label, "description": one.description}
            for one in explanation.attributions
        ],
        "robustness": robustness_data(explanation),
    }
    return data, {f"attribution {one.method}": one.values for one in explanation.attributions}


def robustness_data(explanation: Explanation) -> list[dict[str, Any]]:
    """The robustness curves of an answer, as plain values."""
    return [_curve(one) for one in explanation.curves]


def _shown(explanation: Explanation) -> list[int]:
    """The classes whose votes are in the page: the most probable ones and the explained one."""
    shown = explanation.order[:CLASSES_SHOWN]
    if explanation.label in shown:
        return shown
    return [*shown[: CLASSES_SHOWN - 1], explanation.label]


def _named(net: Network, order: list[int]) -> list[int]:
    """The first classes of this order whose names fit into the page."""
    sizes = np.cumsum(
        [len(script_json(net.classes[index])) + 60 for index in order[:MAX_CLASSES_NAMED]]
    )
    return order[: max(1, int(np.searchsorted(sizes, _NAME_BYTES, "right")))]


def _curve(curve: Curve) -> dict[str, Any]:
    """The numbers of a robustness curve that the page draws."""
    perturbation = curve.perturbation
    plain: dict[str, Any] = _rounded(
        {
            "perturbation": perturbation.name,
            "unit": perturbation.unit,
            "sizes": list(perturbation.sizes),
            "unchanged_index": perturbation.unchanged_index,
            "label": curve.label,
            "probabilities": curve.probabilities[:, curve.label].tolist(),
            "predicted": curve.logits.argmax(axis=1).tolist(),
            "equal_pixels": list(curve.equal_pixels),
            "below": curve.below and _changed_prediction(curve.below),
            "above": curve.above and _changed_prediction(curve.above),
        }
    )
    return plain


def _changed_prediction(change: Break) -> dict[str, Any]:
    lost = change.lost_match
    return {
        "size": change.size,
        "predicted": change.predicted,
        "lost": lost
        and {
            "layer": lost.layer,
            "map": lost.feature,
            "before": lost.before,
            "after": lost.after,
        },
    }


def _rounded(value: Any) -> Any:
    """Plain values, rounded to the digits that a drawing can show."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _text(explanation: Explanation) -> str | None:
    """The beginning of a text whose passages are not known."""
    text = explanation.original
    return text[:MAX_TEXT] if isinstance(text, str) and explanation.passages is None else None


def _image(explanation: Explanation) -> str | None:
    """The input as an image; None for texts."""
    example = explanation.example
    if explanation.net.preprocessor.kind == "texts" or example.ndim != 3:
        return None
    return image_url(example)
