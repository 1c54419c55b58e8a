"""Sends mutated files to a prediction server of its own, and counts its answers.

Each file must get status 200 or 422, and the server must stay alive and give the same bits as
before for a whole picture. The memory that its processes had at most is printed:

    python scripts/fuzz_server.py --count 10000 --seed 0

The kinds of files are those of `fuzz_table.py` that a net reads, and arrays (.npy) and JSON. The
exit status is 1 if anything failed. It needs Linux and the extra `serve`.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

import piecewise as pw
from fuzz_readers import case
from fuzz_table import READERS

TOKEN = "a-token-of-the-fuzzer"
SIZE = 12
WAIT = 600
"""Seconds after which an answer is missing. It only prevents endless waiting."""


class Kind(NamedTuple):
    """Files: the net that gets them, their content type, and whole files of the kind."""

    net: str
    content_type: str
    seeds: Callable[[], list[bytes]]


def npy_seeds() -> list[bytes]:
    """Arrays as the net reads them."""
    made = []
    for dtype in (np.uint8, np.float32, np.float64):
        file = io.BytesIO()
        np.save(file, np.ones((2, 1, SIZE, SIZE), dtype))
        made.append(file.getvalue())
    return made


def json_seeds() -> list[bytes]:
    """Requests in JSON."""
    inputs = np.ones((1, 1, SIZE, SIZE)).tolist()
    return [json.dumps({"inputs": inputs, "coverage": 1}).encode()]


KINDS = {
    "pictures": Kind("pictures", "", READERS["pictures"][1]),
    "sounds": Kind("sounds", "", READERS["sounds"][1]),
    "texts": Kind("texts", "", READERS["texts"][1]),
    "npy": Kind("pictures", "application/x-npy", npy_seeds),
    "json": Kind("pictures", "application/json", json_seeds),
}


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server with a net for each modality, and its port."""
    words = pw.TextPreprocessor("words", ("good", "bad", "film"), 6)
    sounds = pw.AudioPreprocessor((1, 40, 32))
    pictures = pw.make_xo(2, SIZE).preprocessor
    for name, preprocessor in (("pictures", pictures), ("sounds", sounds), ("texts", words)):
        layers = "embed 3, pool all, full" if name == "texts" else "conv 4 3, relu, pool 2, full"
        net = pw.Network(layers, preprocessor.shape, 2, 0, preprocessor)
        net.save(folder / f"{name}.safetensors")
    nets = [str(folder / f"{name}.safetensors") for name in ("pictures", "sounds", "texts")]
    command = [sys.executable, "-m", "piecewise", "serve", *nets, "--port", "0", "--no-log"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PIECEWISE_TOKEN": TOKEN}
    )
    assert process.stderr is not None
    try:
        yield process, int(process.stderr.readline().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def ask(connection: http.client.HTTPConnection, kind: Kind, content: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to a file."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": kind.content_type}
    connection.request("POST", f"/v1/nets/{kind.net}/predict", content, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def peak_mb(pid: int) -> dict[int, float]:
    """The most memory that a process and its children have had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = {pid: int(status.split("VmHWM:")[1].split()[0]) / 1024}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= peak_mb(int(child))
    return found


def run(count: int, seed: int) -> bool:
    """Send the files and print the counts; whether nothing failed."""
    counts, failures, peaks = Counter[str](), list[str](), dict[int, float]()
    seeds = {name: kind.seeds() for name, kind in KINDS.items()}
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        for name, kind in KINDS.items():  # whole files are read, or nothing is shown by the others
            for content in seeds[name]:
                status, body = ask(connection, kind, content)
                assert status == 200, (name, body)
        whole = ask(connection, KINDS["pictures"], seeds["pictures"][0])
        for number in range(count):
            name = list(KINDS)[number % len(KINDS)]
            content = case(name, seed, number, seeds[name])
            status, body = ask(connection, KINDS[name], content)
            counts[f"{name} {status}"] += 1
            if status not in (200, 422):
                failures.append(f"{name} {number}: {status} {body[:200]!r}")
            if number % 100 == 0:
                peaks |= peak_mb(process.pid)
        if ask(connection, KINDS["pictures"], seeds["pictures"][0]) != whole:
            failures.append("a whole picture has another answer afterwards")
    print(f"{count:,} files: {dict(sorted(counts.items()))}")
    print(f"the most memory that a process had: {max(peaks.values()):.0f} MB")
    print("\n".join(failures) or "no failure")
    return not failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return 0 if run(options.count, options.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
