"""`piecewise predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..core.constraints import Real
from ..core.errors import DataError
from ..network import Network
from .options import DATA, OUTPUT, constrained_option, json_option
from .output import messages, print_json, print_message, printable, results

CLASSES_SHOWN = 5
NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command."""

    net_file: str
    files: tuple[str, ...]
    texts: tuple[str, ...]
    coverage: float
    as_json: bool


@click.command(name="predict")
@click.argument("net_file", metavar="NET")
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option(
    "--text",
    "texts",
    multiple=True,
    panel=DATA,
    help="A text to use in place of FILE, for a net that reads texts. May be repeated.",
)
@constrained_option(
    "--coverage",
    constraint=Real(0, 1),
    metavar="FRACTION",
    panel=OUTPUT,
    default=1.0,
    help="Answer only if the confidence is as high as it was for this fraction of the examples "
    "that the net was calibrated on ({range}); else print don't know.",
)
@json_option
def command(**values: Any) -> None:
    """Predict the class of each image, sound or text FILE with the net in the model file NET.

    Prints one line a file: the class with the largest logit, and the probabilities. If a file
    cannot be read, the others are still answered, and the exit status is 1.
    """
    options = PredictOptions(**values)
    if not options.files and not options.texts:
        raise click.UsageError("predict needs a FILE, or --text")
    net = Network.load(options.net_file)
    threshold = net.calibration.threshold_for(options.coverage)
    inputs, errors = _read(net, options.files, options.texts)
    if not inputs and options.as_json:
        print_json([])
    if inputs:
        logits = net.logits(np.stack([entry.example for entry in inputs]))
        _print_predictions(net, inputs, logits, threshold, options.as_json)
    for sentence in errors[:-1]:
        print_message(messages(), sentence)
    if errors:
        raise DataError(errors[-1])


class _PredictInput(NamedTuple):
    """A preprocessed file or text; ``warning``: what makes an answer about it doubtful."""

    name: str
    example: npt.NDArray[Any]
    warning: str | None

    @classmethod
    def of(cls, name: str, original: Any, preprocessor: Any) -> Self:
        return cls(name, preprocessor.transform(original), preprocessor.warning(original))


def _read(
    net: Network, files: tuple[str, ...], texts: tuple[str, ...]
) -> tuple[list[_PredictInput], list[str]]:
    """The inputs that can be read, and a message for each file that cannot."""
    preprocessor = net.preprocessor
    if texts and preprocessor.modality != "texts":
        raise DataError(f"--text: got a text, wanted files: this net reads {preprocessor.modality}")
    inputs, errors = [], []
    for file in files:
        try:
            original = preprocessor.read(Path(file))
            inputs.append(_PredictInput.of(file, original, preprocessor))
        except DataError as error:
            errors.append(str(error))
    inputs += [_PredictInput.of(text, text, preprocessor) for text in texts]
    return inputs, errors


def _print_predictions(
    net: Network, inputs: list[_PredictInput], logits: Any, threshold: float, as_json: bool
) -> None:
    probabilities = net.probabilities_of(logits)
    rows = list(zip(inputs, logits, probabilities, strict=True))
    if as_json:
        print_json([_prediction(net, *row, threshold) for row in rows])
        return
    console = results()
    for entry, input_logits, input_probabilities in rows:
        order = np.argsort(-input_logits, kind="stable")[:CLASSES_SHOWN]
        listed = ", ".join(
            f"{net.classes[index]} {100 * input_probabilities[index]:.2f} %" for index in order
        )
        is_sure = input_probabilities[order[0]] >= threshold
        label = net.classes[order[0]] if is_sure else "don't know"
        name = entry.name if len(entry.name) <= NAME_SHOWN else f"{entry.name[:NAME_SHOWN]}..."
        console.print(printable(f"{name}: {label}   ({listed})"), soft_wrap=True)
        if entry.warning:
            print_message(messages(), f"{name}: a doubtful answer: {entry.warning}")


def _prediction(
    net: Network, entry: _PredictInput, logits: Any, probabilities: Any, threshold: float
) -> dict[str, Any]:
    is_sure = probabilities.max() >= threshold
    return {
        "input": entry.name,
        "predicted": net.classes[int(logits.argmax())] if is_sure else None,
        "classes": list(net.classes),
        "probabilities": probabilities.tolist(),
        "logits": logits.tolist(),
        "warning": entry.warning,
    }
