"""The memory of the page of the app stays flat while nets come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession

from .app_page import AppPage, program
from .browser import chromium
from .programs import needs_chromium
from .test_app_browser import CROSS, filled

pytest.importorskip("starlette", reason="the app's server is an extra")
pytestmark = [needs_chromium, pytest.mark.long]

TURN = """async (seed) => {
  const { change } = await import("app/samples.js");
  const { state } = await import("app/store.js");
  const known = state.walk?.data.parameters_sha256;
  await change("PATCH", "/api/project", { recipe: { epochs: 2, seed } });
  while (state.walk?.data.parameters_sha256 === known)
    await new Promise((done) => setTimeout(done, 10));
}"""
"""Another seed; it ends when the net of it has answered."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def used(session: CDPSession) -> dict[str, float]:
    """The bytes of the heap, and how many nodes and listeners there are, after a collection."""
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    found = {one["name"]: float(one["value"]) for one in metrics}
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


def test_page_keeps_nothing_of_earlier_nets(browser: Browser, tmp_path: Path) -> None:
    with program(filled(tmp_path / "project")) as running:
        page = AppPage(browser, running.link)
        page.wait_for_score()
        page.draw(CROSS)
        session = page.context.new_cdp_session(page.page)
        session.send("Performance.enable")

        def retrain(first: int, count: int) -> dict[str, float]:
            for seed in range(first, first + count):
                page.page.evaluate(TURN, seed)
            page.wait_for_score()
            return used(session)

        retrain(1, 60)  # the page lists the last 50 attempts
        before = retrain(100, 20)
        after = retrain(200, 80)
        assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 2 << 20, (before, after)
        assert after["Nodes"] - before["Nodes"] < 300, (before, after)
        assert after["JSEventListeners"] - before["JSEventListeners"] < 100, (before, after)
        page.close()
