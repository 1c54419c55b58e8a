"""How fast the app answers, beside its budgets: medians of one run, in Chromium.

python -m benchmarks.app              # all of it, in some minutes
python -m benchmarks.app --rounds 10
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from piecewise.app.pages import START, needed
from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing
from piecewise.lessons.catalog import LESSONS

from .machine import describe_machine

LAYERS = "conv 8 5, relu, pool 2, conv 16 3, relu, pool 2, full"
EACH = 50
"""Drawings of each of the two classes."""
PATIENCE = 60
"""Seconds until the benchmark gives up."""
CROSS = [[[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]
RING = [[[0.5, 0.0], [0.9, 0.2], [1.0, 0.5], [0.8, 0.9], [0.4, 1.0], [0.0, 0.6], [0.1, 0.2],
         [0.5, 0.0]]]  # fmt: skip
WATCH = """async () => {
  const { state, watch } = await import("app/store.js");
  const bench = (globalThis.bench = { began: 0, painted: 0, sha256: "" });
  addEventListener("pointerup", () => { bench.began = performance.now(); }, true);
  watch(["walk"], () => requestAnimationFrame(() => setTimeout(() => {
    bench.painted = performance.now();
    bench.sha256 = state.walk?.data.parameters_sha256 ?? "";
  })));
}"""
"""Writes down when a stroke ended, and when an answer was painted."""
READY = """new MutationObserver((_, observer) => {
  if (document.documentElement?.dataset.ready === undefined) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { globalThis.readyAt = performance.now(); }));
}).observe(document, { attributes: true, subtree: true });"""
SETTLED = """async () => {
  const { type, done, of, score } = (await import("app/store.js")).state.teaching;
  const { done: measured, of: all } = type === "score" ? { done, of } : (score ?? {});
  return all !== undefined && measured === all;
}"""
"""Whether the score of the net that answers is measured."""
LOADED = """(end) => performance.getEntriesByType("resource")
  .filter((one) => new URL(one.name).pathname.endsWith(end))
  .reduce((sum, one) => sum + one.decodedBodySize, 0)"""

OPEN_LESSON = """(name) => new Promise((resolve) => {
  const before = document.querySelector(".lesson .question");
  const began = performance.now();
  const observer = new MutationObserver(() => {
    const now = document.querySelector(".lesson .question");
    if (!now || now === before) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  });
  observer.observe(document.body, { childList: true, subtree: true });
  location.hash = `#/learn/${name}`;
})"""
"""Opens a lesson; the milliseconds until it is painted."""
ANSWER_CHECK = """async () => {
  const check = document.querySelector(".lesson .check");
  const changed = () => new Promise((resolve) => {
    const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
    observer.observe(check, { childList: true });
  });
  const again = check.querySelector(".again");
  if (again) {
    const asked = changed();
    again.click();
    await asked;
  }
  check.querySelector("input").value = "9999";
  const began = performance.now();
  const judged = changed();
  check.querySelector("form").requestSubmit();
  await judged;
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - began;
}"""
"""Answers the first check wrongly; the milliseconds until the hint is painted."""


class Budget(NamedTuple):
    """What is measured, and the most that it should be."""

    title: str
    most: float
    unit: str


BUDGETS = {
    "start": Budget("server start to link", 1_500, "ms"),
    "ready": Budget("page ready", 400, "ms"),
    "pen": Budget("pen up to painted votes", 100, "ms"),
    "sample": Budget("sample added to retrained and painted, 100 of 28x28", 700, "ms"),
    "layers": Budget("knob with new layers to retrained and painted", 900, "ms"),
    "question": Budget("any question while teaching", 200, "ms"),
    "lesson": Budget("a lesson of Learn is opened and painted", 300, "ms"),
    "check": Budget("answer to a check until it is judged and painted", 100, "ms"),
    "js": Budget("JavaScript until the page is ready", 150, "kB"),
    "css": Budget("style sheets until the page is ready", 30, "kB"),
}


class RunningApp:
    """`piecewise app` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "piecewise", "app", str(folder), "--no-browser"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        words = ""
        while "#k=" not in words:
            words = self.process.stderr.readline()
            if not words:
                raise SystemExit("the app did not start")
        self.link = next(word for word in words.split() if "#k=" in word)
        self.address, self.token = self.link.partition("/#")[0], ""

    def ask(self, method: str, path: str, values: dict[str, Any]) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"}
        body = json.dumps(values).encode()
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            content: bytes = answer.read()
        return content

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def running(folder: Path) -> Iterator[RunningApp]:
    app = RunningApp(folder)
    try:
        yield app
    finally:
        app.stop()


def milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return 1_000 * (time.perf_counter() - began)


def filled(folder: Path) -> Path:
    """A project of crosses and rings."""
    random, project = Random(7), Project(folder)
    for name, strokes in (("X", CROSS), ("O", RING)):
        project.add_class(name)
        for _ in range(EACH):
            left, top, side = (random.uniform(*ends) for ends in ((6, 22), (6, 22), (66, 84)))
            placed = [[[left + x * side, top + y * side] for x, y in line] for line in strokes]
            project.add_drawing(name, "train", checked_drawing(placed, 6))
    project.set_settings(layers=LAYERS)
    project.close()
    return folder


def start_to_link(folder: Path) -> float:
    """From the command to the link."""
    began = time.perf_counter()
    with running(folder):
        return 1_000 * (time.perf_counter() - began)


def until_painted(page: Page, act: Callable[[], object]) -> float:
    """From an action to the painted answer of another net."""
    before = page.evaluate("bench.sha256")
    began = page.evaluate("performance.now()")
    act()
    deadline = time.monotonic() + PATIENCE
    while page.evaluate("bench.sha256") == before:
        if time.monotonic() > deadline:
            raise SystemExit("no other net answered")
        page.wait_for_timeout(5)
    return float(page.evaluate("bench.painted")) - float(began)


def settle(page: Page) -> None:
    """Until the score is measured."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(SETTLED):
        if time.monotonic() > deadline:
            raise SystemExit("the app did not measure its score")
        page.wait_for_timeout(20)
    page.wait_for_timeout(300)


def draw(page: Page, strokes: Sequence[Sequence[Sequence[float]]]) -> None:
    box = page.get_by_role("region", name="Drawing").locator("canvas").bounding_box()
    assert box is not None
    left, top, side = box["x"] + box["width"] / 8, box["y"] + box["width"] / 8, box["width"] * 0.75
    for (x, y), *others in strokes:
        page.mouse.move(left + side * x, top + side * y)
        page.mouse.down()
        for x_, y_ in others:
            page.mouse.move(left + side * x_, top + side * y_, steps=4)
        page.mouse.up()


def pen_up_to_painted(page: Page) -> float:
    """A cross is drawn; from the end of its last stroke to the painted answer."""
    page.keyboard.press("Escape")
    draw(page, CROSS)
    page.wait_for_timeout(400)
    return float(page.evaluate("bench.painted - bench.began"))


def patch(page: Page, values: dict[str, Any]) -> None:
    """Turn knobs as the page does."""
    script = 'async (v) => (await import("app/samples.js")).change("PATCH", "/api/project", v)'
    page.evaluate(script, values)


def sample_to_painted(page: Page, app: RunningApp) -> float:
    """A drawing is saved; from the key to the painted answer of the new net. It is undone then."""
    settle(page)
    draw(page, CROSS)
    page.wait_for_timeout(300)
    taken = until_painted(page, lambda: page.keyboard.press("1"))
    settle(page)
    app.ask("POST", "/api/undo", {})
    page.wait_for_timeout(600)
    settle(page)
    return taken


def layers_to_painted(page: Page, number: int) -> float:
    """Layers that were never compiled are chosen."""
    settle(page)
    if not number:
        draw(page, CROSS)
        page.wait_for_timeout(400)
    layers = f"conv {4 + number} 5, relu, pool 2, conv {16 + number} 3, relu, pool 2, full"
    return until_painted(page, lambda: patch(page, {"layers": layers}))


def questions(app: RunningApp, rounds: int) -> list[float]:
    """What a page asks, while a thorough teaching and sketches run."""
    strokes = {"strokes": [[[20, 20], [90, 90]], [[90, 20], [20, 90]]], "width": 6}
    ids = json.loads(app.ask("GET", "/api/samples?folder=X", {}))["ids"][:40]

    def answer_and_why() -> None:
        content = app.ask("POST", "/api/answer", strokes)
        walk = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])["walk"]
        app.ask("POST", "/api/why", {"walk": walk, "position": ["conv1", 0, 5, 5]})

    asked: list[Callable[[], object]] = [
        lambda: app.ask("GET", "/api/project", {}),
        lambda: app.ask("POST", "/api/atlas", {"ids": ids, "side": 48}),
        lambda: app.ask("POST", "/api/check", {"layers": LAYERS}),
        lambda: app.ask("POST", "/api/answer", strokes),
        answer_and_why,
    ]
    found = []
    for number in range(rounds):
        state = json.loads(app.ask("GET", "/api/project", {}))
        if state["thorough"]["state"] != "running":
            app.ask("PATCH", "/api/project", {"layers": None, "recipe": {"seed": number}})
            app.ask("POST", "/api/teach", {"stage": "thorough"})
        found += [milliseconds(one) for one in asked]
    app.ask("POST", "/api/stop", {"stage": "thorough"})
    return found


def lessons(page: Page, app: RunningApp, rounds: int) -> dict[str, list[float]]:
    """Every lesson is opened in turn, after its prediction; then a check is answered."""
    for name in LESSONS:
        app.ask("POST", f"/api/learn/{name}/prediction", {"answer": None})
    turns = [name for _ in range(1 + rounds // len(LESSONS)) for name in LESSONS]
    opened = [float(page.evaluate(OPEN_LESSON, name)) for name in turns]
    page.evaluate(OPEN_LESSON, LESSONS[0])
    return {"lesson": opened,
            "check": [float(page.evaluate(ANSWER_CHECK)) for _ in range(rounds)]}  # fmt: skip


def measured(rounds: int, report: Callable[[str], None]) -> dict[str, list[float]]:
    """All figures of every budget."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = filled(Path(name) / "project")
        report("start")
        found["start"] = [start_to_link(folder) for _ in range(max(3, rounds // 5))]
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with running(folder) as app:
            page = browser.new_page(viewport={"width": 1_600, "height": 1_000})
            page.add_init_script(READY)
            page.goto(app.link)
            page.wait_for_selector("html[data-ready]")
            app.token = page.evaluate("sessionStorage.getItem('piecewise token')")
            settle(page)
            report("ready")
            found["ready"] = [ready(page) for _ in range(rounds)]
            found["js"] = [sum(needed(START).values()) / 1_000]
            found["css"] = [page.evaluate(LOADED, "app.css") / 1_000]
            page.evaluate(WATCH)
            report("pen")
            found["pen"] = [pen_up_to_painted(page) for _ in range(rounds)]
            report("sample")
            found["sample"] = [sample_to_painted(page, app) for _ in range(rounds)]
            report("layers")
            found["layers"] = [layers_to_painted(page, number) for number in range(rounds)]
            report("question")
            found["question"] = questions(app, rounds)
            report("lessons")
            found |= lessons(page, app, rounds)
            page.close()
        browser.close()
    return found


def ready(page: Page) -> float:
    """From the navigation to the painted page."""
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(100)
    return float(page.evaluate("globalThis.readyAt"))


def table(found: dict[str, list[float]]) -> Iterator[str]:
    """A row for each budget."""
    machine = describe_machine()
    yield f"{machine['processor']}, {machine['processors']} processors"
    yield ""
    yield "| what | budget | median | nine in ten below | runs |"
    yield "|---|---|---|---|---|"
    for name, budget in BUDGETS.items():
        values = sorted(found[name])
        high = values[min(len(values) - 1, len(values) * 9 // 10)]
        middle = statistics.median(values)
        over = " (over)" if middle > budget.most else ""
        yield (f"| {budget.title} | {budget.most:,} {budget.unit} | {middle:,.0f} {budget.unit}"
               f"{over} | {high:,.0f} {budget.unit} | {len(values)} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print("\n".join(table(measured(rounds, lambda name: print(name, file=sys.stderr)))))


if __name__ == "__main__":
    main()
