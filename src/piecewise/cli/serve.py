"""`piecewise serve`."""

from __future__ import annotations

import os
import secrets
from importlib.util import find_spec
from pathlib import Path

import rich_click as click

from ..core.errors import DataError
from ..network import Network
from ..serving.settings import BODY_MB, PORT, RATE, WAITING, WORKERS, ServerSettings
from .options import OUTPUT, SERVER, constrained_option, option
from .output import messages, print_message

TOKEN_VARIABLE = "PIECEWISE_TOKEN"  # noqa: S105 - the name of a variable
RUNS_HERE = os.name == "posix"
"""Whether the system can limit the memory of processes, as the server does."""
_PACKAGES = ("starlette", "uvicorn", "httptools", "python_multipart", "prometheus_client")


@click.command(name="serve")
@click.argument("nets", metavar="NET...", nargs=-1, required=True)
@option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    panel=SERVER,
    help="Address to listen on. The default accepts only this machine; 0.0.0.0 accepts others.",
)
@constrained_option(
    "--port",
    constraint=PORT,
    default=8000,
    metavar="N",
    panel=SERVER,
    help="Port to listen on ({range}); 0 for any free one.",
)
@constrained_option(
    "--workers",
    constraint=WORKERS,
    default=1,
    metavar="N",
    panel=SERVER,
    help="Number of server processes ({range}).",
)
@option(
    "--token-file",
    metavar="FILE",
    panel=SERVER,
    unset=f"the variable {TOKEN_VARIABLE}, or a new token, which is printed",
    help="File with the token that requests must send.",
)
@click.option("--no-auth", is_flag=True, panel=SERVER, help="Answer requests without a token.")
@constrained_option(
    "--max-requests",
    constraint=WAITING,
    default=2_000,
    metavar="N",
    panel=SERVER,
    help="Requests that a process handles at a time ({range}). Further ones get status 503.",
)
@constrained_option(
    "--max-rate",
    constraint=RATE,
    default=0.0,
    metavar="X",
    panel=SERVER,
    help="Requests per second that a process handles ({range}); 0 for no limit.",
)
@constrained_option(
    "--max-body",
    "max_body_mb",
    constraint=BODY_MB,
    default=64,
    metavar="MB",
    panel=SERVER,
    help="Largest size of a request in MB ({range}).",
)
@click.option("--no-log", is_flag=True, panel=OUTPUT, help="Log only nets that cannot be reloaded.")
def command(
    nets: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    token_file: str | None,
    no_auth: bool,
    max_requests: int,
    max_rate: float,
    max_body_mb: int,
    no_log: bool,
) -> None:
    """Serve the predictions of each NET to other programs over HTTP.

    NET is a model file, or NAME=FILE. POST /v1/predict takes JSON, a .npy array, a file or several
    files as a form; docs/server.md has examples, and /openapi.json describes all routes. A model
    file that changes is loaded again. Logs are JSON lines without inputs. After SIGTERM or Ctrl-C,
    the server finishes the requests in progress and stops.
    """
    if not RUNS_HERE:
        raise DataError("the server runs on Linux and macOS only; on Windows, run it in WSL")
    if any(find_spec(one) is None for one in _PACKAGES):
        raise DataError("the server needs more packages: pip install 'piecewise-convnet[serve]'")
    from ..serving.run import serve  # noqa: PLC0415 - the help needs no server
    from ..serving.served_nets import named_files  # noqa: PLC0415

    if no_auth and token_file is not None:
        raise click.UsageError("--no-auth and --token-file exclude each other")
    console = messages()
    files = named_files(nets)
    for _, file in files:  # one that cannot be read is an error of the command, not of a process
        Network.load(file)
    token, is_new = (None, False) if no_auth else _token(token_file)
    settings = ServerSettings(files, token, host, port, workers, max_requests, max_rate,
                              max_body_mb, log=not no_log)  # fmt: skip
    if no_auth and not settings.is_local:
        print_message(console, f"anyone who reaches {host} may ask this server: --no-auth")

    def opened(address: str) -> None:
        print_message(console, f"serving {', '.join(name for name, _ in files)} at {address}")
        if is_new:
            print_message(console, f"the token is {token}")

    serve(settings, opened)


def _token(file: str | None) -> tuple[str, bool]:
    """The token, and whether it is new."""
    if file is not None:
        try:
            token = Path(file).read_text("ascii").strip()
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            token = ""
    else:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            return secrets.token_urlsafe(24), True
    if len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token:
        where = file or TOKEN_VARIABLE
        raise DataError(f"{where}: wanted a token of 16 or more ASCII characters, without spaces")
    return token, False
