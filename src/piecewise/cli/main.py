"""The command line: its commands, its exit status and its error messages.

A command's module is imported when the command is called, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from typing import Any, NamedTuple

import rich_click as click
from click.exceptions import Exit

from ..core.errors import PiecewiseError, did_you_mean
from ..core.launcher import SWITCH, may_have_ranks
from ..core.version import __version__

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
NO_THREAD = "can't start new thread"
"""What Python says if the system gives no more threads, mostly for want of memory."""
NO_MEMORY = "not enough memory; try a smaller network, image size or data set"

ON_RANKS = {"train", "tune", "influence", "label-issues"}
"""The commands whose work processes share that `mpiexec` has started."""

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


class CommandEntry(NamedTuple):
    """The module that defines a command, and its line in the help."""

    module: str
    summary: str


COMMANDS = {
    "demo": CommandEntry("demo", "Train a ConvNet to tell X from O, and test it on unseen images."),
    "tour": CommandEntry("tour", "Explain a ConvNet step by step, after the slides of the deck."),
    "lessons": CommandEntry(
        "lessons", "Check lessons; make the answer key, sheet and data of a school class."
    ),
    "app": CommandEntry("app", "Teach a net and look inside it, in the browser."),
    "inspect": CommandEntry(
        "inspect", "Report what is in a data set and what may be wrong with it."
    ),
    "train": CommandEntry("train", "Train a net on your own images, sounds or texts, and save it."),
    "tune": CommandEntry("tune", "Search layers and hyperparameters, and save the best net."),
    "predict": CommandEntry("predict", "Predict the classes of images, sounds or texts."),
    "evaluate": CommandEntry("evaluate", "Score a net on a data set."),
    "explain": CommandEntry(
        "explain", "Explain an answer: its votes, or a report of every number."
    ),
    "why": CommandEntry("why", "Print how one number, or one gradient, is computed."),
    "influence": CommandEntry("influence", "Find the training examples that caused an answer."),
    "robustness": CommandEntry(
        "robustness", "Measure accuracy on shifted, scaled and rotated inputs."
    ),
    "label-issues": CommandEntry(
        "label_issues", "Find labels of a data set that are likely wrong."
    ),
    "export": CommandEntry("export", "Export a net to other toolkits, and compare their outputs."),
    "import": CommandEntry("import_net", "Import a net from a file of another toolkit."),
    "serve": CommandEntry("serve", "Serve the predictions of nets to other programs over HTTP."),
    "show": CommandEntry("show", "Describe the net in a model file."),
    "doctor": CommandEntry("doctor", "Check that piecewise works on this machine."),
}


class Commands(click.RichGroup):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command with its line of the help; `resolve_command` imports the command itself."""
        entry = COMMANDS.get(cmd_name)
        return entry and click.RichCommand(name=cmd_name, short_help=entry.summary)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        entry = COMMANDS.get(args[0])
        if entry is None:
            ctx.fail(f"'{args[0]}' is not a command{did_you_mean(args[0], COMMANDS)}")
        return args[0], import_module(f".{entry.module}", __package__).command, args[1:]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors name its options as the command line does."""
        try:
            return super().invoke(ctx)
        except PiecewiseError as error:
            if ctx.invoked_subcommand:
                from .options import with_option_names  # noqa: PLC0415 - the help needs it not

                _, command, _ = self.resolve_command(ctx, [ctx.invoked_subcommand])
                if command:
                    error.args = (with_option_names(str(error), command),)
            raise


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
    """Run the command line and exit; an error of piecewise becomes a message of one sentence."""
    _open_streams()
    code = _status_of_process(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _discard_output(error)
    sys.exit(code)


def _status_of_process(arguments: list[str] | None) -> int:
    """The exit status; processes that `mpiexec` has started together share a command."""
    if may_have_ranks():
        if {*(sys.argv[1:] if arguments is None else arguments)[:1]} & ON_RANKS:
            from .ranks import status_of_ranks  # noqa: PLC0415 - a single process needs it not

            return status_of_ranks(lambda: status(arguments))
        os.environ[SWITCH] = "off"  # the other commands
    return status(arguments)


def status(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        code: Any = main.main(arguments, prog_name="piecewise", standalone_mode=False)
    except Exit as exit_:
        return int(exit_.exit_code)
    except click.ClickException as error:
        _print_error(_usage_sentence(error))
        return WRONG_USAGE
    except PiecewiseError as error:
        _print_error(str(error))
        return FAILED
    except OSError as error:  # an error of a file is a PiecewiseError
        if _is_about_memory(error):
            _print_error(NO_MEMORY)
            return FAILED
        return _discard_output(error)  # a standard stream
    except (KeyboardInterrupt, click.Abort):
        _print_error("interrupted")
        return INTERRUPTED
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and str(error) != NO_THREAD:
            raise
        _print_error(NO_MEMORY)
        return FAILED
    return code if isinstance(code, int) else 0


def _usage_sentence(error: click.ClickException) -> str:
    """The message about wrong usage, and the command that shows the right one."""
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    if message[1:2].islower():  # not NET, the name of an argument
        message = message[0].lower() + message[1:]
    if context is None or "did you mean" in message.lower():
        return message
    return f"{message}; see {context.command_path} --help"


def _is_about_memory(error: OSError) -> bool:
    """Whether there is no memory for a file, a thread or a library. Python gives no number when a
    library cannot be loaded."""
    return error.errno in (None, errno.ENOMEM)


def _open_streams() -> None:
    """Redirect closed streams to the null device, and replace characters that a stream cannot
    encode."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: PTH123, SIM115
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        setattr(sys, name, stream)


def _print_error(sentence: str) -> None:
    from .output import printable  # noqa: PLC0415 - it loads rich, which the help does not need

    print(f"piecewise: {printable(sentence)}", file=sys.stderr)  # noqa: T201


def _discard_output(error: OSError) -> int:
    """Handle a broken pipe or a full disk: discard the remaining output.

    A broken pipe causes no message.
    """
    if not isinstance(error, BrokenPipeError):
        _print_error(f"the output could not be written: {error.strerror or error}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
