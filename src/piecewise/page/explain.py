"""The page that explains one answer of a net: from the pixels to the votes, every number open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..insight.explanation import Explanation, explain
from ..insight.robustness.curves import Curve
from ..network import Network
from .assemble import MOST_BYTES, page, script_json
from .media import picture_address, sound_address
from .walk_data import arrays_of, layers_of, packed

START = "main.js"
CLASSES_SHOWN = 10
"""Classes whose votes are in the page, the likeliest first."""
LONGEST_TITLE = 1_000  # characters
MOST_NAMED = 2_000
"""Classes that are in the page at all, the likeliest first, if there is room for their names."""
_NAMES = 400_000  # bytes
_SPARE = 5_000  # bytes for the title, which may be long, and for arrays' names
_ROUND = 6  # digits of what is only drawn


def explain_html(
    net: Network,
    example: npt.NDArray[Any],
    *,
    name: str = "",
    label: int | None = None,
    given: Any = None,
    looks: Sequence[dict[str, Any]] = (),
) -> str:
    """The HTML of a page, one file of at most two million bytes, about one prepared example.

    ``name``: how a person refers to it. ``label``: the class that is explained; the answer's if
    left out. ``given``: what was read before it was prepared, so that the page can play a sound and
    name the words of a text. ``looks``: patches that match features, as `looks.looks_data` returns
    them.
    """
    return explanation_page(explain(net, example, name=name, label=label, original=given), looks)


def explanation_page(explanation: Explanation, looks: Sequence[dict[str, Any]] = ()) -> str:
    """The HTML of a page about an explanation; see `explain_html`."""
    answer: str = explanation.net.classes[explanation.answer]
    name = explanation.name
    title = f"{answer} - {name}"[:LONGEST_TITLE] if name else answer
    return page(title, START, _page_data(explanation, looks))


def _page_data(explanation: Explanation, looks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All data of the page, as plain values."""
    net, order = explanation.net, explanation.order
    shown = order[:CLASSES_SHOWN]
    if explanation.label not in shown:
        shown = [*order[: CLASSES_SHOWN - 1], explanation.label]
    named = _named(net, order)
    gradients, votes = _votes(explanation, shown)
    arrays = {
        **arrays_of(net, explanation.walk),
        **{f"votes {label}": gradient for label, gradient in gradients.items()},
        **{f"mattered {one.method}": one.values for one in explanation.attributions},
    }
    rest = {
        "schema": 1,
        "name": explanation.name[:LONGEST_TITLE],
        "kind": net.preprocessor.kind,
        "background": net.preprocessor.background,
        "answer": explanation.answer,
        "explained": explanation.label,
        "order": named,
        "classes": {index: net.classes[index] for index in {*named, *shown}},
        "logits": {index: explanation.logits[index].item() for index in {*named, *shown}},
        "probabilities": {index: explanation.probabilities[index].item() for index in named},
        "remark": explanation.warning,
        "picture": _picture(explanation),
        "sound": sound_address(explanation.original),
        "layers": layers_of(net, explanation.walk),
        "votes": votes,
        "axes": explanation.axes.to_json(),
        "facts": explanation.facts,
        "mattered": [
            {"method": one.method, "label": one.label, "told": one.told}
            for one in explanation.attributions
        ],
        "curves": [_curve(one) for one in explanation.curves],
        "looks": list(looks),
    }
    without = page("", START, {**rest, "arrays": packed({}, 0).to_json()})
    room = MOST_BYTES - _SPARE - len(without.encode())
    return {**rest, "arrays": packed(arrays, room).to_json()}


def _named(net: Network, order: list[int]) -> list[int]:
    """As many of the classes in this order as a page has room to name."""
    sizes = np.cumsum([len(script_json(net.classes[index])) + 60 for index in order[:MOST_NAMED]])
    return order[: max(1, int(np.searchsorted(sizes, _NAMES, "right")))]


def _votes(
    explanation: Explanation, shown: list[int]
) -> tuple[dict[int, npt.NDArray[np.float32]], dict[str, Any]]:
    """For each class that is shown, the gradients that its carried-back votes multiply the values
    of the voting stack by; and the rest about the votes, with the sum of the biases."""
    ledgers = {label: explanation.votes_for(label) for label in shown}
    gradients = {
        label: np.array([vote.weight for vote in ledger.votes], np.float32).reshape(ledger.shape)
        for label, ledger in ledgers.items()
    }
    biases = {label: ledger.bias for label, ledger in ledgers.items()}
    return gradients, {"stack": explanation.stack, "labels": shown, "biases": biases}


def _curve(curve: Curve) -> dict[str, Any]:
    """Of a curve what is drawn: the probability of the class, and the answers."""
    plain: dict[str, Any] = _rounded(
        {
            **curve.perturbation.to_json(),
            "label": curve.label,
            "sure": curve.probabilities[:, curve.label].tolist(),
            "answers": curve.logits.argmax(axis=1).tolist(),
            "same": list(curve.same),
            "below": curve.below and curve.below.to_json(),
            "above": curve.above and curve.above.to_json(),
        }
    )
    return plain


def _rounded(value: Any) -> Any:
    """Plain values with the digits that a picture can show."""
    if isinstance(value, float):
        return float(f"{value:.{_ROUND}g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _picture(explanation: Explanation) -> str | None:
    """The input as a picture to look at; texts have none."""
    example = explanation.example
    if explanation.net.preprocessor.kind == "texts" or example.ndim != 3:
        return None
    return picture_address(example)
