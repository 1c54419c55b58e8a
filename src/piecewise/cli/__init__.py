"""The command line, with one file per command."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line and exit. Ctrl-C is handled from the first import on."""
    try:
        from .main import run as run_main  # noqa: PLC0415

        run_main()
    except KeyboardInterrupt:
        sys.exit(130)
