"""What thousands of slow clients do to a normal client of the prediction server.

    python -m benchmarks.slow_clients NET [--clients N] [--seconds S]

Half of the slow clients send the head of a request, and half a body, one byte a second. The server
closes their connections after a while, and they come again. Phases without and with them take
turns; in each, one normal client asks one request after another.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from contextlib import suppress

import piecewise as pw

from .server_load import Load, cpu_seconds, memory_mb, serving


async def slow_client(port: int, start: bytes, ended: Counter[str]) -> None:
    """Send the start of a request at once, and then a byte a second, again and again."""
    while True:
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start)
            answer = asyncio.create_task(reader.read())
            while not answer.done():
                writer.write(b"x")
                await asyncio.wait([answer], timeout=1)
            ended["closed" if not answer.result() else answer.result()[9:12].decode()] += 1
            writer.close()


async def normal_client(load: Load, seconds: float) -> tuple[list[float], Counter[str]]:
    """Ask one request after another: the seconds of each, and how often which status came."""
    times, statuses = list[float](), Counter[str]()
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        writer.write(load.requests[0])
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        times.append(time.perf_counter() - began)
        statuses[head[9:12].decode()] += 1
        await asyncio.sleep(0.01)
    writer.close()
    return sorted(times), statuses


async def phase(load: Load, clients: int, seconds: float, pid: int) -> None:
    """Measure the normal client beside a number of slow ones, and print it."""
    head = load.requests[0].partition(b"\r\n\r\n")[0]
    ended = Counter[str]()
    starts = (head + b"\r\nx: ", head + b"\r\n\r\n")
    slow = [
        asyncio.create_task(slow_client(load.port, starts[number % 2], ended))
        for number in range(clients)
    ]
    await asyncio.sleep(3 if clients else 0)  # until all are connected
    cpu = cpu_seconds(pid)
    times, statuses = await normal_client(load, seconds)
    cpu = cpu_seconds(pid) - cpu
    for task in slow:
        task.cancel()
    at = {share: 1000 * times[len(times) * share // 100] for share in (50, 99)}
    print(
        f"{clients:,} slow clients: a normal one got {dict(statuses)}, median {at[50]:.1f} ms, p99 "
        f"{at[99]:.1f} ms; the server used {100 * cpu / seconds:.0f} % of a processor and "
        f"{memory_mb(pid):.0f} MB; slow connections that ended: {dict(ended)}",
        flush=True,
    )
    await asyncio.gather(*slow, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net")
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=45, help="of each phase")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--port", type=int, default=8766)
    options = parser.parse_args()
    load = Load(pw.load(options.net), 1, options.port, impatient=False)
    with serving(options.net, options.port) as pid:
        for clients in options.rounds * [0, options.clients]:
            asyncio.run(phase(load, clients, options.seconds, pid))


if __name__ == "__main__":
    main()
