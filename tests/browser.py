"""Chromium, for tests of pages: it opens files and servers of this machine, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from .long import now_and_long
from .programs import CHROMIUM
from .steps import HANG

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


WINDOWS = now_and_long(
    product((390, 1024, 1600), ("light", "dark")), [(390, "light"), (1024, "dark"), (1600, "light")]
)
"""For `parametrize`: widths and colour schemes of windows."""


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Chromium with some more arguments."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *more])
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page of a file, with all it asked for and all it complained about."""

    def __init__(
        self, browser: Browser, path: Path, *, width: int = 1400, scheme: str = "light"
    ) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.set_default_timeout(1_000 * HANG)
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=1_000 * HANG)

    @property
    def beyond(self) -> list[str]:
        """What was asked of anything but the file itself and what it holds."""
        return [one for one in self.requests if not one.startswith(("file:", "data:", "blob:"))]

    def close(self) -> None:
        self.page.context.close()
