"""What `piecewise predict` says at the end: doubtful answers, skipped inputs and errors."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console

from ..core.errors import DataError
from .output import SKIPPED_SHOWN, counted, print_message, print_skipped


@dataclass
class MessageList:
    """The first messages of a kind, and the number of all: memory does not grow with them."""

    limit: int = SKIPPED_SHOWN
    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, messages: Iterable[str]) -> None:
        for message in messages:
            self.count += 1
            if len(self.first) < self.limit:
                self.first.append(message)

    def pop(self) -> str:
        self.count -= 1
        return self.first.pop()

    @property
    def more(self) -> int:
        """The number of messages that are not kept."""
        return self.count - len(self.first)


class RunMessages:
    """The messages of a run of the command. ``keep_all``: for --json, which lists all that was
    skipped."""

    def __init__(self, keep_all: bool) -> None:
        self.doubtful, self.notes = MessageList(), MessageList()
        self.errors = MessageList(sys.maxsize)
        """A message for each named file that cannot be read."""
        self.skipped = MessageList(sys.maxsize if keep_all else SKIPPED_SHOWN)
        """A message for each file or record of a folder or table that cannot be read."""

    def to_json(self) -> dict[str, Any]:
        return {name: asdict(messages) for name, messages in vars(self).items()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue with the messages that `to_json` returned."""
        for name in vars(self):
            if name in saved:
                setattr(self, name, MessageList(**saved[name]))

    def print(self, console: Console) -> None:
        """Print all; raise a DataError if a named file could not be read."""
        for sentence in self.doubtful.first:
            print_message(console, sentence)
        if more := self.doubtful.more:
            sentence = f"{counted(more, 'more doubtful answer')}; --json and -o list them all"
            print_message(console, sentence)
        for sentence in self.notes.first:
            print_message(console, sentence)
        if more := self.notes.more:
            sentence = (
                f"for {counted(more, 'more long sound')}, the answer is a mean of windows, too"
            )
            print_message(console, sentence)
        print_skipped(self.skipped.first, console, self.skipped.more)
        for sentence in self.errors.first[:-1]:
            print_message(console, sentence)
        if self.errors.first:
            raise DataError(self.errors.first[-1])
