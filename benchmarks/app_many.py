"""How the app does with thousands of samples: frames while Gather scrolls, and answers while a net
is taught. In Chromium, without a screen.

python -m benchmarks.app_many
python -m benchmarks.app_many --samples 1000 --changes 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing, to_png

from .app import CROSS, LAYERS, RING, RunningApp, milliseconds, running, settle
from .machine import describe_machine

WHEEL = 120
"""Pixels of a turn of the wheel; one turn a frame."""
FRAMES = """(count) => new Promise((resolve) => {
  const times = [];
  const next = (time) => {
    times.push(time);
    if (times.length <= count) requestAnimationFrame(next);
    else resolve(times.slice(1).map((one, index) => one - times[index]));
  };
  requestAnimationFrame(next);
})"""
"""The milliseconds between so many frames."""
SCROLL = """([count, step]) => new Promise((resolve) => {
  const box = document.querySelector(".sample-box.open");
  const times = [];
  const next = (time) => {
    times.push(time);
    box.scrollTop += step;
    if (times.length <= count) requestAnimationFrame(next);
    else resolve(times.slice(1).map((one, index) => one - times[index]));
  };
  requestAnimationFrame(next);
})"""
"""Scrolls the first open grid at each frame; the milliseconds between the frames."""
THREADS = {"CrRendererMain": "page", "ThreadPoolForegroundWorker": "raster",
           "Compositor": "compositor", "VizCompositorThread": "display"}  # fmt: skip
"""The threads of Chromium that show a page, and what they do. Without a graphics card, raster draws
the pixels on the processor."""
TASKS = "ThreadControllerImpl::RunTask", "ThreadPool_RunTask"
"""The names of what a thread runs, which contain all else."""
CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline",
              "__metadata"]  # fmt: skip
PAUSE = 0.01
"""Seconds between two requests of a page that asks all the time."""
DRAWING = {"strokes": [[[20, 20], [90, 90]], [[90, 20], [20, 90]]], "width": 6}
"""A cross as the page sends it."""


def filled(folder: Path, samples: int) -> Path:
    """A project of crosses and rings, half of each."""
    random = Random(7)
    for name, strokes in (("X", CROSS), ("O", RING)):
        place = folder / "train" / name
        place.mkdir(parents=True)
        for number in range(samples // 2):
            left, top, side = (random.uniform(*ends) for ends in ((6, 22), (6, 22), (66, 84)))
            placed = [[[left + x * side, top + y * side] for x, y in line] for line in strokes]
            drawing = to_png(checked_drawing(placed, 6))
            (place / f"{number + 1:04d}.png").write_bytes(drawing)
    project = Project(folder)
    project.set_settings(layers=LAYERS)
    project.close()
    return folder


def processor_times(cdp: CDPSession) -> dict[str, float]:
    """What every thread computed, in milliseconds, since tracing was started; it is ended."""
    events: list[dict[str, Any]] = []
    ended: list[bool] = []
    cdp.on("Tracing.dataCollected", lambda found: events.extend(found["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: ended.append(True))
    cdp.send("Tracing.end")
    while not ended:
        cdp.send("Runtime.evaluate", {"expression": "0"})
    names = {(one["pid"], one["tid"]): one["args"]["name"]
             for one in events if one["name"] == "thread_name"}  # fmt: skip
    times: dict[str, float] = defaultdict(float)
    for one in events:
        if one.get("ph") != "X" or one["name"] not in TASKS:
            continue
        name = names.get((one["pid"], one["tid"]), "").split("/")[0]
        times[THREADS.get(name, "other")] += one.get("tdur", 0) / 1_000
    return times


def scrolling(page: Page, frames: int) -> Iterator[str]:
    """How long frames take, and what they cost, while the open grid of a class scrolls."""
    page.evaluate("location.hash = '#/gather'")
    page.locator(".opener").first.click()
    page.wait_for_timeout(1_500)
    idle = page.evaluate(FRAMES, 60)
    yield f"frames at rest: {spread(idle)}"
    for title, step in (("slowly", 12), ("a row a frame", 56), ("fast", WHEEL)):
        cdp = page.context.new_cdp_session(page)
        cdp.send("Tracing.start", {"traceConfig": {"includedCategories": CATEGORIES},
                                   "transferMode": "ReportEvents"})  # fmt: skip
        page.evaluate("document.querySelector('.sample-box.open').scrollTop = 0")
        times = page.evaluate(SCROLL, [frames, step])
        costs = processor_times(cdp)
        cdp.detach()
        each = ", ".join(f"{name} {ms / frames:.1f}" for name, ms in sorted(costs.items()))
        yield f"frames while it scrolls {title}: {spread(times)}; processor ms a frame: {each}"


class Asking(threading.Thread):
    """A page that asks all the time, and how long each answer takes."""

    def __init__(self, app: RunningApp) -> None:
        super().__init__(daemon=True)
        self.app, self.ended = app, threading.Event()
        self.found: dict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        ids = json.loads(self.app.ask("GET", "/api/samples?folder=X", {}))["ids"][:40]
        asked: dict[str, tuple[str, str, dict[str, Any]]] = {
            "project": ("GET", "/api/project", {}),
            "answer": ("POST", "/api/answer", DRAWING),
            "samples": ("GET", "/api/samples?folder=X", {}),
            "atlas": ("POST", "/api/atlas", {"ids": ids, "side": 64}),
            "check": ("POST", "/api/check", {"layers": LAYERS}),
        }
        while not self.ended.is_set():
            for name, question in asked.items():
                taken = milliseconds(lambda question=question: self.app.ask(*question))  # type: ignore[misc]
                self.found[name].append(taken)
                self.ended.wait(PAUSE)


def answering(page: Page, app: RunningApp, changes: int) -> Iterator[str]:
    """How long answers take while nets are taught, each after a new drawing or new layers."""
    asking = Asking(app)
    asking.start()
    added = []
    for number in range(changes):
        added.append(milliseconds(lambda: app.ask("POST", "/api/samples/X", DRAWING)))
        page.wait_for_timeout(500)
        settle(page)
        layers = LAYERS.replace("conv 8", f"conv {9 + number}")
        app.ask("PATCH", "/api/project", {"layers": layers})
        page.wait_for_timeout(500)
        settle(page)
    asking.ended.set()
    asking.join()
    yield f"a drawing is saved: {spread(added)}"
    for name, times in asking.found.items():
        yield f"{name} while a net is taught: {spread(times)}"
    yield f"all while a net is taught: {spread(list(chain(*asking.found.values())))}"


def spread(times: Sequence[float]) -> str:
    """The median of some times, what nine in ten and 19 in 20 are below, and the largest."""
    values = sorted(times)
    ninth, high = (values[min(len(values) - 1, int(len(values) * one))] for one in (0.9, 0.95))
    return (f"median {statistics.median(values):.1f} ms, p90 {ninth:.1f}, p95 {high:.1f}, "
            f"max {values[-1]:.1f} of {len(values)}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--changes", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the project is kept for the next run")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['processor']}, {machine['processors']} processors")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = options.folder or Path(name) / "project"
        if not folder.exists():
            filled(folder, options.samples)
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with running(folder) as app:
            page = browser.new_page(viewport={"width": 1_600, "height": 1_000})
            page.goto(app.link)
            page.wait_for_selector("html[data-ready]")
            app.token = page.evaluate("sessionStorage.getItem('piecewise token')")
            settle(page)
            for line in (*scrolling(page, options.frames), *answering(page, app, options.changes)):
                print(line, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
