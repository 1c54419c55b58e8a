"""The net and the input of the commands `explain`, `why` and `influence`: options and reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich_click as click

from ..core.errors import DataError, did_you_mean, shown
from ..insight.explanation import Explanation, explain
from ..network import Network
from .options import net_argument, text_option
from .output import messages, print_message, printable, results

NAME_SHOWN = 200
"""Characters of a text that is shown as the name of the input."""


@dataclass(frozen=True)
class InputOptions:
    """The net, the input (a file or a text), and whether to print JSON."""

    net_file: str
    file: str | None
    text: str | None
    as_json: bool

    @property
    def name(self) -> str:
        """The name of the input: its file, or the text itself."""
        return self.text if self.text is not None else self.file or ""

    @property
    def command_line(self) -> list[str]:
        """The net and the input as arguments; TEXT for a long text."""
        text = self.text if len(self.text or "") <= NAME_SHOWN else "TEXT"
        words = ["--text", text] if text is not None else [self.file or ""]
        return [self.net_file, *words]

    def check(self, command: str) -> None:
        """UsageError unless there is one input."""
        if (self.file is None) == (self.text is None):
            raise click.UsageError(f"{command} needs one INPUT, or --text")

    def explanation(self, net: Network, label: int | None = None) -> Explanation:
        """Read the input and explain the net's answer, or the class ``label``; DataError."""
        preprocessor = net.preprocessor
        if self.text is not None and preprocessor.modality != "texts":
            raise DataError(
                f"--text: got a text, wanted a file: this net reads {preprocessor.modality}"
            )
        original = self.text if self.text is not None else preprocessor.read(Path(self.name))
        example = preprocessor.transform(original)
        return explain(net, example, name=self.name, label=label, original=original)


def input_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add NET, INPUT and --text: the values of `InputOptions` but --json."""
    file_argument = click.argument("file", metavar="INPUT", required=False)
    command: Callable[..., Any] = net_argument(file_argument(text_option(function)))
    return command


def class_number(net: Network, option: str, name: str | None) -> int | None:
    """The number of a class by its name; DataError if there is no such class."""
    if name is None:
        return None
    if name not in net.classes:
        raise DataError(f"{option}: {shown(name)} is not a class{did_you_mean(name, net.classes)}")
    return net.classes.index(name)


def print_warning(explanation: Explanation) -> None:
    """Print a warning if the answer is doubtful."""
    if explanation.warning:
        print_message(messages(), f"a doubtful answer: {explanation.warning}")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as results, without control characters."""
    results().print("\n".join(map(printable, lines)), soft_wrap=True)
