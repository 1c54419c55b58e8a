"""Output streams: results on standard output, messages and progress bars on standard error."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from rich.console import Console, RenderableType

from ..core.progress import Progress

SCHEMA = 1
"""The version of what --json prints."""
WIDTH = 80
SKIPPED_SHOWN = 8


def messages() -> Console:
    """The console for messages: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def print_message(console: Console, sentence: str) -> None:
    """Print a message without control characters. Errors of the stream are ignored."""
    with suppress(OSError):
        console.print(printable(sentence))


def print_skipped(skipped: Sequence[str], console: Console) -> None:
    """Print the messages about skipped files; only the first ones of many."""
    for sentence in skipped[:SKIPPED_SHOWN]:
        print_message(console, f"skipped: {sentence}")
    if len(skipped) > SKIPPED_SHOWN:
        print_message(
            console, f"skipped {len(skipped) - SKIPPED_SHOWN:,} more; --json lists them all"
        )


def results(plain: bool = False) -> Console:
    """The console for results: standard output, at most 80 columns wide."""
    if plain:
        return Console(color_system=None, highlight=False, markup=False, width=WIDTH, emoji=False)
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def show(console: Console, block: RenderableType) -> None:
    """Print a block without trailing spaces."""
    with console.capture() as captured:
        console.print(block)
    lines = captured.get().split("\n")
    console.file.write("\n".join(line.rstrip(" ") for line in lines))


def printable(text: str) -> str:
    """A text that is safe for a terminal: unprintable characters become question marks."""
    return "".join(character if character.isprintable() else "?" for character in text)


def counted(count: int, noun: str, nouns: str = "") -> str:
    """A number and its noun, in the singular for 1: "1 epoch", "1,000 epochs"."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def activation_hint() -> str | None:
    """How to make the command `piecewise` available, if it is not: this Python runs in a virtual
    environment that is not active."""
    script = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("piecewise") or sys.prefix == sys.base_prefix or not script.is_file():
        return None
    shown_path = os.path.relpath(script) if script.is_relative_to(Path.cwd()) else str(script)
    return f"to use the command piecewise in this shell: source {shlex.quote(shown_path)}"


def print_json(values: Mapping[str, Any]) -> None:
    """Print values as JSON on standard output, in ASCII, which every stream can encode. The version
    of the keys comes first (`json_keys.py` describes them)."""
    text = json.dumps({"schema": SCHEMA, **values}, indent=2, allow_nan=False)
    sys.stdout.write(text + "\n")


class Meter:
    """A progress bar in one line of a terminal; it prints nothing if there is no terminal.

    It is an ``on_progress`` callback. ``then`` is called after each report and may raise. As a
    context manager, it clears its line at the end.
    """

    def __init__(self, console: Console, then: Callable[[], None] | None = None) -> None:
        self.console, self.then = console, then
        self.stage, self.started, self.shown = "", 0.0, 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self.stage:
            self.clear()
            self.stage, self.started, self.shown = progress.stage, now, 0.0
        is_due = now - self.shown >= 0.1 or progress.done >= progress.total
        if self.console.is_terminal and is_due:
            self.shown = now
            self._write("\r" + self._line(progress, now - self.started))
        if self.then:
            self.then()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self.console.is_terminal and self.shown:
            self._write("\r" + " " * (self.console.width - 1) + "\r")

    def _line(self, progress: Progress, seconds: float) -> str:
        """The stage, a bar, the percentage, the time left, and the loss or the count."""
        done, total, loss = progress.done, progress.total, progress.loss
        fraction, width = done / max(1, total), self.console.width - 1
        is_known = seconds > 0.5 and fraction > 0.02  # before that, time left would be a guess
        remaining = f", {_span(seconds * (1 - fraction) / fraction)} left" if is_known else ""
        count = "" if progress.note else f", {done:,} of {total:,}"
        note = count if loss is None else f", loss {loss:.4f}"
        note += f", {progress.note}" if progress.note else ""
        numbers = f"{int(100 * fraction)} %{remaining}{note}"
        space = max(0, min(24, width - len(progress.stage) - len(numbers) - 4))
        filled = round(space * fraction)
        bar = f"[{'#' * filled}{'-' * (space - filled)}] " if space > 3 else ""
        return f"{progress.stage} {bar}{numbers}"[:width].ljust(width)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self.console.file.write(text)
            self.console.file.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
