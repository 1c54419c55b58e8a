"""Requests per second of the prediction server: connections that ask again and again.

    python -m benchmarks.server_load NET [--connections N] [--seconds S] [--workers N] [--inputs N]
                                         [--overload N [--impatient]] [--max-requests N]

The server and its load generator share this machine. Every fiftieth answer is compared with
`Network.logits`, bit for bit. A client that gets status 503 tries again after the seconds that the
server says, or at once with --impatient. With --overload, phases with as many connections and with
N times as many take turns. Their processor time shows what refusals cost the server, also when the
load generator takes the processor away from it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import piecewise as pw

TOKEN = "a-token-for-the-benchmark"
VARIANTS = 16
"""Different requests."""


class Client(asyncio.Protocol):
    """A connection that asks as soon as it has the answer."""

    def __init__(self, load: Load, number: int) -> None:
        self.load, self.number, self.received = load, number, b""
        self.transport: asyncio.Transport
        self.length = -1
        self.answers, self.is_waiting = 0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if self.load.over:
            return
        if self.transport.is_closing():  # the server may close what has to wait
            loop = asyncio.get_running_loop()
            self.task = loop.create_task(
                loop.create_connection(lambda: self, "127.0.0.1", self.load.port)
            )
            return
        self.is_waiting = False
        self.number = (self.number + 1) % VARIANTS
        self.began = time.perf_counter()
        self.transport.write(self.load.requests[self.number])

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        if self.length < 0:
            start = head.lower().index(b"content-length:") + 15
            self.length = int(head[start:].split(b"\r\n")[0])
        if len(body) >= self.length:
            wait = self.load.answered(self.number, head, body, time.perf_counter() - self.began)
            if b"\r\nconnection: close" in head:
                self.transport.close()
            self.received, self.length = b"", -1
            self.answers += 1
            if wait:
                self.is_waiting = True
                asyncio.get_running_loop().call_later(wait, self.ask)
            else:
                self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.load.over and not self.is_waiting:
            self.load.statuses["connection lost"] += 1


class Load:
    """The requests, and what came of them."""

    def __init__(self, net: pw.Network, count: int, port: int, *, impatient: bool) -> None:
        self.port, self.impatient = port, impatient
        rng = np.random.default_rng(0)
        inputs = rng.integers(0, 256, (VARIANTS, count, *net.input)).astype(np.uint8)
        self.requests, self.wanted = list[bytes](), list[bytes]()
        for one in inputs:
            file = io.BytesIO()
            np.save(file, one)
            head = (f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/x-npy\r\n"
                    f"Content-Length: {file.tell()}\r\n\r\n")  # fmt: skip
            self.requests.append(head.encode() + file.getvalue())
            self.wanted.append(net.logits(one).tobytes())
        self.over, self.statuses, self.seconds = False, Counter[str](), list[float]()
        self.checked = 0

    def answered(self, number: int, head: bytes, body: bytes, seconds: float) -> float:
        """The seconds to wait before the next request."""
        status = head[9:12].decode()
        self.statuses[status] += 1
        if status == "503":
            if self.impatient:
                return 1e-6  # not within the call that has the answer
            start = head.lower().index(b"retry-after:") + 12
            return float(head[start:].split(b"\r\n")[0])
        self.seconds.append(seconds)
        if status == "200" and len(self.seconds) % 50 == 0:
            rows = [row["logits"] for row in json.loads(body)["predictions"]]
            same = np.array(rows, np.float32).tobytes() == self.wanted[number]
            self.statuses["other bits"] += not same
            self.checked += 1
        return 0.0


class Span(NamedTuple):
    """A span of wall time, and the processor time of the server in it."""

    wall: float
    processor: float


async def run(
    load: Load, connections: int, seconds: float, processor_time: Callable[[], float]
) -> Span:
    """Ask for some seconds, after every client has had an answer."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(connections):
        made = await loop.create_connection(partial(Client, load, number), "127.0.0.1", load.port)
        clients.append(made)
    while any(client.answers == 0 for _, client in clients):
        await asyncio.sleep(0.1)
    load.seconds.clear()
    load.statuses.clear()
    began = Span(time.perf_counter(), processor_time())
    await asyncio.sleep(seconds)
    took = Span(time.perf_counter() - began.wall, processor_time() - began.processor)
    load.over = True
    for transport, _ in clients:
        transport.close()
    await asyncio.sleep(0)
    return took


def memory_mb(pid: int) -> float:
    """The resident memory of a process and its children."""
    own = Path(f"/proc/{pid}/status").read_text()
    total = int(own.split("VmRSS:")[1].split()[0]) / 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return total + sum(memory_mb(int(child)) for child in children)


def cpu_seconds(pid: int) -> float:
    """The processor time of a process and its children."""
    values = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


class Phase(NamedTuple):
    """What a phase has measured."""

    predictions: float
    """Predictions a second."""
    answered: int
    refused: int
    processor: float
    """Seconds of the server's processor time."""

    @property
    def each(self) -> float:
        """Microseconds of processor time for each answered request."""
        return 1e6 * self.processor / max(1, self.answered)


def phase(options: argparse.Namespace, net: pw.Network, pid: int, connections: int) -> Phase:
    """Ask over this many connections, and print what came of it."""
    load = Load(net, options.inputs, options.port, impatient=options.impatient)
    before, cpu = memory_mb(pid), partial(cpu_seconds, pid)
    took = asyncio.run(run(load, connections, options.seconds, cpu))
    after, found = memory_mb(pid), sorted(load.seconds)
    answered, refused = load.statuses["200"], load.statuses["503"]
    made = Phase(answered * options.inputs / took.wall, answered, refused, took.processor)
    at = {share: 1000 * found[len(found) * share // 100] if found else 0 for share in (50, 99)}
    print(
        f"{connections:,} connections: {made.predictions:,.0f} predictions/s, median {at[50]:.0f} "
        f"ms, p99 {at[99]:.0f} ms; {made.each:.0f} us of processor time for each answer; "
        f"{before:.0f} to {after:.0f} MB; {load.checked} answers checked; {dict(load.statuses)}",
        flush=True,
    )
    return made


def phases(options: argparse.Namespace, pid: int) -> None:
    """Measure all phases."""
    net, counts = pw.load(options.net), [options.connections]
    if options.overload:
        counts = options.rounds * [options.connections, options.overload * options.connections]
    found = [phase(options, net, pid, count) for count in counts]
    for number, (normal, overload) in enumerate(zip(found[::2], found[1::2], strict=False)):
        refusals = 1e6 * overload.processor - normal.each * overload.answered
        each = f"{refusals / overload.refused:.0f} us" if overload.refused else "unknown"
        print(
            f"round {number + 1}, {options.overload} times as many connections: "
            f"{100 * overload.predictions / normal.predictions:.0f} % of the predictions a second; "
            f"{100 * normal.each / overload.each:.0f} % of the predictions for the same processor "
            f"time; an answer takes {normal.each:.0f} us, a refusal {each}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10, help="of each phase")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=1, help="inputs of a request")
    parser.add_argument("--overload", type=int, default=0, metavar="N")
    parser.add_argument("--rounds", type=int, default=2, help="of --overload")
    parser.add_argument("--impatient", action="store_true")
    parser.add_argument("--max-requests", type=int, default=2_000)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # as the server does
    with serving(options.net, options.port, "--workers", str(options.workers),
                 "--max-requests", str(options.max_requests)) as pid:  # fmt: skip
        phases(options, pid)


@contextmanager
def serving(net: str, port: int, *arguments: str) -> Iterator[int]:
    """A server, as the id of its process. Both it and this process may open many files."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [sys.executable, "-m", "piecewise", "serve", net, "--no-log", "--port", str(port),
               *arguments]  # fmt: skip
    environment = {**os.environ, "PIECEWISE_TOKEN": TOKEN}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    assert server.stderr is not None
    try:
        server.stderr.readline()  # it serves
        time.sleep(4)  # its processes load the net
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    main()
