"""The command line, with one file per command."""

from __future__ import annotations

import signal
import sys


def run() -> None:
    """Run the command line and exit. Ctrl-C is handled from the first import to the end."""
    try:
        from .main import run as run_main  # noqa: PLC0415

        run_main()
    except KeyboardInterrupt:
        sys.exit(130)
    except MemoryError:
        sys.exit("piecewise: not enough memory to start")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # else Python prints it while it shuts down
