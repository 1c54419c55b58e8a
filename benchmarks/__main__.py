"""The command line of the benchmarks: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import clock, machine, report
from .compile_time import measure_compile_time
from .networks import NETS
from .rounds import REST, measure_network, start_workers

SUMMARY = (
    "Other toolkits run the same networks with the same weights. Before they are timed in turn, "
    "their logits are compared, and for training also their gradients and losses. Ratios say how "
    "many times as fast piecewise is: above 1, piecewise is faster. Values are medians, with the "
    "lowest and the highest of the rounds in brackets."
)
QUICK = ("xo", "1x1")


def main(arguments: Sequence[str]) -> None:
    """Measure, or read saved results; print them, and write them to files on request."""
    options = _parsed(arguments)
    if options.read:
        results = json.loads(options.read.read_text(encoding="utf-8"))
    else:
        results = everything(options, "python -m benchmarks " + shlex.join(arguments))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.write:
        report.write(results, options.write)
    print(report.page(results))


def everything(options: argparse.Namespace, command: str) -> dict[str, Any]:
    """Measure everything. The header records the conditions."""
    others = machine.OtherPrograms()
    header = {
        "summary": SUMMARY,
        "measurement": f"{options.rounds} rounds of about {options.seconds:g} s for each value"
        + ", in CPU time" * options.cpu_time,
        "machine": machine.describe_machine(),
        "versions": machine.versions(),
        "command": command.strip(),
    }
    agreement, figures = [], []
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            with start_workers(threads, options.rest) as group:
                for name in options.only:
                    for batch in NETS[name].batches:
                        results = measure_network(
                            group, name, batch, options.rounds, options.seconds, Path(folder)
                        )
                        agreement.append(results["agreement"])
                        figures += results["measurements"]
                        for measurement in results["measurements"]:
                            print(report.line(measurement), file=sys.stderr, flush=True)
    times = [measure_compile_time(name, options.rounds) for name in options.only]
    header["load of other programs"] = f"{others.load()} of the processors' time"
    return {
        "header": header,
        "agreement": agreement,
        "measurements": figures,
        "compile time": times,
    }


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", type=_nets, help=f"networks, of {','.join(NETS)}")
    add("--threads", type=_counts, help="numbers of threads; 1,2 if left out")
    add("--rounds", type=int, help="how many times each value is measured")
    add("--seconds", type=float, help="how long each measurement takes")
    add(
        "--cpu-time", action="store_true", help="measure CPU time, on one thread: for busy machines"
    )
    add("--quick", action="store_true", help="a few seconds, to check that everything runs")
    add("--json", type=Path, help="JSON file to write the results to")
    add("--read", type=Path, help="JSON file to read results from, instead of measuring")
    add("--write", type=Path, help="Markdown page to write the tables into")
    options = parser.parse_args(arguments)
    if options.cpu_time:
        if options.threads not in (None, [1]):
            parser.error("--cpu-time measures one thread; leave --threads out")
        options.threads = [1]
        os.environ[clock.VARIABLE] = "cpu"
    options.threads = options.threads or [1, 2]
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.seconds = options.seconds or (0.02 if options.quick else 0.5)
    options.rest = 0.02 if options.quick else REST
    options.only = options.only or list(QUICK if options.quick else NETS)
    return options


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
