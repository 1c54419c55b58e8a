"""Node.js, or Chromium with playwright, which run the net of the HTML exporter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...data.audio.decoding import Sound
from ..html.exporter import FILE
from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import run

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OLDEST_NODE = 18
_BATCH = 200  # samples that are passed at a time


class JavaScriptRunner(Runner):
    """Node.js if it is installed, which starts faster; else Chromium."""

    name = "JavaScript"
    exporter = "html"

    def version(self) -> str | None:
        if found := _node():
            return f"Node.js {found[1]}"
        return f"Chromium with playwright {found[1]}" if (found := _chromium()) else None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        items = list(_items(samples, _rate(folder)))
        answers: list[Any] = []
        answer = answers_of_node if _node() else answers_of_chromium
        for start in range(0, len(items), _BATCH):
            answers += answer(folder / FILE, items[start : start + _BATCH])
        logits, probabilities = (
            np.array([row[index] for row in answers], np.float64).astype(np.float32)
            for index in (0, 1)
        )
        return Outputs(logits, probabilities)


def answers_of_node(page: Path, items: list[dict[str, Any]]) -> list[Any]:
    """Logits and probabilities of each item, computed by Node.js."""
    found = _node()
    if found is None:
        raise RunnerError("Node.js is not installed")
    script = _script("html_node.mjs.txt").replace("ANSWERS", _script("html_answers.js.txt"))
    command = [found[0], "--input-type=module", "-e", script, str(page.absolute())]
    answers: list[Any] = json.loads(run(command, page.parent, stdin=json.dumps(items).encode()))
    return answers


def answers_of_chromium(page: Path, items: list[dict[str, Any]]) -> list[Any]:
    """Logits and probabilities of each item, computed by Chromium, which opens the page."""
    found = _chromium()
    if found is None:
        raise RunnerError("Chromium is not installed")
    # playwright refuses threads that run an event loop, as those of notebooks do.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_evaluate, found[0], page, items).result()


def _evaluate(chromium: str, page: Path, items: list[dict[str, Any]]) -> list[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- an extra

    # Chromium's own sandbox needs rights that a superuser and many containers lack.
    is_root = os.name != "nt" and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if is_root else []
        )
        try:
            opened = browser.new_page()
            opened.goto(page.absolute().as_uri())
            opened.wait_for_selector("html[data-ready]")
            answers: list[Any] = opened.evaluate(_script("html_answers.js.txt"), items)
        finally:
            browser.close()
    return answers


@cache
def _node() -> tuple[str, str] | None:
    """The path of Node.js and its version; None if there is none that is new enough."""
    path = shutil.which("node")
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = done.stdout.strip().removeprefix("v")
    major = found.split(".")[0]
    return (path, found) if major.isdecimal() and int(major) >= _OLDEST_NODE else None


@cache
def _chromium() -> tuple[str, str] | None:
    """The path of Chromium and the version of playwright; None if one is missing."""
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    try:
        return (path, version("playwright")) if path else None
    except PackageNotFoundError:
        return None


def _script(name: str) -> str:
    return (files(__package__) / "scripts" / name).read_text("utf-8").strip()


def _rate(folder: Path) -> int | None:
    """The sample rate of a net that reads sounds."""
    page = (folder / FILE).read_text("utf-8")
    start = page.index('id="data">') + len('id="data">')
    settings = json.loads(page[start : page.index("</script>", start)])["settings"]
    rate: int | None = settings.get("rate")
    return rate


def _items(samples: Samples, rate: int | None) -> Iterator[dict[str, Any]]:
    """The samples as plain values: raw ones where a page prepares them exactly as piecewise."""
    inputs = samples.inputs if samples.inputs.dtype == np.uint8 else samples.layer_inputs
    for index, prepared in enumerate(inputs):
        item = None if samples.raw is None else _raw_item(samples.raw[index], rate)
        if item and samples.files is not None:
            item = {"kind": "file", "data": b64encode(samples.files[index]).decode()}
        yield item or {"kind": "input"} | _numbers(prepared)


def _raw_item(raw: Any, rate: int | None) -> dict[str, Any] | None:
    if isinstance(raw, str):
        return {"kind": "text", "text": raw}
    if isinstance(raw, Sound):  # other rates are resampled by another filter
        found = {"kind": "sound", "rate": raw.rate} | _numbers(raw.samples)
        return found if raw.rate == rate else None
    if raw.dtype in (np.uint8, np.uint16):
        height, width, channels = raw.shape
        shape = {"height": height, "width": width, "channels": channels}
        return {"kind": "picture", **shape} | _numbers(raw)
    return None


def _numbers(array: Array) -> dict[str, Any]:
    """The type and the little-endian bytes of an array; whole numbers have 32 bits."""
    kind = array.dtype.newbyteorder("<") if array.dtype != np.int64 else np.dtype("<i4")
    content = np.ascontiguousarray(array, kind).tobytes()
    return {"dtype": array.dtype.name, "data": b64encode(content).decode()}
