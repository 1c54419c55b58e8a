"""Journeys through the app in Chromium: draw, teach, look inside, and lose nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from random import Random
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from piecewise import Network
from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.strokes import checked_drawing, draw
from piecewise.app.teaching import Teacher
from piecewise.app.teaching_data import FOLDS
from piecewise.trace.walk import Walk

from .app_page import AppPage, Program, Strokes, answers, program
from .axe import violations
from .browser import WINDOWS, chromium
from .programs import needs_chromium
from .real_data import real
from .steps import HANG

pytest.importorskip("starlette", reason="the app's server is an extra")
pytestmark = needs_chromium

LAYERS = "conv 6 5, relu, pool 2, conv 8 3, relu, pool 2, full"
CROSS: Strokes = [[[0, 0], [1, 1]], [[1, 0], [0, 1]]]
RING: Strokes = [[[0.5, 0], [0.9, 0.2], [1, 0.5], [0.8, 0.9], [0.4, 1], [0, 0.6], [0.1, 0.2],
                  [0.5, 0]]]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def pixels(strokes: Strokes, random: Random) -> Any:
    """Strokes in the pixels of a drawing, a little different every time."""
    left, top = 14 + random.uniform(-8, 8), 14 + random.uniform(-8, 8)
    side = random.uniform(66, 84)
    return [[[round(left + x * side, 2), round(top + y * side, 2)] for x, y in stroke]
            for stroke in strokes]  # fmt: skip


def filled(folder: Path, each: int = 6, layers: str | None = LAYERS) -> Path:
    """A project of crosses and rings."""
    random = Random(7)
    project = Project(folder)
    for name, strokes in (("X", CROSS), ("O", RING)):
        project.add_class(name)
        for _ in range(each):
            drawing = checked_drawing(pixels(strokes, random), 6)
            project.add_drawing(name, "train", drawing)
    project.set_settings(layers=layers, recipe={"epochs": 12})
    project.close()
    return folder


def taught(common_folder: Path, folder: Path) -> Path:
    """A copy of that project with its net, taught and scored: this is done once in a run."""
    made = common_folder / "taught"
    if not made.exists():
        news = SimpleQueue[dict[str, Any]]()
        project = Project(filled(Path(mkdtemp(dir=common_folder)) / "project"))
        with closing(project), closing(Teacher(project, news.put)) as teacher:
            teacher.changed()
            while (heard := news.get(timeout=HANG))["type"] != "score" or heard["done"] < FOLDS:
                assert heard["type"] != "failed", heard
        with suppress(OSError):  # another process was earlier
            project.root.rename(made)
    return Path(copytree(made, folder))


@pytest.fixture(scope="module")
def shared(common_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program for tests that change no samples."""
    with program(taught(common_folder, tmp_path_factory.mktemp("shared") / "project")) as running:
        yield running


def page_with_cross(browser: Browser, shared: Program) -> Iterator[AppPage]:
    """The page of a taught project, with a cross on the pad; in the end, nothing was complained
    about."""
    page = AppPage(browser, shared.link)
    page.wait_for_score()
    page.draw(CROSS)
    expect(page.page.locator(".says-label")).to_have_text("X")
    yield page
    assert page.complaints == []
    assert page.foreign(shared.port) == []
    page.close()


@pytest.fixture(scope="module")
def opened(browser: Browser, shared: Program) -> Iterator[AppPage]:
    """The page of that program, taught, with a cross on the pad."""
    yield from page_with_cross(browser, shared)


@pytest.fixture
def own(browser: Browser, common_folder: Path, tmp_path: Path) -> Iterator[tuple[Program, AppPage]]:
    """A program and a page of one test, taught."""
    with program(taught(common_folder, tmp_path / "project")) as running:
        page = AppPage(browser, running.link)
        page.wait_for_score()
        for name in "XO":
            expect(page.samples(name)).to_have_count(6)
        yield running, page
        assert page.foreign(running.port) == []
        page.close()


def test_person_draws_letters_and_net_knows_those_of_others(
    browser: Browser, tmp_path: Path
) -> None:
    with gzip.open(real("xo-unipen-strokes.jsonl.gz"), "rt") as file:
        rows = [row for row in map(json.loads, file) if not row["test"]]
    for row in rows:  # as a fast mouse draws them
        row["strokes"] = [[*one[:-1:3], one[-1]] for one in row["strokes"]]
    letters = {name: [row for row in rows if row["label"] == name] for name in "XO"}
    learned = {name: found[:5] for name, found in letters.items()}
    writers = {row["writer"] for found in learned.values() for row in found}
    with program(tmp_path / "X and O") as running:
        page = AppPage(browser, running.link)
        expect(page.page.locator(".draw .note")).to_contain_text("Draw an O, press 1")
        expect(page.page.locator(".bench > .says")).to_contain_text("When a net is taught")
        for x, o in zip(learned["X"], learned["O"], strict=True):
            page.teach("X", x["strokes"])
            page.teach("O", o["strokes"])
        page.wait_for_score()
        expect(page.page.locator(".score b")).to_contain_text(" of 10")
        right = 0
        for name, found in letters.items():
            for row in [one for one in found if one["writer"] not in writers][:4]:
                page.page.keyboard.press("c")
                page.draw(row["strokes"])
                expect(page.page.locator(".bench > .says .status")).to_contain_text("sure")
                page.wait_for_answers()
                right += page.says() == name
        assert right >= 6
        assert page.complaints == []
        page.close()


def test_answer_follows_the_pen(opened: AppPage) -> None:
    asked = answers(opened.page)
    opened.page.keyboard.press("c")
    opened.draw(RING)
    expect(opened.page.locator(".says-label")).to_have_text("O")
    counts = [len(one["strokes"][0]) for one in asked]
    assert len(counts) > 1
    assert counts == sorted(counts)
    opened.page.keyboard.press("c")
    opened.draw(CROSS)
    expect(opened.page.locator(".says-label")).to_have_text("X")


def walked(program: Program, page: Page, question: dict[str, Any]) -> Walk:
    """The walk of the newest net for what the page asked."""
    net = Network.load(sorted((program.folder / OWN / "nets").iterdir())[-1])
    picture = draw(checked_drawing(question["strokes"], question["width"]))
    return net.walk(net.preprocess(picture[:, :, None])[0])


def test_every_number_is_that_of_the_walk(opened: AppPage, shared: Program) -> None:
    asked = answers(opened.page)
    opened.page.keyboard.press("c")
    opened.draw(CROSS)
    expect(opened.page.locator(".says-label")).to_have_text("X")
    opened.wait_for_answers()
    walk = walked(shared, opened.page, asked[-1])
    random = Random(3)
    for name in walk:
        for _ in range(5):
            cell = [random.randrange(side) for side in walk[name].shape]
            value, terms = opened.page.evaluate(
                "place => [piecewise.walk.value(place), piecewise.termsOf(piecewise.walk, place)]",
                [name, *cell],
            )
            if name == "input":
                assert value == walk[name][tuple(cell)]
                continue
            why = walk.why(name, *cell)
            assert value == why.value, (name, cell)
            assert terms == [term.to_json() for term in why.terms], (name, cell)


def test_click_on_a_map_opens_its_number(opened: AppPage, shared: Program) -> None:
    stack = opened.page.locator(".stack").nth(1)
    stack.click(position={"x": 40, "y": 40})
    heading = opened.page.locator("#open-number")
    expect(heading).to_be_focused()
    expect(heading).to_contain_text("pool1, map 1, row ")
    assert opened.page.locator(".cell-mark").count() == 1
    opened.page.locator(".arithmetic .opens").first.click()
    expect(heading).to_contain_text("relu1, map 1")
    opened.page.locator(".trail button").first.click()
    expect(heading).to_contain_text("pool1, map 1")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("aside.panel")).to_be_hidden()
    expect(stack).to_be_focused()


def test_keys_move_in_maps_and_open(opened: AppPage) -> None:
    stack = opened.page.locator(".stack").nth(2)
    stack.focus()
    for key in ("Home", "PageDown", "ArrowDown", "ArrowRight"):
        opened.page.keyboard.press(key)
    number_line = opened.page.locator(".readout-line")
    expect(number_line).to_contain_text("pool2, map 2, row 2, column 2 =")
    assert opened.page.locator(".patch").count() > 1
    assert opened.page.locator(".links path").count() > 1
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#open-number")).to_contain_text("pool2, map 2, row 2, column 2 =")
    opened.page.keyboard.press("Escape")


def test_stage_of_a_block_is_chosen(opened: AppPage) -> None:
    stages = opened.page.locator(".stages", has_text="match").first
    stages.get_by_role("button", name="match").click()
    opened.page.locator(".stack").nth(1).focus()
    opened.page.keyboard.press("Home")
    expect(opened.page.locator(".readout-line")).to_contain_text("conv1, map 1")
    stages.get_by_role("button", name="pool 2").click()
    expect(opened.page.locator(".stack")).to_have_count(3)


@pytest.fixture(scope="module")
def judged(browser: Browser, shared: Program, opened: AppPage) -> Iterator[AppPage]:
    """The page of that program for axe, which sets styles that the policy forbids."""
    page = AppPage(browser, shared.link, like=opened)
    page.wait_for_score()
    page.draw(CROSS)
    expect(page.page.locator(".says-label")).to_have_text("X")
    yield page
    page.close()


def check_axe(opened: AppPage) -> None:
    assert violations(opened.page) == []


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_page_is_accessible(judged: AppPage, scheme: Any, width: int) -> None:
    page = judged.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    for place in ("gather", "look"):
        page.evaluate("place => { location.hash = `#/${place}` }", place)
        page.wait_for_selector(f".tabs [aria-current][href='#/{place}']", state="attached")
        page.wait_for_selector("main > :not([hidden])")  # it is loaded
        check_axe(judged)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.emulate_media(color_scheme="light")


def test_open_number_is_accessible(judged: AppPage) -> None:
    stack = judged.page.locator(".stack").nth(2)
    stack.focus()
    judged.page.keyboard.press("Enter")
    judged.page.locator(".arithmetic .opens").first.click()
    check_axe(judged)
    judged.page.keyboard.press("Escape")


def test_wrong_layers_are_said_at_the_knob(judged: AppPage) -> None:
    page = judged.page
    page.locator(".layers summary").click()
    expect(page.locator(".layer-table tbody tr")).to_have_count(7)
    page.locator("#layers").fill("conv 6 99, full")
    expect(page.locator("#layers-check .problem")).to_contain_text("99")
    page.keyboard.press("Escape")
    expect(page.locator("#layers")).to_be_hidden()


def test_pad_draws_by_keys_and_undoes(opened: AppPage) -> None:
    page = opened.page
    page.keyboard.press("c")
    asked = answers(page)
    page.locator(".draw .pad").focus()
    for key in (" ", "ArrowDown", "ArrowDown", "ArrowRight", " "):
        page.keyboard.press(key)
    opened.wait_for_answers()
    assert asked[-1]["strokes"] == [[[56, 56], [56, 60], [56, 64], [60, 64]]]
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(page.locator(".says-label")).to_have_text("X")


def test_knob_teaches_anew_and_attempt_comes_back(own: tuple[Program, AppPage]) -> None:
    _, app = own
    page = app.page
    app.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    sha256 = page.evaluate("piecewise.walk.data.parameters_sha256")
    page.get_by_label("epochs").fill("3")
    page.keyboard.press("Enter")
    expect(page.locator(".loss figcaption")).to_contain_text("3 epochs")
    expect(page.locator(".attempt")).to_have_count(2)
    app.wait_for_net(lambda found: found != sha256)
    page.locator(".attempt").first.click()
    expect(page.locator(".loss figcaption")).to_contain_text("12 epochs")
    app.wait_for_net(lambda found: found == sha256)
    assert app.complaints == []


def test_reload_and_restart_lose_nothing(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    app.teach("X", CROSS)
    app.wait_for_score()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(app.samples("X")).to_have_count(7)
    expect(page.locator(".state b")).to_have_text("Taught")
    assert app.complaints == []
    running.stop()
    expect(page.locator(".state b")).to_have_text("The program has stopped")
    app.draw(RING)
    page.locator(".class-button", has_text="O").click()
    expect(page.locator(".state .sub")).to_contain_text("1 drawing waits here")
    expect(page.locator(".thumb.hollow")).to_have_count(1)
    running.start()
    expect(app.samples("O")).to_have_count(7)
    app.wait_for_score()
    assert len(list((running.folder / "train" / "O").iterdir())) == 7
    running.stop()
    expect(page.locator(".state b")).to_have_text("The program has stopped")
    running.start()
    page.evaluate("location.hash = '#/try'")
    expect(page.locator(".try .confusion")).to_be_visible()  # no button has to be pressed


def test_two_windows_show_the_same(own: tuple[Program, AppPage]) -> None:
    running, app = own
    other = app.new_window(f"http://127.0.0.1:{running.port}/")
    expect(app.samples("O", other)).to_have_count(6)
    app.page.bring_to_front()
    app.teach("O", RING)
    other.bring_to_front()
    expect(app.samples("O", other)).to_have_count(7)
    assert app.complaints == []


def test_answer_about_a_removed_sample_is_not_kept(own: tuple[Program, AppPage]) -> None:
    opened = own[1]
    page = opened.page
    opened.teach("X", CROSS)
    opened.wait_for_score(13)
    page.evaluate("location.hash = '#/gather'")
    samples = page.get_by_role("group", name="Samples of X, for learning")
    samples.locator("button[data-shown='1']").first.click()
    page.keyboard.press("x")
    opened.wait_for_score(12)
    page.evaluate("location.hash = '#/look'")
    taught = page.evaluate("piecewise.walk.data.parameters_sha256")
    opened.wait_for_net(lambda net: net != taught)


def test_page_without_the_code_is_locked(browser: Browser, shared: Program) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{shared.port}/")
    page.wait_for_selector("html[data-ready=locked]")
    expect(page.locator("h1")).to_have_text("This page may not ask the program.")
    context.close()


def test_class_with_a_hostile_name_is_only_text(own: tuple[Program, AppPage]) -> None:
    _, app = own
    name = '<img src="http://example.com/x" onerror=alert(1)>'
    app.page.locator(".class-button.new").click()
    app.page.locator("input.name").fill(name)
    app.page.keyboard.press("Enter")
    expect(app.page.locator(".class", has_text="onerror")).to_have_count(1)
    app.page.locator(".class", has_text="onerror").locator(".rename").click()
    app.page.locator("input.name").fill("Z")
    app.page.keyboard.press("Enter")
    expect(app.page.locator(".class .rename", has_text="Z")).to_have_count(1)
    assert app.complaints == []
