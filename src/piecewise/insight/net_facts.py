"""How a net was made, as names and values: its layers, its training and its scores after it."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from ..core.version import __version__
from ..network import Network

_MAX_TRIALS, _MAX_TEXT = 100, 1_000


def net_facts(net: Network) -> list[list[str]]:
    """How a net was made, as names and values."""
    recipe = ", ".join(
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in net.recipe.items()
        if name != "augmentation"
    )
    return [
        ["layers", net.notation],
        ["parameters", f"{net.architecture.parameter_count:,}"],
        ["preprocessor", net.preprocessor.description],
        ["recipe", recipe or "none"],
        *([name, text] for name, text in training_facts(net)),
        [
            "probabilities",
            f"softmax of the logits / {net.calibration.temperature:.6g}, the temperature fitted on "
            "the validation examples",
        ],
        ["SHA-256 of its numbers", net.parameters_sha256],
        ["made with", f"piecewise {__version__}"],
    ]


def training_facts(net: Network) -> Iterator[tuple[str, str]]:
    """The net that the training started from, if it was not a new one; what was tried before the
    training, and the scores after it, as the model file describes them."""
    start = net.training_summary.get("start")
    if isinstance(start, dict):
        classes = start.get("classes")
        names = ", ".join(map(str, classes)) if isinstance(classes, list) else "?"
        yield "from", f"a net for {names}, sha256 {start.get('parameters_sha256')}"
    for trial in trials_of(net):
        chosen = ", chosen" if trial["chosen"] else ""
        yield "tried", f"{trial['name']}: {_percent(trial['accuracy'])} right in a trial{chosen}"
    yield from scores_of(net)


def trials_of(net: Network) -> list[dict[str, Any]]:
    """The trials of a net's training: name, layers, accuracy, epochs, whether it was chosen, and a
    note. A model file can hold anything: values of other types become None or empty."""
    trials = net.training_summary.get("trials")
    return [
        {
            **{name: str(trial.get(name, ""))[:_MAX_TEXT] for name in ("name", "layers", "note")},
            **{name: _number(trial.get(name)) for name in ("accuracy", "n", "epochs")},
            "chosen": trial.get("chosen") is True,
        }
        for trial in (trials if isinstance(trials, list) else [])[:_MAX_TRIALS]
        if isinstance(trial, dict)
    ]


def scores_of(net: Network) -> Iterator[tuple[str, str]]:
    """The scores when the net was trained, each beside that of the linear model."""
    scores, linear = net.training_summary.get("scores"), net.training_summary.get("linear")
    for name, score in scores.items() if isinstance(scores, dict) else ():
        if isinstance(score, dict):
            other = linear.get(name) if isinstance(linear, dict) else None
            model = ""
            if isinstance(other, dict):
                model = f", {other.get('model')} {_percent(other.get('accuracy'))}"
            yield str(name), f"{_percent(score.get('accuracy'))} right{model}"


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None  # type: ignore[arg-type]


def _percent(fraction: object) -> str:
    return f"{100 * fraction:.1f} %" if isinstance(fraction, float) else "? %"


def _plain(value: Any) -> str:
    """A value of a recipe in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
