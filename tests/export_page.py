"""The page of an exported HTML file: what a person does on it, for tests."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
from playwright.sync_api import FilePayload, Page

import piecewise as pw

from .test_export_html_inputs import png, random_photo, wav

DRAWINGS = pw.ImagePreprocessor((1, 28, 28), "dark")
KINDS = {
    "drawings": DRAWINGS,
    "photos": pw.ImagePreprocessor((3, 32, 32)),
    "sounds": pw.AudioPreprocessor((1, 40, 32)),
    "texts": pw.TextPreprocessor("words", ("good", "bad"), 8),
}


def draw(page: Page, *points: tuple[float, float]) -> None:
    """A stroke through points, as fractions of the pad's sides."""
    box = page.locator(".pad").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def give(page: Page, files: list[tuple[str, bytes]]) -> None:
    """Choose files with the button, and wait for the answers."""
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "", "buffer": content} for name, content in files
    ]
    page.set_input_files("input[type=file]", payloads)
    page.wait_for_selector("html:not([data-busy])")


def drop(page: Page, files: list[tuple[str, bytes]]) -> None:
    """Drop files on the page, and wait for the answers."""
    encoded = [[name, b64encode(content).decode()] for name, content in files]
    page.evaluate(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, content] of files) {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
          }
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        encoded,
    )
    page.wait_for_selector("html:not([data-busy])")


def shown(page: Page) -> tuple[str, dict[str, str]]:
    """The class that is shown large, and the probabilities beside the bars."""
    names = page.locator("#bars th").all_inner_texts()
    numbers = page.locator("#bars .number").all_inner_texts()
    return page.inner_text(".winner"), dict(zip(names, numbers, strict=True))


def fill(page: Page, kind: str) -> None:
    """Give a page of `KINDS` something to classify."""
    if kind == "drawings":
        draw(page, (0.2, 0.2), (0.8, 0.3), (0.4, 0.8))
    elif kind == "texts":
        page.fill("#text", "A good text, not a bad one: ok?")
    elif kind == "sounds":
        give(page, [("a.wav", wav(np.sin(np.arange(6_000) / 3), 8_000))])
    else:
        images = [png(random_photo(np.random.default_rng(seed))) for seed in (1, 2)]
        give(page, [("a.png", images[0]), ("b.png", images[1])])
    page.wait_for_selector(".winner")
