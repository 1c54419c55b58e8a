"""Takes the pictures of the app in README.md and docs/app.md, with Chromium.

python scripts/app_pictures.py docs/pictures
python scripts/app_pictures.py /tmp/app --all    # every place, at three widths, light and dark

The samples are those of `make_xo`; two of them get a wrong label, so that there are mistakes.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from piecewise.app.examples import add_samples, letters
from piecewise.app.project import Project

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or ""
EACH = 50
"""Samples of a class."""
LAYERS = "conv 8 5, relu, pool 2, conv 16 3, relu, pool 2, full"
CROSS = [[(0.12, 0.06), (0.3, 0.27), (0.52, 0.5), (0.71, 0.72), (0.9, 0.97)],
         [(0.86, 0.02), (0.68, 0.26), (0.5, 0.5), (0.29, 0.75), (0.08, 0.92)]]  # fmt: skip
"""The strokes on the pad, from 0 to 1."""
COLOURS = 200
"""Colours of a picture, so that its file is small."""
PLACES = ("gather", "look", "try", "learn", "take")
WIDTHS = (390, 1024, 1600)
SIZE = 1360, 860
"""Of the pictures of the documentation."""


def fill(folder: Path) -> None:
    """A project of drawn letters, two of them with a wrong label."""
    project = Project(folder)
    add_samples(project, letters(EACH, seed=4))
    for one, other in (("X", "O"), ("O", "X")):
        project.move(project.ids("train", one)[7:8], other, "train")
    project.rename("X and O")
    project.set_settings(layers=LAYERS)
    project.close()


@contextmanager
def program(folder: Path) -> Iterator[str]:
    """The app on a project, and its link."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "piecewise", "app", str(folder), "--no-browser", "--port",
               str(port)]  # fmt: skip
    log = folder.parent / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        while "#k=" not in (words := log.read_text()):
            if process.poll() is not None:
                raise SystemExit(words)
            time.sleep(0.05)
        yield next(word for word in words.split() if "#k=" in word)
    finally:
        process.terminate()
        process.wait()


def opened(browser: Browser, link: str) -> Page:
    """The page, as soon as the net is scored, with a cross on the pad."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000},
                                  reduced_motion="reduce")  # fmt: skip
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector('.state[data-state="score"]')
    page.wait_for_selector(".score .method:has-text('never saw')")
    draw(page)
    page.wait_for_timeout(1_500)
    return page


def draw(page: Page) -> None:
    """Draw a cross on the pad with the mouse."""
    box = page.locator(".draw .pad canvas").bounding_box()
    assert box is not None
    for stroke in CROSS:
        points = [(box["x"] + box["width"] * (0.14 + 0.72 * x),
                   box["y"] + box["height"] * (0.14 + 0.72 * y)) for x, y in stroke]  # fmt: skip
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()
    page.mouse.move(4, 4)


def show(page: Page, place: str, scheme: Any, width: int, height: int) -> None:
    """Open a place in a window of this size."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("place => { location.hash = `#/${place}` }", place)
    page.evaluate("scrollTo(0, 0)")
    if place == "learn":
        page.wait_for_selector(".lesson h2")
    page.wait_for_timeout(1_200)


def open_number(page: Page) -> None:
    """Open the number of the second convolution that is made of the middle of the cross."""
    page.locator(".stack").nth(2).focus()
    for key in ("Home", "PageDown", "PageDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.locator(".arithmetic .opens").first.click()  # from the pooling to the ReLU
    page.locator(".arithmetic .opens").first.click()  # and to the sum
    page.wait_for_timeout(800)


def save(page: Page, file: Path) -> None:
    """Save what is seen, in few colours."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    print(f"{file}  {file.stat().st_size / 1_000:.0f} kB")


def take_all(page: Page, folder: Path) -> None:
    """Every place, at three widths, light and dark."""
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            for place in PLACES:
                show(page, place, scheme, width, 1_000)
                save(page, folder / f"{place}-{width}-{scheme}.png")


def take_for_docs(page: Page, folder: Path) -> None:
    """The pictures that the documentation shows."""
    for scheme in ("light", "dark"):
        show(page, "look", scheme, *SIZE)
        save(page, folder / f"look-{scheme}.png")
    for place in ("gather", "try", "learn", "take"):
        show(page, place, "light", *SIZE)
        save(page, folder / f"{place}.png")
    show(page, "look", "light", 390, 844)
    save(page, folder / "look-narrow.png")
    show(page, "look", "light", *SIZE)
    open_number(page)
    save(page, folder / "number.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every place, width and colour scheme")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        fill(Path(temporary) / "project")
        with program(Path(temporary) / "project") as link:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            page = opened(browser, link)
            (take_all if options.all else take_for_docs)(page, options.folder)
            browser.close()


if __name__ == "__main__":
    main()
