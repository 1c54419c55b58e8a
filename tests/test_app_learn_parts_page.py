"""The parts of lessons in Chromium: drawings, kernels, trials and worked examples."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import FloatRect, Locator, Page, Request, Route, expect

from piecewise.lessons.catalog import lesson
from piecewise.lessons.descent import Descent
from piecewise.lessons.feature_matches import agreeing_pixels
from piecewise.lessons.knob_trial import knob_trial
from piecewise.lessons.learner import project_learner
from piecewise.lessons.net_quantities import extreme, ink, shared_ink, shifted_drawing
from piecewise.lessons.questions import Draw
from piecewise.lessons.worked_examples import EXAMPLES, STAGES, WorkedExample

from .app_page import AppPage, Program, wait_until
from .programs import needs_chromium
from .test_app_browser import browser
from .test_app_learn_page import SEED, commit, go, opened, shared

pytestmark = needs_chromium
__all__ = ["browser", "opened", "shared"]

pytestmark = needs_chromium
__all__ = ["browser"]


def test_drawing_is_moved_by_arrow_keys(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "literal")
    commit(page)
    part = page.locator(".lesson .part")
    own = project_learner(shared.folder).drawings[0]
    part.get_by_role("button", name="Right", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    said = f"{shared_ink(own, -1, 1)} of {ink(shifted_drawing(own, -1, 1))} ink pixels lie on ink"
    expect(part.locator(".facts")).to_contain_text(f"Moved up by 1 and right by 1: {said}")
    expect(part.locator(".facts")).to_contain_text("The small net says")


def test_feature_is_placed_by_keyboard_and_by_a_tap(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "features")
    commit(page)
    own = project_learner(shared.folder).drawings[0]
    part = page.locator(".lesson .part")
    part.get_by_role("combobox", name="Feature").select_option("x")
    part.get_by_role("button", name="Right", exact=True).focus()
    for key in ["ArrowRight"] * 2 + ["ArrowDown"] * 4 + ["ArrowUp"]:
        page.keyboard.press(key)
    agreeing = agreeing_pixels(own, "x")
    facts, count = part.locator(".facts"), agreeing[3, 2]
    expect(facts).to_contain_text(f"Rows 4 to 6, columns 3 to 5: {count} of 9 pixels agree")
    best = max(count, *agreeing[:5, 2], *agreeing[0, :3])
    match = f"{2 * best - 9}/9".replace("-", "\N{MINUS SIGN}")
    found = part.get_by_role("table", name="The best match that you found").locator("tbody tr")
    expect(found.nth(1)).to_have_text(f"x{match}")
    expect(found.last).to_have_text("/not placed yet")
    differing = part.locator(".pixels").first.locator(".differs")
    expect(differing).to_have_count(9 - int(count))
    part.locator(".pixels").first.locator("tbody tr").nth(8).locator("td").nth(8).click()
    expect(facts).to_contain_text("Rows 7 to 9, columns 7 to 9: ")
    expect(part.locator(".kernels .pixels")).to_have_count(6)


def test_cell_is_opened_and_a_pixel_flipped_by_keyboard(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "filtering")
    commit(page)
    part = page.locator(".lesson .part")
    part.get_by_role("button", name="Open the brightest cell").press("Enter")
    heading = part.locator(".panel h2")
    own = project_learner(shared.folder)
    walk = own.small.walk(own.drawings[0].pixels)
    _, feature, row, column = extreme(walk, "conv1", 1)
    where = f"conv1, map {feature + 1}, row {row + 1}, column {column + 1} = "
    value = f"{walk.why('conv1', feature, row, column).value:.9g}"
    expect(heading).to_have_text(where + value)
    expect(part.locator(".ok")).to_contain_text("the same, bit by bit")
    part.locator(".stack").first.focus()
    for key in ["ArrowDown"] * row + ["ArrowRight"] * column + ["Enter"]:
        page.keyboard.press(key)
    expect(heading).not_to_have_text(where + value)
    part.get_by_role("button", name="Flip them back").press("Enter")
    expect(heading).to_have_text(where + value)
    part.locator(".panel").get_by_role("button", name="close").press("Enter")


def test_button_before_the_first_answer_opens_the_cell_with_it(opened: AppPage) -> None:
    page, held = opened.page, list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    go(page, "knobs")
    page.route("**/api/small-net/walk", hold)
    go(page, "filtering")
    commit(page)
    part = page.locator(".lesson .part")
    part.get_by_role("button", name="Open the brightest cell").press("Enter")
    wait_until(page, lambda: len(held) == 1)
    assert part.locator(".panel h2").count() == 0
    held[0].continue_()
    page.unroute("**/api/small-net/walk")
    expect(part.locator(".panel h2")).to_contain_text("conv1, map")


def test_wrong_errors_of_the_slide_are_marked_by_keyboard(opened: AppPage) -> None:
    page = opened.page
    go(page, "errors")
    commit(page)
    part = page.locator(".lesson .part")
    for name in ("The error of O: 0.49", "The error of X: 0.08"):
        part.get_by_role("button", name=name).press("Enter")
    assert "0.59" not in part.locator(".slide").inner_text()
    for _ in range(2):  # comparing again adds no column
        part.get_by_role("button", name="Compare").press("Enter")
    said = "You found 1 of 2 wrong errors, and marked 1 right one."
    expect(part.locator(".facts")).to_have_text(said)
    expect(part.locator(".slide tr").last).to_have_text("total0.570.59")
    own = part.get_by_role("table", name="The errors of your drawings")
    expect(own.locator("tbody tr")).to_have_count(13)
    expect(own.locator("tbody tr").last).to_contain_text("all together")


def test_map_is_muted_and_weight_is_nudged(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "votes")
    commit(page)
    facts = page.locator(".lesson .part .facts")
    expect(facts.first).to_contain_text("The small net says")
    with page.expect_response("**/api/small-net/walk"):
        page.get_by_role("button", name="Map 2", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Map 2", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    go(page, "learning")
    commit(page)
    slider = page.get_by_role("slider", name="Weight")
    before = slider.get_attribute("aria-valuetext")
    slider.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", before or "")
    page.get_by_role("button", name="One step", exact=True).press("Enter")
    expect(facts.last).to_contain_text("The mean loss of all drawings goes from ")
    factor = Descent(project_learner(shared.folder)).factor
    page.get_by_role("button", name=f"One step, {factor} times as long").press("Enter")

    def has_risen() -> bool:
        said = re.search(r"from ([\d.]+) to ([\d.]+)\. The", facts.last.inner_text())
        return said is not None and float(said[2]) >= 1.1 * float(said[1])

    wait_until(page, has_risen)


def test_knob_is_turned_and_columns_are_shuffled(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "knobs")
    commit(page)
    rows = page.locator(".lesson .part tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_role("combobox", name="kernels").select_option("6")
    page.get_by_role("button", name="Train and score").press("Enter")
    trial = knob_trial(project_learner(shared.folder), 6, 3, 2)
    said = f"{trial.layers}{trial.parameters}{trial.right} of {trial.drawings}"
    expect(rows.last).to_have_text(said)
    go(page, "beyond")
    commit(page)
    part = page.locator(".lesson .part")
    for kind, sample in (
        ("drawing", "A sample of yours: O."),
        ("sound", "A sample of computed tones that rise or fall: rising."),
        ("text", "A sample of computed questions and statements: question."),
    ):
        part.get_by_role("button", name=f"Shuffle a {kind}").press("Enter")
        expect(part.locator(".sub").first).to_have_text(sample)
        expect(part.locator(".pixels")).to_have_count(2)
        expect(part.locator(".ordered .facts").last).to_contain_text("The small net says ")
        expect(part.get_by_role("button", name="Listen")).to_have_count(2 * (kind == "sound"))
    spoken = part.locator(".said-words")
    words = spoken.first.inner_text().split()
    expect(spoken.last).to_have_text(" ".join([*words[::3], *words[1::3], *words[2::3]]))
    part.get_by_role("combobox", name="Data").select_option("table")
    part.get_by_role("button", name="Train nets").press("Enter")
    expect(part.locator("tbody th", has_text="a table of measurements")).to_be_visible()
    expect(part.locator(".facts").last).to_contain_text("No difference found")
    cells = part.locator(".steps td").all_inner_texts()
    assert len(cells) == 4
    assert all(re.search(r"\d\.\d\s%", one) for one in cells)
    page.set_viewport_size({"width": 1280, "height": 1000})
    assert part.evaluate("one => one.scrollWidth <= one.clientWidth")


def stage_of(shared: Program, name: str, stage: int, number: int = 0) -> WorkedExample:
    """A stage of a worked example, as the page gets it."""
    own = project_learner(shared.folder)
    draw = Draw(name, "example", own.small.parameters_sha256, SEED, stage, number)
    return EXAMPLES[lesson(name).of_kind("task")[0].attributes["part"]](own, stage, draw)


@pytest.mark.parametrize("name", ["filtering", "errors"])
def test_worked_example_fades_by_keyboard(opened: AppPage, shared: Program, name: str) -> None:
    page = opened.page
    go(page, name)
    commit(page)
    worked = page.locator(".lesson .worked")
    expect(worked.locator("h2")).to_contain_text("stage 1 of 5")
    assert worked.locator("input").count() == 0
    worked.locator(".onward").press("Enter")
    for stage in range(1, STAGES):
        expect(worked.locator("h2")).to_contain_text(f"stage {stage + 1} of 5")
        asked = stage_of(shared, name, stage).asked
        expect(worked.locator("input")).to_have_count(len(asked))
        expect(worked.locator("input").first).to_be_focused()
        for at, step in enumerate(asked):
            page.keyboard.type(f"{float(step.value):.6f}".rstrip("0").rstrip("."))
            page.keyboard.press("Tab" if at < len(asked) - 1 else "Enter")
        expect(worked.locator(".said-stage")).to_have_text("All of them are right.")
        expect(worked.locator(".onward")).to_be_focused()
        page.keyboard.press("Enter")
    expect(worked.locator("input").first).to_be_focused()  # the last stage at another place
    asked = stage_of(shared, name, STAGES - 1, 1).asked
    for _ in range(2):
        for field in worked.locator("input").all():
            field.fill("99")
        worked.locator("input").last.press("Enter")
        expect(worked.locator(".said-stage")).not_to_be_empty()
    expect(worked.locator(".said-stage")).to_contain_text("Here are the steps")
    expect(worked).to_contain_text(asked[0].work.replace("-", "\N{MINUS SIGN}"))


def touch(page: Page, places: Sequence[tuple[float, float]]) -> None:
    """A finger moves from place to place, as the browser gets it from a screen."""
    session = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(places):
        kind = "touchMove" if number else "touchStart"
        values = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", values)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def steady_box(page: Page, element: Locator) -> FloatRect:
    """The place of an element on the page, once it has stopped moving."""
    boxes = [element.bounding_box()]
    while len(boxes) < 4 or boxes[-4:] != boxes[-1:] * 4:
        page.wait_for_timeout(50)
        boxes.append(element.bounding_box())
    assert boxes[-1] is not None
    return boxes[-1]


@pytest.mark.parametrize("name", ["literal", "pooling"])
@pytest.mark.parametrize("by", ["mouse", "finger"])
def test_drawing_is_dragged_by_whole_pixels(opened: AppPage, name: str, by: str) -> None:
    page = opened.page
    go(page, "knobs")
    go(page, name)
    commit(page)
    part = page.locator(".lesson .part")
    expect(part.locator(".facts")).to_contain_text("The small net says")
    drawing = part.locator(".drags").first
    drawing.scroll_into_view_if_needed()
    box = steady_box(page, drawing.locator("canvas, tbody").first)
    cells = 10 if name == "literal" else 9  # the table has the numbers of its rows, too
    side = box["width"] / cells
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    places = [(x, y), (x + 4, y), (x + side, y + side), (x + 2 * side, y - side)]
    asked = list[tuple[int, int]]()

    def keep(request: Request) -> None:
        if request.url.endswith("/api/small-net/walk"):
            values = json.loads(request.post_data or "")
            asked.append((values["down"], values["right"]))

    page.on("request", keep)
    if by == "mouse":
        page.mouse.move(x, y)
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
    else:
        touch(page, places)
    wait_until(page, lambda: asked[-1:] == [(-1, 2)])
    page.remove_listener("request", keep)
    assert part.locator(".panel h2:visible").count() == 0  # a drag opens no number
