"""Output files: what a command may overwrite, and how a report is written.

A net takes a training to make, so an existing one is replaced only after a question on a terminal,
or with --force. Reports, spreadsheets and predictions can be made again from the net, so those that
piecewise wrote are replaced without a question. A file of another kind is never replaced.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from ..core.atomic_write import write_atomically
from ..core.errors import DataError, ModelFileError, PiecewiseError, shown
from ..data.file_bytes import open_regular_file
from .options import OUTPUT, Decorator, option
from .output import messages, print_message, printable

force_option: Decorator = option(
    "--force", is_flag=True, panel=OUTPUT, help="Overwrite an existing net without asking."
)


def check_net_path(output: str, *, force: bool, run_dir: str | None = None) -> None:
    """Check, before any training, that a net can be saved to this path.

    An existing net needs ``force``, the answer yes on a terminal, or to be what the run in
    ``run_dir`` saved. Raises ModelFileError, or exits with 2 if the net may not be overwritten.
    """
    from ..storage.model_file import check_name  # noqa: PLC0415 - most commands save nothing

    path = Path(output)
    if not output:
        raise ModelFileError("--output: got an empty name, wanted the name of a file")
    check_name(path)
    if path.is_dir():
        raise ModelFileError(f"'{output}': a folder, wanted the name of a file")
    if output.endswith(("/", os.sep)):
        raise ModelFileError(f"'{output}': the name of a folder, wanted the name of a file")
    if path.is_symlink() and not path.exists() and not path.resolve().parent.is_dir():
        target = path.readlink()
        raise ModelFileError(f"{path}: a link to {target}, whose folder does not exist; remove it")
    if not path.parent.is_dir():
        raise ModelFileError(f"{path}: there is no folder {path.parent}")
    if path.exists():
        _check_existing_net(path, force, run_dir)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None


def _check_existing_net(path: Path, force: bool, run_dir: str | None) -> None:
    from ..storage import model_file  # noqa: PLC0415 - most commands save nothing

    try:
        model_file.read(path)
    except ModelFileError:
        raise ModelFileError(
            f"{path}: the file exists and is not a model file; use another name or remove it"
        ) from None
    if force or (run_dir is not None and _is_net_of_run(path, run_dir)):
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            f"{printable(str(path))}: this net exists already; choose another name with "
            "--output, or add --force to overwrite it"
        )
    if not click.confirm(f"{printable(str(path))} exists. Overwrite this net?", err=True):
        print_message(messages(), "nothing was written; choose another name with --output")
        raise Exit(1)


def _is_net_of_run(path: Path, run_dir: str) -> bool:
    """Whether the run in this directory ended, or was interrupted, with the net of this file."""
    from ..network import Network  # noqa: PLC0415
    from ..storage.run_directory import NET  # noqa: PLC0415

    try:
        nets = [Network.load(one) for one in (path, Path(run_dir) / NET)]
    except PiecewiseError:
        return False
    return nets[0].parameters_sha256 == nets[1].parameters_sha256


def check_replaceable(path: str, is_ours: Callable[[Path], bool]) -> None:
    """Refuse to overwrite a file that piecewise did not write; DataError."""
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        raise DataError(f"{path}: wanted the name of a file in an existing folder")
    if target.exists() and not is_ours(target):
        raise DataError(
            f"{path}: the file exists and piecewise did not write it; use another name or remove it"
        )


def check_output(
    output: str | None,
    ending: str,
    is_ours: Callable[[Path], bool],
    option_name: str = "--output",
) -> None:
    """Refuse a name with another ending (UsageError), and to overwrite a file that piecewise did
    not write (DataError)."""
    if output is None:
        return
    if not output.lower().endswith(ending):
        got = f"got {shown(output)}, wanted a name ending in {ending}"
        raise click.UsageError(f"{option_name}: {got}")
    check_replaceable(output, is_ours)


def write_page(path: str, html: str) -> None:
    """Write a report atomically and print its name; DataError if that fails."""
    try:
        write_atomically(Path(path), html.encode())
    except OSError as error:
        raise DataError(f"{path}: not written: {error.strerror}") from None
    print_message(messages(), f"wrote {path}")


def begins_with(path: Path, beginnings: tuple[bytes, ...]) -> bool:
    """Whether a file is empty or begins with one of these bytes."""
    try:
        with open_regular_file(path) as file:
            start = file.read(max(map(len, beginnings)))
    except (OSError, ValueError):
        return False
    return not start or start.startswith(beginnings)
