"""The time that `piecewise predict` takes for many small pictures beside decoding and the engine.

    python -m benchmarks.predict_files [--count N] [--rounds N] [--net xo|digits] [--folder PATH]

The pictures are generated, in a folder and in a zip, and removed at the end. Three programs take
turns: `decode` reads and prepares the pictures one after another, `engine` predicts them when they
are prepared, and `predict` is the command, which writes a CSV file. Its processor time counts that
of its decoder processes. The start of the command (its time for one picture) is subtracted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import piecewise as pw
from piecewise.cli.predict import BATCH
from piecewise.data.decoding.prepared_input import prepare_input
from piecewise.data.sources.unlabelled import list_unlabelled

from .networks import NETS

DIFFERENT = 1_000
"""Different pictures; the files repeat them."""
OWN_SECONDS = "seconds:"


class Cost(NamedTuple):
    """The processor time and the wall time of a program, in seconds."""

    processor: float
    wall: float


def make_files(folder: Path, name: str, count: int) -> tuple[Path, dict[str, Path]]:
    """A net, and its pictures in a folder and in a zip."""
    net = NETS[name]
    xo = pw.make_xo(DIFFERENT, size=net.input[1], seed=0)
    classes = [f"class {number}" for number in range(net.classes)]
    made = pw.Network(net.layers, net.input, classes, preprocessor=xo.preprocessor)
    made.save(net_file := folder / "net.safetensors")
    pictures, archive = folder / "pictures", folder / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(count):
            path = pictures / f"{number // 1_000:04}" / f"{number:07}.png"
            if number < DIFFERENT:
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(xo.inputs[number, 0]).save(path)
                contents = path.read_bytes()
            else:
                path.parent.mkdir(exist_ok=True)
                first = number % DIFFERENT
                contents = (pictures / "0000" / f"{first:07}.png").read_bytes()
                path.write_bytes(contents)
            packed.writestr(str(path.relative_to(pictures)), contents)
    return net_file, {"folder": pictures, "zip": archive}


def measure_part(part: str, net_file: str, source: str) -> None:
    """Print the time of a part: decoding, or the engine. What comes before it is not counted."""
    net = pw.load(net_file)
    raw = list_unlabelled(Path(source), "pictures")
    assert raw is not None
    examples, prepared = raw.examples, []
    if part == "engine":
        prepared = [prepare_input(net.preprocessor, examples[at]).examples for at in range(BATCH)]
        net.logits(batch := np.concatenate(prepared))
    began = Cost(time.process_time(), time.perf_counter())
    if part == "engine":
        for start in range(0, len(raw), BATCH):
            net.logits(batch[: len(raw) - start])
    else:
        for index in range(len(raw)):
            prepare_input(net.preprocessor, examples[index])
    print(OWN_SECONDS, time.process_time() - began.processor, time.perf_counter() - began.wall)


def cost_of_part(part: str, net: Path, source: Path) -> Cost:
    """The time that another process measures."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.predict_files",
        "--part",
        part,
        str(net),
        str(source),
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Cost(*map(float, said.split(OWN_SECONDS)[1].split()))


def cost_of_command(net: Path, source: Path, output: Path) -> Cost:
    """The time of `piecewise predict`, with that of the processes that it starts."""
    output.unlink(missing_ok=True)
    began = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "piecewise",
        "predict",
        str(net),
        str(source),
        "-o",
        str(output),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - began)


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Measure and print the rounds of both kinds of source."""
    net, sources = make_files(folder, options.net, options.count)
    one = next(sources["folder"].rglob("*.png"))
    output, shares = folder / "predictions.csv", dict[str, list[Cost]]()
    for number in range(options.rounds):
        for kind, source in sources.items():
            start = cost_of_command(net, one, output)
            decode, engine = (cost_of_part(part, net, source) for part in ("decode", "engine"))
            whole = cost_of_command(net, source, output)
            predict = Cost(*(all_ - some for all_, some in zip(whole, start, strict=True)))
            parts = Cost(*map(sum, zip(decode, engine, strict=True)))
            share = Cost(*(some / all_ for some, all_ in zip(parts, predict, strict=True)))
            shares.setdefault(kind, []).append(share)
            each = 1e6 / options.count
            print(
                f"round {number + 1}, {kind}: us of processor time for each of {options.count:,} "
                f"pictures: decoding {each * decode.processor:.0f}, engine "
                f"{each * engine.processor:.1f}, predict {each * predict.processor:.0f}; wall time "
                f"{each * parts.wall:.0f} and {each * predict.wall:.0f}",
                flush=True,
            )
    for kind, found in shares.items():
        middle = Cost(*map(statistics.median, zip(*found, strict=True)))
        print(
            f"{kind}: decoding and engine are {100 * middle.processor:.0f} % of the processor time "
            f"of predict, and {100 * middle.wall:.0f} % of its wall time (medians)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--net", choices=("xo", "digits"), default="digits")
    parser.add_argument("--folder", help="where the files are made; the system's temporary folder")
    parser.add_argument("--part", nargs=3, metavar=("PART", "NET", "SOURCE"))
    options = parser.parse_args()
    if options.part:
        measure_part(*options.part)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
