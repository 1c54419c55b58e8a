"""Output streams: results on standard output, messages and progress bars on standard error."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from ..core.progress import Progress
from ..display.progress_bar import ProgressBar

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


def print_skipped(skipped: Sequence[str], console: Console, more: int = 0) -> None:
    """Print the messages about skipped files; only the first ones of many. ``more``: the number of
    messages that are not given."""
    for sentence in skipped[:SKIPPED_SHOWN]:
        print_message(console, f"skipped: {sentence}")
    if (more := more + len(skipped[SKIPPED_SHOWN:])) > 0:
        print_message(console, f"skipped {more:,} more; --json lists them all")


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


class Meter(ProgressBar):
    """The progress bar of the command line: it prints nothing if there is no terminal."""

    def __init__(self, console: Console, then: Callable[[], None] | None = None) -> None:
        super().__init__(console, then)

    def _print_plain(self, progress: Progress) -> None:
        """Commands print lines of their own."""
