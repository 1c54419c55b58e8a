"""The page of the app in Chromium: what a person does, for tests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from .app_process import started
from .steps import HANG

Strokes = Sequence[Sequence[Sequence[float]]]
NEVER_IDLE = "window.requestIdleCallback = () => 0"
"""A script: the page loads no place before it is opened."""


class Program:
    """`piecewise app` in a process of its own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        log = self.folder.parent / f"log-{self.port}-{self.starts}.txt"
        log.touch()
        self.process = started([str(self.folder), "--no-browser", "--port", str(self.port)], log)
        while "#k=" not in (words := log.read_text()):
            assert self.process.is_alive(), words
            time.sleep(0.05)
        self.link = next(word for word in words.split() if "#k=" in word)

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(HANG)


@contextmanager
def program(folder: Path) -> Iterator[Program]:
    running = Program(folder)
    try:
        yield running
    finally:
        running.stop()


class AppPage:
    """The page in a window, with all that it asked for and complained about."""

    def __init__(
        self,
        browser: Browser,
        link: str,
        *,
        width: int = 1600,
        like: AppPage | None = None,
        idle: bool = False,
    ) -> None:
        """``like``: a window whose token this one takes; the code of a link is valid once.
        ``idle``: whether the browser says when it has nothing to do. The page then loads all
        places, also those that a test never opens."""
        size: Any = {"width": width, "height": 1000}
        self.context = browser.new_context(viewport=size, reduced_motion="reduce")
        if like is not None:
            token = like.page.evaluate("sessionStorage.getItem('piecewise token')")
            script = f"sessionStorage.setItem('piecewise token', {json.dumps(token)})"
            self.context.add_init_script(script)
        if not idle:
            self.context.add_init_script(NEVER_IDLE)
        self.context.set_default_timeout(1_000 * HANG)
        expect.set_options(timeout=1_000 * HANG)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page: Page = self.new_window(link)

    def new_window(self, link: str) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(complaint(message)))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(link)
        page.wait_for_selector("html[data-ready]")
        return page

    def draw(self, strokes: Strokes) -> None:
        """Draw strokes, with coordinates from 0 to 1, with the mouse."""
        self.draw_on(self.page.locator(".pad canvas:visible"), strokes)

    def draw_on(self, canvas: Locator, strokes: Strokes) -> None:
        """Draw strokes on a pad."""
        box = canvas.bounding_box()
        assert box is not None
        margin, side = box["width"] / 8, box["width"] * 3 / 4
        for stroke in strokes:
            points = [(box["x"] + margin + x * side, box["y"] + margin + y * side)
                      for x, y in stroke]  # fmt: skip
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*point)
            self.page.mouse.up()

    def teach(self, name: str, strokes: Strokes) -> None:
        """Draw strokes and save them in a class, whose sample is then there."""
        before = self.samples(name).count()
        self.draw(strokes)
        self.page.locator(".class-button", has_text=name).click()
        expect(self.samples(name)).to_have_count(before + 1)

    def samples(self, name: str, page: Page | None = None) -> Locator:
        """The newest samples of a class, which are saved."""
        strip = (page or self.page).get_by_role("group", name=f"Samples of {name}", exact=True)
        return strip.locator(".thumb:not(.hollow)")

    def wait_for_net(self, accepted: Callable[[str], bool]) -> None:
        """Until a net answers whose hash is accepted."""
        deadline = time.monotonic() + HANG
        while not accepted(self.page.evaluate("piecewise.walk.data.parameters_sha256")):
            assert time.monotonic() < deadline
            self.page.wait_for_timeout(50)

    def wait_for_score(self, pictures: int | None = None) -> None:
        """Until a net is taught and scored: that of so many pictures, which is not the last one."""
        if pictures:
            expect(self.page.locator(".state .sub")).to_contain_text(f"{pictures} pictures")
        self.page.wait_for_selector('.state[data-state="score"]')
        expect(self.page.locator(".score .method")).to_contain_text("never saw")

    def wait_for_answers(self) -> None:
        """Until the page has the answer to its last question."""
        self.page.evaluate("import('app/live.js').then(live => live.answered())")

    def says(self) -> str:
        return self.page.locator(".says-label").inner_text()

    def foreign(self, port: int) -> list[str]:
        """What was asked of anything but the program."""
        own = (f"http://127.0.0.1:{port}/", "blob:", "data:")
        return [one for one in self.requests if not one.startswith(own)]

    def close(self) -> None:
        self.context.close()


@contextmanager
def taught_page(browser: Browser, running: Program) -> Iterator[AppPage]:
    """The page of a taught project. At the end, it must have complained about nothing and asked no
    other server."""
    page = AppPage(browser, running.link)
    page.wait_for_score()
    yield page
    assert page.complaints == []
    assert page.foreign(running.port) == []
    page.close()


def complaint(message: ConsoleMessage) -> str:
    """What the console says, and about which address."""
    return f"{message.text} {message.location.get('url', '')}"


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds, however slow the machine is."""
    deadline = time.monotonic() + HANG
    while not holds():
        assert time.monotonic() < deadline, "it did not become true"
        page.wait_for_timeout(50)


def answers(page: Page) -> list[Any]:
    """A list that gets the questions that the page asks the net from now on."""
    asked: list[Any] = []

    def keep(request: Any) -> None:
        if request.url.endswith("/api/answer"):
            asked.append(json.loads(request.post_data or "{}"))

    page.on("request", keep)
    return asked
