"""The net that `piecewise train --from` starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import rich_click as click

from ..network import Network
from .options import NETWORK, Decorator, option

CLASSES_SHOWN = 20

start_option: Decorator = option(
    "--from",
    "start",
    metavar="NET",
    panel=NETWORK,
    unset="a new net",
    help="Start from this net, with its layers, its preprocessing and its parameters. New classes "
    "get new outputs; classes of the net without examples in DATA are dropped.",
)

_OF_NET = {
    "--layers": "layers",
    "--image-size": "size of images",
    "--text-length": "length of texts",
    "--resize": "way of resizing",
    "--framing": "framing",
}
"""The options that the net to start from decides, and what it decides."""


def check_start(start: str | None, output: str, run_dir: str | None, chosen: set[str]) -> None:
    """UsageError if one of the ``chosen`` options does not go with --from, or needs it."""
    if start is None:
        if "--freeze-until" in chosen:
            raise click.UsageError("--freeze-until needs --from NET, whose layers it freezes")
        return
    for name, decided in _OF_NET.items():
        if name in chosen:
            raise click.UsageError(f"{name} and --from: the net keeps its {decided}; leave one out")
    if run_dir is not None and Path(start).resolve() == Path(output).resolve():
        raise click.UsageError(
            "--run-dir: --output would replace the net of --from, which a resumed run needs; use "
            "another name for --output"
        )


def start_lines(start: Network | None, classes: tuple[str, ...]) -> Iterator[str]:
    """Which classes the net to start from knows, which are new, and which are left out."""
    if start is None:
        return
    known = [name for name in classes if name in start.classes]
    new = [name for name in classes if name not in known]
    left_out = [name for name in start.classes if name not in known]
    parts = (("known", known), ("new", new), ("left out", left_out))
    yield "from       " + "; ".join(f"{what}: {_listed(names)}" for what, names in parts if names)


def _listed(names: list[str]) -> str:
    more = len(names) - CLASSES_SHOWN
    return ", ".join(names[:CLASSES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
