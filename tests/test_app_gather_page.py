"""Journeys through Gather in Chromium: files and folders bring samples, and all that is done with
them undoes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing, to_png

from .app_page import AppPage, Program, program, wait_until
from .axe import violations
from .browser import WINDOWS, chromium
from .long import now_and_long
from .programs import needs_chromium
from .test_app_imports import archive

pytestmark = needs_chromium
DEVICES = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*DEVICES) as made:
        yield made


def drawing(number: int, turn: int = 1) -> bytes:
    """A file of a drawing, another one for every number."""
    x, y = 15 + number % 40, 15 + number // 40 % 40
    return to_png(checked_drawing([[[x, y], [x + 40, y + 30 * turn]], [[100, 60], [x, 100]]], 5))


def filled(folder: Path) -> Path:
    """A project of six X and six O."""
    project = Project(folder)
    for name in "XO":
        project.add_class(name)
        for number in range(6):
            project.add_file(name, "train", "a.png", drawing(number + 7 * ord(name)))
    project.set_order(["X", "O"])
    project.set_settings(layers="conv 2 3, relu, pool 2, full", recipe={"epochs": 2})
    project.close()
    return folder


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[tuple[Program, AppPage]]:
    """Gather of that project."""
    yield from page_of(browser, filled(tmp_path / "project"))


@pytest.fixture
def empty(browser: Browser, tmp_path: Path) -> Iterator[tuple[Program, AppPage]]:
    """Gather of an empty project."""
    yield from page_of(browser, tmp_path / "project")


def page_of(browser: Browser, folder: Path) -> Iterator[tuple[Program, AppPage]]:
    with program(folder) as running:
        page = AppPage(browser, running.link)
        page.context.grant_permissions(["camera", "microphone"])
        page.page.evaluate("location.hash = '#/gather'")
        yield running, page
        # A question about a sample may be on its way while the sample is moved: that is a 404.
        assert [one for one in page.complaints if "404" not in one] == []
        assert page.foreign(running.port) == []
        page.close()


def row(page: Page, name: str) -> Locator:
    return page.locator(f".gather-class[aria-label={json.dumps(name)}]")


def thumbs(page: Page, name: str, part: str = "learning") -> Locator:
    """The samples of a class that are in view and loaded."""
    group = row(page, name).get_by_role("group", name=f"Samples of {name}, for {part}")
    return group.locator("button[data-shown='1']")


def names_of(page: Page) -> list[str]:
    return page.locator(".gather-class .rename").all_text_contents()


def drop(page: Page, target: Locator, files: dict[str, bytes]) -> None:
    """Drop files on an element."""
    transfer = page.evaluate_handle(
        """files => {
          const transfer = new DataTransfer();
          for (const [name, bytes] of files)
            transfer.items.add(new File([new Uint8Array(bytes)], name));
          return transfer;
        }""",
        [[name, list(content)] for name, content in files.items()],
    )
    target.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(page.locator(".drop-over")).to_be_visible()
    target.dispatch_event("drop", {"dataTransfer": transfer})


def test_samples_are_chosen_by_keys_and_mouse_moved_removed_and_brought_back(
    opened: tuple[Program, AppPage],
) -> None:
    page = opened[1].page
    expect(thumbs(page, "X")).to_have_count(6)
    thumbs(page, "X").first.click()
    thumbs(page, "X").nth(2).click(modifiers=["Shift"])
    expect(page.locator(".actions b")).to_have_text("3 chosen")
    page.keyboard.press("x")
    expect(thumbs(page, "X")).to_have_count(3)
    page.keyboard.press("z")
    expect(thumbs(page, "X")).to_have_count(6)
    thumbs(page, "O").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".actions b")).to_have_text("2 chosen")
    page.keyboard.press("1")
    expect(thumbs(page, "X")).to_have_count(8)
    thumbs(page, "X").first.focus()
    page.keyboard.press("End")
    expect(thumbs(page, "X").last).to_be_focused()
    page.keyboard.press("Control+a")
    expect(page.locator(".actions b")).to_have_text("8 chosen")
    page.keyboard.press("Escape")
    thumbs(page, "X").first.click()
    page.keyboard.press("t")
    expect(thumbs(page, "X", "the test")).to_have_count(1)
    expect(row(page, "X")).to_contain_text("7 for learning, 1 for the test")
    thumbs(page, "X", "the test").first.click()
    page.locator(".actions select").select_option("O")
    expect(thumbs(page, "O", "the test")).to_have_count(1)


def test_classes_are_ordered_shared_merged_renamed_and_removed(
    opened: tuple[Program, AppPage],
) -> None:
    page = opened[1].page

    def choose(name: str, item: str) -> None:
        row(page, name).locator("summary").click()
        row(page, name).get_by_role("button", name=item, exact=True).click()

    expect(page.locator(".gather-class")).to_have_count(2)
    choose("O", "Move up")
    expect(page.locator(".gather-class .rename").first).to_have_text("O")
    page.keyboard.press("z")
    expect(page.locator(".gather-class .rename").first).to_have_text("X")
    row(page, "X").locator("summary").click()
    row(page, "X").locator("input[type=number]").fill("50")
    row(page, "X").get_by_role("button", name="Keep", exact=True).click()
    expect(row(page, "X")).to_contain_text("3 for learning, 3 for the test")
    row(page, "O").locator(".rename").click()
    page.keyboard.type("ring")
    page.keyboard.press("Enter")
    row(page, "X").locator("summary").click()
    row(page, "X").locator("select").select_option("ring")
    row(page, "X").get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator(".gather-class")).to_have_count(1)
    expect(row(page, "ring")).to_contain_text("9 for learning, 3 for the test")
    page.keyboard.press("z")
    expect(page.locator(".gather-class")).to_have_count(2)
    choose("ring", "Remove the class")
    expect(page.locator(".gather-class")).to_have_count(1)
    page.keyboard.press("z")
    expect(row(page, "ring")).to_contain_text("6 pictures")


def test_files_that_are_dropped_are_taken_and_others_are_said(
    opened: tuple[Program, AppPage],
) -> None:
    running, app = opened
    page, bar = app.page, app.page.locator(".import-bar")
    drop(page, row(page, "X"), {"a.png": drawing(99), "broken.png": b"no", ".DS_Store": b""})
    expect(thumbs(page, "X")).to_have_count(7)
    expect(bar).to_contain_text("1 sample of 1 class imported.")
    bar.locator("summary").click()
    expect(bar.locator("li")).to_have_count(1)
    expect(bar.locator("li")).to_contain_text("broken.png")
    bar.get_by_role("button", name="Undo").click()
    expect(thumbs(page, "X")).to_have_count(6)
    bad = {f"X/{number}.png": b"no" for number in range(120)}
    notes = {f"X/note {number}.txt": b"hello" for number in range(3)}
    drop(page, row(page, "X"), {"bad.zip": archive({"X/a.png": drawing(97), **bad, **notes})})
    bar.get_by_text("123 files or folders were not read: which, and why").click()
    expect(bar.locator("ul > li")).to_have_count(100 + 3)  # the first ones, and the notes
    expect(bar.locator("li", has_text="3 files of other kinds").locator("li")).to_have_count(3)
    bar.get_by_role("button", name="Show all 121").click()
    expect(bar.locator("li", has_text="X/119.png: ")).to_have_count(1)
    assert "'" not in bar.inner_text()  # names are written as they are
    bar.get_by_role("button", name="Undo").click()
    expect(thumbs(page, "X")).to_have_count(6)
    drop(page, page.locator(".gather-foot"), {"b.png": drawing(98)})
    expect(bar).to_contain_text("1 file. It is:")
    bar.get_by_role("button", name="O", exact=True).click()
    expect(thumbs(page, "O")).to_have_count(7)
    kept = (running.folder / "train" / "O").glob("*-b.png")
    assert [one.read_bytes() for one in kept] == [drawing(98)]
    page.evaluate("location.hash = '#/look'")
    pets = {f"pets/{name}/{number}.png": drawing(number, turn)
            for name, turn in (("cat", 1), ("dog", 0)) for number in range(3)}  # fmt: skip
    drop(page, page.locator(".bench"), {"pets.zip": archive(pets)})
    expect(bar).to_contain_text("6 samples of 2 classes imported.")
    assert [one.name for one in (running.folder / "train").iterdir() if one.name in ("cat", "dog")]


def test_archives_that_are_dropped_together_are_seats(empty: tuple[Program, AppPage]) -> None:
    running, app = empty
    page, bar = app.page, app.page.locator(".import-bar")
    seats = {
        f"{seat}.zip": archive({f"{name}/{number}.png": drawing(number + 7 * at, turn)
                                for name, turn in (("X", 1), ("O", 0)) for number in range(3)})
        for at, seat in enumerate(("anna", "ben"))
    }  # fmt: skip
    drop(page, page.locator(".bench"), seats)
    expect(bar).to_contain_text("12 samples of 2 classes imported.")
    expect(page.locator(".strip .method")).to_have_text(", each by nets that never met its seat")
    files = sorted(one.name for one in (running.folder / "train" / "X").iterdir())
    assert [one[5:] for one in files] == ["anna.png"] * 3 + ["ben.png"] * 3
    bar.get_by_role("button", name="Undo").click()
    expect(page.locator(".gather .welcome")).to_be_visible()
    drop(page, page.locator(".bench"), {**seats, "bad.zip": b"no archive"})
    expect(page.get_by_text("not a whole .zip file")).to_be_visible()
    expect(bar).to_contain_text("12 samples of 2 classes imported.")
    # The page may have asked for samples of a class whose second archive was undone meanwhile.
    [refused] = [one for one in app.complaints if "404" not in one]
    assert "422" in refused
    app.complaints.clear()


def test_folder_of_folders_makes_classes(empty: tuple[Program, AppPage], tmp_path: Path) -> None:
    page = empty[1].page
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "pets" / name / f"{number}.png").write_bytes(drawing(number))
    page.locator(".gather-bar input[webkitdirectory]").set_input_files(tmp_path / "pets")
    expect(thumbs(page, "cat")).to_have_count(3)
    expect(thumbs(page, "dog")).to_have_count(3)
    page.keyboard.press("z")
    expect(page.locator(".gather .welcome")).to_be_visible()


def test_texts_are_pasted_and_tables_are_dropped(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    page.get_by_role("button", name="Type", exact=True).click()
    page.locator(".capture textarea").fill("good morning\n\n good night \n")
    expect(page.locator(".capture [role=status]").last).to_have_text("2 texts")
    page.locator(".capture:visible .target").first.click()
    lines = page.locator(".text-line")
    expect(lines).to_have_text(["good night", "good morning"])
    table = b"text,label\nhello there,greeting\ngo away,greeting\nhow much is it,question\n"
    drop(page, page.locator(".gather-foot"), {"talk.csv": table})
    expect(row(page, "greeting")).to_contain_text("2 texts")
    expect(row(page, "question").locator(".text-line")).to_have_text(["how much is it"])
    drop(page, page.locator(".gather-foot"), {"talk.csv": b"nothing\n"})
    expect(page.locator(".problem-bar")).to_contain_text("talk.csv")
    empty[1].complaints.clear()  # Chromium tells of the refusal, too


def test_samples_are_listed_wrong_first(opened: tuple[Program, AppPage]) -> None:
    running, app = opened
    page = app.page
    app.wait_for_score()
    order = page.get_by_label("Order of the samples")
    with page.expect_request("**/api/samples?*order=wrong*"):
        order.select_option("wrong first")
    expect(thumbs(page, "X")).to_have_count(6)
    with page.expect_request("**/api/samples?*order=alike*"):
        order.select_option("similar ones together")
    expect(thumbs(page, "X")).to_have_count(6)
    order.select_option("newest first")
    newest = sorted(one.name for one in (running.folder / "train" / "X").iterdir())[-1]
    expect(thumbs(page, "X").first).to_have_attribute("data-id", f"train/X/{newest}")


def test_example_begins_an_empty_project(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    page.locator(".example:visible", has_text="Rising").click()
    expect(row(page, "rising")).to_contain_text("40 sounds")
    expect(page.locator(".welcome:visible")).to_have_count(0)
    expect(thumbs(page, "rising").first).to_have_attribute("data-shown", "1")


def test_pairs_that_are_alike_are_found(opened: tuple[Program, AppPage]) -> None:
    page = opened[1].page
    twice = drawing(7 * ord("X"))
    drop(page, row(page, "O"), {"again.png": twice})
    expect(thumbs(page, "O")).to_have_count(7)
    page.get_by_role("button", name="Find samples").click()
    expect(page.locator(".alike")).to_contain_text("the same, or nearly")
    page.get_by_role("button", name="Choose the second").click()
    expect(page.locator(".actions b")).to_contain_text("chosen")


@pytest.fixture(scope="module")
def judged(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, AppPage]]:
    """Gather of that project with the camera, a sample and the menu of a class open, for axe."""
    folder = filled(tmp_path_factory.mktemp("judged") / "project")
    for app in page_of(browser, folder):
        page = app[1].page
        page.get_by_role("button", name="Camera", exact=True).click()
        thumbs(page, "X").first.click()
        row(page, "O").locator(".opener").click()
        row(page, "O").locator("summary").click()
        yield app
        app[1].complaints.clear()  # axe sets styles that the policy forbids


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_gather_is_accessible(judged: tuple[Program, AppPage], width: int, scheme: Any) -> None:
    page = judged[1].page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_start_is_accessible(empty: tuple[Program, AppPage]) -> None:
    app = empty[1]
    app.page.get_by_role("button", name="Type", exact=True).click()
    for place in ("gather", "look"):
        app.page.evaluate("place => { location.hash = `#/${place}` }", place)
        expect(app.page.locator(".welcome:visible")).to_have_count(1)
        for width in (390, 1600):
            app.page.set_viewport_size({"width": width, "height": 900})
            assert violations(app.page) == []
            assert app.page.evaluate("document.documentElement.scrollWidth") <= width
    app.page.locator(".welcome:visible .example").first.click()
    expect(app.samples("X")).to_have_count(16)
    app.complaints.clear()


def layer_heights(page: Page) -> list[float]:
    """The heights of the layers that the browser draws once and then moves."""
    devtools = page.context.new_cdp_session(page)
    layers: list[Any] = []
    devtools.on("LayerTree.layerTreeDidChange", lambda found: layers.extend(found["layers"]))
    devtools.send("DOM.enable")
    devtools.send("LayerTree.enable")
    wait_until(page, lambda: bool(layers))
    devtools.detach()
    return [one["height"] for one in layers]


@pytest.mark.parametrize("each", now_and_long([500, 2_500], [500]))
def test_many_pictures_come_in_and_scroll(
    empty: tuple[Program, AppPage], tmp_path: Path, each: int
) -> None:
    page = empty[1].page
    files = {f"{name}/{number}.png": drawing(number, name == "a")
             for name in "ab" for number in range(each)}  # fmt: skip
    (tmp_path / "many.zip").write_bytes(archive(files))
    page.locator(".gather-bar input[type=file]").first.set_input_files(tmp_path / "many.zip")
    page.locator(".import-bar").get_by_role("button", name="Stop").click()
    expect(page.locator(".problem-bar")).to_contain_text("stopped; nothing was changed")
    expect(page.locator(".gather .welcome")).to_be_visible()
    empty[1].complaints.clear()
    page.locator(".gather-bar input[type=file]").first.set_input_files(tmp_path / "many.zip")
    expect(page.locator(".import-bar")).to_contain_text(
        f"{2 * each:,} samples of 2 classes imported."
    )
    row(page, "a").locator(".opener").click()
    box = row(page, "a").locator(".sample-box").first
    for step in range(30):
        box.evaluate("(box, top) => { box.scrollTop = top }", 400 * step)
        page.wait_for_timeout(100)
    expect(thumbs(page, "a").first).to_have_attribute("data-shown", "1")
    assert thumbs(page, "a").count() < 600
    assert box.evaluate("box => box.scrollHeight") in layer_heights(page)
    kept = page.evaluate("import('app/atlas.js').then(module => module.sheetCount())")
    assert kept <= 40
    page.keyboard.press("z")
    expect(page.locator(".gather .welcome")).to_be_visible()
