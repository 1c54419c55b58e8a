"""The lines about epochs that `piecewise train` prints."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from piecewise.cli.interrupts import DeferredInterrupt
from piecewise.cli.training_log import TrainingLog
from piecewise.core.progress import Epoch, Progress


def shown(epochs: int, run: int, best: int | None, *, terminal: bool) -> list[tuple[int, str]]:
    """The numbers of the printed epochs, and what follows the seconds, of a training that runs
    ``run`` of ``epochs`` epochs, the best of them ``best`` (None: without a validation split)."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, soft_wrap=True, highlight=False)
    with DeferredInterrupt() as interrupt:
        log = TrainingLog(console, epochs, interrupt)
        for number in range(1, run + 1):
            log(Progress("training", 2 * number - 1, 2 * epochs, 1.0))
            accuracy = None if best is None else 0.9 if number == best else 0.5
            epoch = Epoch(number, 1.0, accuracy, 1.0, 0.1)
            log(Progress("training", 2 * number, 2 * epochs, 1.0, epoch))
        log.close()
    lines = re.findall(r"epoch +(\d+) of \d+ .* s(, the best)?$", stream.getvalue(), re.MULTILINE)
    return [(int(number), note) for number, note in lines]


@pytest.mark.parametrize("epochs", [1, 2, 16, 17, 33, 150, 300])
def test_terminal_shows_few_epochs(epochs: int) -> None:
    numbers = [number for number, _ in shown(epochs, epochs, None, terminal=True)]
    assert numbers[0] == 1
    assert numbers[-1] == epochs
    assert len(numbers) <= 20
    assert numbers == sorted(set(numbers))
    if epochs <= 16:
        assert numbers == list(range(1, epochs + 1))


def test_terminal_shows_the_best_epoch_last() -> None:
    lines = shown(150, 150, 37, terminal=True)
    assert lines[-2:] == [(150, ""), (37, ", the best")]
    assert len(lines) == 17
    assert shown(150, 150, 150, terminal=True)[-1] == (150, "")
    assert (40, "") in shown(150, 150, 40, terminal=True)


def test_stopped_training_shows_its_last_epoch() -> None:
    lines = shown(150, 48, 37, terminal=True)
    assert lines == [(1, ""), (10, ""), (20, ""), (30, ""), (40, ""), (48, ""), (37, ", the best")]


def test_other_output_gets_every_epoch() -> None:
    assert shown(150, 150, 37, terminal=False) == [(number, "") for number in range(1, 151)]
