"""`piecewise app`."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path

import rich_click as click
from rich.console import Console

from ..core.constraints import Integer
from ..core.errors import DataError
from .options import DATA, OUTPUT, constrained_option, option
from .output import messages, print_message, print_skipped

_DEFAULT = "piecewise-project"


@click.command(name="app")
@click.argument("project", metavar="[FOLDER|ZIP|NET]", required=False)
@constrained_option(
    "--port",
    constraint=Integer(1_024, 65_535),
    metavar="N",
    panel=DATA,
    unset="the first free one from 8421 on",
    help="The port of the server, on this machine only ({range}).",
)
@option("--no-browser", is_flag=True, panel=OUTPUT, help="Print the link without opening it.")
def command(project: str | None, port: int | None, no_browser: bool) -> None:
    """Open the app in the browser: draw or collect samples, and look inside a net trained on them.

    FOLDER is the folder of a project, with files train/CLASS/FILE as `piecewise train` reads them.
    It is created if it does not exist. Default: piecewise-project in the current folder. A ZIP of
    class folders, or a NET (a model file), is opened in a new folder of the same name. Every
    change is saved at once. The server answers this machine only; Ctrl-C stops it.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise DataError("the app needs two more packages: pip install 'piecewise-convnet[app]'")
    from ..app.run import serve  # noqa: PLC0415 - the help needs no server

    console = messages()
    path = _project(Path(project or _DEFAULT), console)

    def opened(link: str) -> None:
        print_message(console, f"the app is open at {link}")
        print_message(console, f"the project is {path}; Ctrl-C ends the app")
        if not no_browser:
            webbrowser.open(link)

    serve(path, port, opened)


def _project(path: Path, console: Console) -> Path:
    """The folder of a project, a new one for an archive or a net."""
    from ..app.opening import project_of_archive, project_of_net  # noqa: PLC0415

    if not path.exists() or path.is_dir():
        return path
    if path.suffix.lower() == ".safetensors":
        return project_of_net(path)
    if path.suffix.lower() != ".zip":
        raise DataError(f"{path}: wanted a folder, a .zip of class folders or a .safetensors net")
    folder, report = project_of_archive(path)
    print_skipped(report.skipped, console)
    return folder
