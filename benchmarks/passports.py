"""The passports of your nets: how far every toolkit's answers are from those of piecewise.

    python -m benchmarks.passports NET... [--samples DATA...] [--json FILE]

Each net is exported to all formats that can express it, and every installed toolkit runs its files.
docs/exchange.md shows the figures of benchmarks/passports.json.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piecewise import Network
from piecewise.core.errors import PiecewiseError

from . import machine


def main(arguments: Sequence[str]) -> int:
    """Export every net, print a line for each toolkit, and write all passports to a file on
    request. Returns the exit status: 1 if a toolkit disagrees or a net cannot be exported."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.passports", description=__doc__)
    parser.add_argument("nets", nargs="+", metavar="NET", help="model files")
    parser.add_argument("--samples", nargs="*", default=[], metavar="DATA",
                        help="the data of each net, in the same order; else noise")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write all passports to this file")
    options = parser.parse_args(arguments)
    command = f"python -m benchmarks.passports {shlex.join(arguments)}"
    found: dict[str, Any] = {"command": command, "machine": machine.describe_machine(), "nets": []}
    failed = False
    for number, name in enumerate(options.nets):
        samples = options.samples[number : number + 1]
        try:
            passport, agrees = _passport(name, samples)
        except PiecewiseError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        found["nets"].append(passport)
        failed |= not agrees
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return int(failed)


def _passport(name: str, samples: list[str]) -> tuple[dict[str, Any], bool]:
    """The passport of a net by the command line, and whether all toolkits agree."""
    net = Network.load(name)
    print(f"{Path(name).name}: {net.notation}")
    with tempfile.TemporaryDirectory() as folder:
        given = ["--samples", samples[0]] if samples else []
        command = [sys.executable, "-m", "piecewise", "export", name, "-o", f"{folder}/out",
                   "--json", *given]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise PiecewiseError(done.stderr.strip().splitlines()[-1])
    passport = {"name": Path(name).stem, "modality": net.preprocessor.modality,
                **json.loads(done.stdout)}  # fmt: skip
    for exporter, export in passport["exports"].items():
        for run in export["runs"]:
            largest = run.get("largest_difference", {}).get("probabilities")
            said = run.get("problem") or f"{largest:.1e}, agrees: {run['agrees']}"
            print(f"  {exporter:<15} {run['toolkit']} {run['version'] or ''}: {said}")
    return passport, done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
