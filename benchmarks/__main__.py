"""The command: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import machine, report
from .compiling import compiling
from .nets import NETS
from .rounds import REST, measured, team

CLAIM = (
    "Other toolkits with the same networks and weights: beforehand they agree in logits, and those "
    "that learn in slopes and losses; then they are timed in turn. Ratios are how many times as "
    "fast piecewise is: above 1 it is the faster one. Figures are medians, with the lowest and the "
    "highest of the rounds in brackets."
)
QUICK = ("xo", "1x1")


def main(arguments: Sequence[str]) -> None:
    """Measure, or read what was measured; print it, and write it where wanted."""
    chosen = _parsed(arguments)
    if chosen.read:
        found = json.loads(chosen.read.read_text(encoding="utf-8"))
    else:
        found = everything(chosen, "python -m benchmarks " + shlex.join(arguments))
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if chosen.write:
        report.write(found, chosen.write)
    print(report.page(found))


def everything(chosen: argparse.Namespace, command: str) -> dict[str, Any]:
    """All that is measured, under a header that says how."""
    others = machine.Others()
    header = {
        "claim": CLAIM,
        "n": f"{chosen.rounds} rounds of about {chosen.seconds:g} s for each figure",
        "machine": machine.described(),
        "versions": machine.versions(),
        "command": command.strip(),
    }
    agreement, figures = [], []
    with tempfile.TemporaryDirectory() as folder:
        for threads in chosen.threads:
            with team(threads, chosen.rest) as group:
                for name in chosen.only:
                    for batch in NETS[name].batches:
                        found = measured(
                            group, name, batch, chosen.rounds, chosen.seconds, Path(folder)
                        )
                        agreement.append(found["agreement"])
                        figures += found["figures"]
                        for figure in found["figures"]:
                            print(report.line(figure), file=sys.stderr, flush=True)
    times = [compiling(name, chosen.rounds) for name in chosen.only]
    header["taken by other programs"] = f"{others.share()} of the processors' time meanwhile"
    return {"header": header, "agreement": agreement, "figures": figures, "compiling": times}


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", type=_nets, help=f"networks, of {','.join(NETS)}")
    add("--threads", type=_counts, default=[1, 2], help="numbers of threads, such as 1,2")
    add("--rounds", type=int, help="how many times each figure is measured")
    add("--seconds", type=float, help="how long it is measured each time")
    add("--quick", action="store_true", help="a few seconds, to see whether it works")
    add("--json", type=Path, help="file to write what was measured to")
    add("--read", type=Path, help="such a file, instead of measuring")
    add("--write", type=Path, help="page to write the tables into")
    chosen = parser.parse_args(arguments)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 7)
    chosen.seconds = chosen.seconds or (0.02 if chosen.quick else 0.5)
    chosen.rest = 0.02 if chosen.quick else REST
    chosen.only = chosen.only or list(QUICK if chosen.quick else NETS)
    return chosen


def _nets(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in NETS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(NETS)}")
    return names


def _counts(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main(sys.argv[1:])
