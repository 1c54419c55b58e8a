"""Axe, which judges how accessible a page in Chromium is."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AXE = Axe()
_RUN = """async () => (await axe.run({ resultTypes: ["violations"] })).violations
  .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`)"""


def violations(page: Page) -> list[str]:
    """The rules that a page breaks, each with the first element that breaks it. The script of axe
    is sent to a page only once."""
    if page.evaluate("globalThis.axe === undefined"):
        page.evaluate(_AXE.axe_script)
    found: list[str] = page.evaluate(_RUN)
    return found
