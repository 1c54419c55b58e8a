"""The command line: which commands there are, and what happens to their errors.

A command's module is imported when the command is called, so that `--help` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any, NamedTuple

import rich_click as click
from click.exceptions import Exit

from ..core.errors import PiecewiseError, did_you_mean
from ..core.version import __version__

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


HELP = {
    "options_table_column_types": ["required", "opt_all_metavar", "help"],
    "options_table_help_sections": ["help", "required"],
    "append_metavars_help_string": "{}",
    "delimiter_comma": ", ",
    "options_panel_title": "Help",
    "commands_before_options": True,
}
"""The layout of every `--help`: options and their values in one column, so that the text has more
than half of 80 columns."""


class Home(NamedTuple):
    """Where a command lives, and its line in the help."""

    module: str
    summary: str


COMMANDS = {
    "demo": Home("demo", "Train a ConvNet to tell X from O, and test it on unseen images."),
    "tour": Home("tour", "Walk through the deck: from pixels to votes to learning."),
    "inspect": Home("inspect", "Report what is in a data set and what may be wrong with it."),
    "train": Home("train", "Train a net on your own images, sounds or texts, and save it."),
    "predict": Home("predict", "Predict the classes of images, sounds or texts."),
    "evaluate": Home("evaluate", "Score a net on a data set."),
    "explain": Home("explain", "Explain an answer: its votes, or a report of every number."),
    "why": Home("why", "Print how one number, or one gradient, is computed."),
    "influence": Home("influence", "Find the training examples that caused an answer."),
    "robustness": Home("robustness", "Measure accuracy on shifted, scaled and rotated inputs."),
    "label-issues": Home("label_issues", "Find labels of a data set that are likely wrong."),
    "show": Home("show", "Describe the net in a model file."),
    "doctor": Home("doctor", "Check that piecewise works on this machine."),
}


class Commands(click.RichGroup):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command with its line of the help; `resolve_command` imports the command itself."""
        home = COMMANDS.get(cmd_name)
        return home and click.RichCommand(name=cmd_name, short_help=home.summary)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        home = COMMANDS.get(args[0])
        if home is None:
            ctx.fail(f"'{args[0]}' is not a command{did_you_mean(args[0], COMMANDS)}")
        return args[0], import_module(f".{home.module}", __package__).command, args[1:]


@click.command(cls=Commands)
@click.rich_config(help_config=HELP)
@click.version_option(__version__, prog_name="piecewise", message="%(prog)s %(version)s")
def main() -> None:
    """Train a ConvNet on your own images, sounds and texts on an ordinary computer, see every
    number behind every decision, and keep the trained net in one file.

    Results go to standard output, messages and progress to standard error. Exit status: 0 success,
    1 failure, 2 wrong usage, 130 interrupted.
    """


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; errors of our own become one sentence."""
    _open_streams()
    code = status(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _hang_up(error)
    sys.exit(code)


def status(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit status."""
    try:
        code: Any = main.main(arguments, prog_name="piecewise", standalone_mode=False)
    except Exit as exit_:
        return int(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except PiecewiseError as error:
        _say(str(error))
        return FAILED
    except OSError as error:  # files have errors of our own: this is a stream of the terminal
        return _hang_up(error)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return INTERRUPTED
    except MemoryError:
        _say("there is not enough memory for this; take a smaller network, size or data set")
        return FAILED
    return code if isinstance(code, int) else 0


def _open_streams() -> None:
    """Give a closed stream somewhere to lead, and every stream marks for what it cannot write."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: PTH123, SIM115
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        setattr(sys, name, stream)


def _say(sentence: str) -> None:
    from .output import printable  # noqa: PLC0415 - it loads rich, which the help does not need

    print(f"piecewise: {printable(sentence)}", file=sys.stderr)  # noqa: T201


def _hang_up(error: OSError) -> int:
    """The reader went away, or there is no room: what is still to be written goes nowhere."""
    if not isinstance(error, BrokenPipeError):
        _say(f"the output could not be written: {error.strerror or error}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
