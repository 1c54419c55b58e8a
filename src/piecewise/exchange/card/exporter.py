"""The model card, README.md, in the form of Hugging Face: YAML metadata, then Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, ClassVar

from ...spec.augmentation import AUGMENTATION
from ...spec.layers import BY_WORD
from ...storage.model_file import SavedModel
from ..exporter import Exporter, Files
from ..readable import readable

_TASKS = {"pictures": "image-classification", "sounds": "audio-classification",
          "texts": "text-classification"}  # fmt: skip
_SPLITS = {"folds": "cross-validation", "test": "test split", "validation": "validation split"}
_FOR_THE_AUTHOR = (
    "_To be written by its author: what the net is for, what it must not be used for, whose data "
    "it was trained on, and its license._"
)
_HOW_TO_USE = (
    "Each folder has the net in one format, with a `USAGE.md` that has the code to run it. "
    "`passport.html` says how far the answers of each format are from those of piecewise."
)
_TRANSLATION = re.compile(r"(translation \S+) ([\d.]+)")
_SHOWN = 100  # classes and trials that are listed


class CardExporter(Exporter):
    """Writes README.md beside the folders of the formats, so that the export is a repository of a
    model hub."""

    name: ClassVar[str] = "card"
    title: ClassVar[str] = "Model card"
    support: ClassVar[dict[str, str]] = dict.fromkeys(BY_WORD, "yes")

    @property
    def folder(self) -> str:
        return ""

    def files(self, model: SavedModel) -> Files:
        return {"README.md": "\n".join(_lines(model)).encode()}

    def usage(self, model: SavedModel) -> str:
        return ""


def _lines(model: SavedModel) -> Iterator[str]:
    architecture = model.architecture
    task = _TASKS[model.preprocessor.modality]
    yield from _metadata(model, task)
    yield from ("", f"# A ConvNet for {task.replace('-', ' ')}", "")
    yield f"It tells {len(architecture.classes):,} classes apart: {_classes(architecture.classes)}."
    yield from ("", "## Intended use", "", _FOR_THE_AUTHOR)
    yield from ("", "## How to use it", "", _HOW_TO_USE)
    yield from ("", "## Architecture", "")
    yield f"- layers: `{architecture.notation}`"
    yield f"- parameters: {architecture.parameter_count:,}"
    yield f"- input: {_markdown(model.preprocessor.description)}"
    yield f"- SHA-256 of the parameters: `{model.parameters_sha256}`"
    yield from ("", "## Training", "")
    yield from _training(model)
    yield from ("", "## Evaluation", "")
    yield from _evaluation(model)
    yield from ("", "## Limits", "")
    yield ("The net always names one of its classes, also for inputs of other kinds. Its scores "
           "hold for inputs like those it was tested on.")  # fmt: skip
    yield ""


def _metadata(model: SavedModel, task: str) -> Iterator[str]:
    """The YAML metadata. JSON strings are YAML strings, too."""
    yield from ("---", "library_name: piecewise", f"pipeline_tag: {task}", "tags:", "- convnet",
                f"- {task}")  # fmt: skip
    scores = [(name, score) for name, score in _scores(model) if name == "test"]
    if scores:
        _, score = scores[0]
        yield from ("metrics:", "- accuracy", "model-index:", '- name: "piecewise net"',
                    "  results:", "  - task:", f"      type: {task}", "    dataset:",
                    '      name: "test split of the training data"', '      type: "own"',
                    "    metrics:", "    - type: accuracy",
                    f"      value: {_number(score.get('accuracy')):.4f}")  # fmt: skip
    yield "---"


def _training(model: SavedModel) -> Iterator[str]:
    summary, recipe = model.training_summary, model.recipe
    if not recipe:
        source = summary.get("imported")
        known = isinstance(source, dict)
        yield f"Not trained by piecewise{', but imported' if known else ''}."
        return
    yield f"Trained with piecewise, seed {model.seed}, by this recipe:"
    yield ""
    if examples := len(model.training_digests):
        yield f"- training examples: {examples:,} different ones"
    for name, value in recipe.items():
        if not _is_off(str(name), value, recipe):
            yield f"- {_markdown(str(name).replace('_', ' '))}: {_markdown(_plain(value))}"
    trials = summary.get("trials")
    chosen = [one for one in trials if isinstance(one, dict)] if isinstance(trials, list) else []
    if chosen:
        yield from ("", "Candidates that were tried before:", "")
        for trial in chosen[:_SHOWN]:
            mark = " (chosen)" if trial.get("chosen") is True else ""
            accuracy = 100 * _number(trial.get("accuracy"))
            yield f"- {_markdown(str(trial.get('name', '')))}: {accuracy:.1f} % right{mark}"


def _evaluation(model: SavedModel) -> Iterator[str]:
    scores = list(_scores(model))
    if not scores:
        yield "No scores are known."
        return
    yield "| examples | number | accuracy | 95 % interval | most frequent class | linear model |"
    yield "|---|---|---|---|---|---|"
    linear = model.training_summary.get("linear")
    for name, score in scores:
        low, high = _interval(score.get("accuracy_interval"))
        other = linear.get(name) if isinstance(linear, dict) else None
        compared = _percent(other.get("accuracy")) if isinstance(other, dict) else "not measured"
        yield (f"| {_markdown(_SPLITS.get(name, name))} | {_number(score.get('n')):,.0f} | "
               f"{_percent(score.get('accuracy'))} | {low} to {high} | "
               f"{_percent(score.get('baseline_accuracy'))} | {compared} |")  # fmt: skip
    calibration = model.calibration
    yield ""
    if calibration.n:
        yield (f"Probabilities are the softmax of the logits divided by "
               f"{calibration.temperature:.4g}, fitted on {calibration.n:,} examples that the net "
               "was not trained on.")  # fmt: skip
    else:
        yield "The probabilities are not calibrated."


def _scores(model: SavedModel) -> Iterator[tuple[str, dict[str, Any]]]:
    """The scores at the end of training, by split. A model file can hold anything."""
    scores = model.training_summary.get("scores")
    for name, score in scores.items() if isinstance(scores, dict) else ():
        if isinstance(score, dict):
            yield str(name), score


def _interval(value: object) -> tuple[str, str]:
    low, high = value if isinstance(value, list) and len(value) == 2 else (None, None)
    return _percent(low), _percent(high)


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else 0.0  # type: ignore[arg-type]


def _percent(value: object) -> str:
    return f"{100 * _number(value):.1f} %"


def _is_off(name: str, value: object, recipe: dict[str, Any]) -> bool:
    """Whether a hyperparameter has no effect."""
    return (
        name == "seed"
        or value in (None, "none", False)
        or (name in ("patience", "validation_fraction") and not recipe.get("patience"))
        or (name in ("momentum", "nesterov") and recipe.get("optimizer") != "sgd")
    )


def _plain(value: object) -> str:
    """A value of a recipe."""
    if isinstance(value, dict):
        return _augmentation(value)
    return "yes" if value is True else str(value)


def _augmentation(values: dict[str, Any]) -> str:
    """What an augmentation changes; one of another version is written as it is stored."""
    try:
        written = AUGMENTATION.write(AUGMENTATION.check(values)).replace("_", " ")
        written = _TRANSLATION.sub(r"\1 down and \2 across", written)
        return written.replace("..", " to ")
    except (TypeError, ValueError):
        return ", ".join(f"{name} {value}" for name, value in values.items())


def _classes(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(_markdown(name) for name in names[:_SHOWN]) + more


def _markdown(text: str) -> str:
    """A text on one line without the characters that mean something in Markdown or HTML."""
    line = readable(" ".join(text.split()))[:1_000]
    return "".join(f"\\{one}" if one in "\\`*_[]<>|#&" else one for one in line)
