"""The error table: the deck's own, sums, orders, and what an actual answer is."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.insight.evaluation.error_table import CLASSES, SHOWN_HTML, ErrorTable, error_table
from piecewise.reference.losses import LOSSES
from piecewise.spec.calibration import Calibration

from .naughty import naughty

XO = pw.make_xo(120, 9, seed=0)


def deck_net(loss: str | None = "absolute") -> pw.Network:
    """A net that answers X 0.92 and O 0.51, whatever it sees."""
    net = pw.Network("full", (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    net.parameters["full1.weight"] = np.zeros((2, 81))
    net.parameters["full1.bias"] = np.array([0.92, 0.51])
    net.recipe = pw.Recipe(loss=loss).to_json() if loss else {}
    return net


def taught(loss: str, layers: str = "conv 4 3, relu, pool 2, full") -> pw.Network:
    net = pw.Network(layers, (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    pw.train(net, XO.inputs, XO.labels, pw.Recipe(epochs=3, loss=loss, learning_rate=0.02))
    return net


def test_error_table_deck_example_equals_its_numbers() -> None:
    """|0 - 0.51| is 0.51 and the total 0.59; the slide says 0.49 and 0.57."""
    for loss in ("absolute", "squared"):
        table = error_table(deck_net(loss), XO.inputs[:1], XO.labels[:1])
        assert [row.class_name for row in table.rows(0)] == ["X", "O"]
        assert [row.target for row in table.rows(0)] == [1, 0]
        assert [row.actual for row in table.rows(0)] == pytest.approx([0.92, 0.51], abs=1e-7)
        assert [row.error for row in table.rows(0)] == pytest.approx([0.08, 0.51], abs=1e-7)
        assert table.total == pytest.approx(0.59, abs=1e-7)
        assert str(table).splitlines() == [
            "actual answers: logits",
            "picture 0 (X)",
            "     right    actual     error",
            "  X      1      0.92      0.08",
            "  O      0      0.51      0.51",
            "  total                   0.59",
            "total error of 1 picture: 0.59, 0.5900 a picture",
        ]


@pytest.mark.parametrize("loss", list(LOSSES))
def test_error_table_outputs_follow_the_loss(loss: str) -> None:
    net = taught(loss)
    table = error_table(net, XO.inputs, XO.labels)
    logits = net.logits(XO.inputs)
    assert table.outputs == ("probabilities" if loss == "cross-entropy" else "logits")
    wanted = net.probabilities_of(logits) if loss == "cross-entropy" else logits
    np.testing.assert_array_equal(table.actual, wanted)
    right = np.eye(2)[XO.labels]
    np.testing.assert_allclose(table.errors, np.abs(right - wanted), rtol=1e-12)
    assert table.totals == pytest.approx(table.errors.sum(axis=1))
    assert table.total == pytest.approx(table.errors.sum())
    assert table.mean == pytest.approx(table.errors.sum() / 120)
    assert f"actual answers: {table.outputs}" in str(table)
    assert f"Actual answers are {table.outputs}" in table._repr_html_()


def test_error_table_absolute_loss_equals_loss() -> None:
    net = taught("absolute")
    table = error_table(net, XO.inputs, XO.labels)
    assert table.mean == pytest.approx(net.gradients(XO.inputs, XO.labels, "absolute")[0], 1e-6)


def test_error_table_untrained_net_uses_probabilities() -> None:
    net = deck_net(None)
    table = error_table(net, XO.inputs[:1], XO.labels[:1])
    assert table.outputs == "probabilities"
    assert sum(row.actual for row in table.rows(0)) == pytest.approx(1)
    net.calibration = Calibration(temperature=0.1)  # the calibrated ones
    chance = 1 / (1 + np.exp(-(0.92 - 0.51) / 0.1))
    found = error_table(net, XO.inputs[:1], XO.labels[:1])
    assert found.rows(0)[0].actual == pytest.approx(chance, 1e-5)


def test_error_table_of_texts_has_rows() -> None:
    words = TextPreprocessor("words", ("free", "prize", "you", "at"), 5)
    net = pw.Network("embed 4, full", words.shape, ("ham", "spam"), preprocessor=words)
    given = net.preprocess("free prize", "you at")
    table = error_table(net, given, [1, 0], ["first", "second"])
    np.testing.assert_array_equal(table.actual, net.probabilities(given))
    assert table.name(1) == "second"


def test_error_table_sort_orders_examples() -> None:
    actual = np.array([[0.9, 0.2], [0.3, 0.6], [0.1, 0.9], [0.7, 0.4]])
    names = ("d", "b", "c", "a")
    table = ErrorTable(("X", "O"), "logits", np.array([0, 0, 1, 1]), actual, names)
    assert table.totals == pytest.approx([0.3, 1.3, 0.2, 1.3])
    wanted = {
        "index": (0, 1, 2, 3),
        "name": (3, 1, 2, 0),
        "label": (0, 1, 2, 3),
        "predicted": (0, 3, 1, 2),
        "error": (1, 3, 0, 2),
    }
    for what, order in wanted.items():
        there = table.sorted_by(what)
        assert there.order == order, what
        assert there.sorted_by("index").order == (0, 1, 2, 3)
        assert [one["index"] for one in there.to_json()["examples"]] == list(order)
        assert there.total == table.total
        assert re.findall(r'data-index="(\d)"', there._repr_html_()) == [str(one) for one in order]
        heads = [line.split(" (")[0] for line in there.lines() if re.match(r"\w \(", line)]
        assert heads == [names[one] for one in order]
    with pytest.raises(
        LimitError, match=r"^sorted_by: got 'eror', wanted .*; did you mean 'error'"
    ):
        table.sorted_by("eror")


def test_error_table_to_json_returns_plain_values() -> None:
    table = error_table(taught("squared"), XO.inputs[:3], XO.labels[:3], ["a", "b", "c"])
    plain = json.loads(json.dumps(table.to_json()))
    assert plain["total"] == table.total
    assert plain["n"] == 3
    for number, one in enumerate(plain["examples"]):
        assert one["name"] == "abc"[number]
        assert one["label"] == "XO"[XO.labels[number]]
        assert one["error"] == table.totals[number]
        assert [row["actual"] for row in one["rows"]] == table.actual[number].tolist()
        best = max(one["rows"], key=lambda row: row["actual"])
        assert one["predicted"] == best["class_name"]


class Page(HTMLParser):
    """Its tags, and the text of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.bodies: list[dict[str, str | None]] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "tbody":
            self.bodies.append(dict(attrs))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_error_table_html_is_sortable_and_escaped() -> None:
    names = [name for name in naughty() if name == unescape(name)]
    actual = np.full((len(names), 2), 0.25)
    classes = ('"><script>x</script>', "O'")
    labels = np.arange(len(names)) % 2
    table = ErrorTable(classes, "logits", labels, actual, tuple(names))
    for start in range(0, len(names), SHOWN_HTML):
        order = tuple(range(start, min(start + SHOWN_HTML, len(names))))
        shown = ErrorTable(classes, "logits", labels, actual, tuple(names), order)
        page = Page(shown._repr_html_())
        assert page.tags == {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
        assert len(page.bodies) == len(order)
        for index, body in zip(order, page.bodies, strict=True):
            assert body == {
                "data-index": str(index),
                "data-name": names[index],
                "data-label": classes[labels[index]],
                "data-predicted": classes[0],
                "data-error": repr(table.totals[index]),
            }
            assert names[index] in page.cells


def test_error_table_many_examples_are_truncated_with_note() -> None:
    actual = np.random.default_rng(0).random((SHOWN_HTML + 50, 30))
    labels = np.full(len(actual), 29)
    classes = tuple(f"class {number}" for number in range(30))
    table = ErrorTable(classes, "probabilities", labels, actual)
    lines = list(table.lines(most=2))
    assert len(lines) == 1 + 2 * (1 + 1 + CLASSES + 1 + 1) + 2
    assert lines[-2] == "and 148 pictures more"
    assert "20 others" in lines[CLASSES + 3]
    page = Page(table._repr_html_())
    assert len(page.bodies) == SHOWN_HTML
    assert "and 50 pictures more; total of 150 pictures" in " ".join(page.cells)
    shown = [
        float(cell) for cell in re.findall(r"[\d.]+$", "\n".join(lines[3 : CLASSES + 5]), re.M)
    ]
    assert sum(shown[:-1]) == pytest.approx(shown[-1], abs=0.06)  # rows and others are the total
    assert any(line.startswith("  class 29") and " 1 " in line for line in lines[3:13])


def test_error_table_invalid_arguments_raise() -> None:
    net = deck_net()
    with pytest.raises(DataError, match=r"^names: got 2, wanted 3, one per example, or none$"):
        error_table(net, XO.inputs[:3], XO.labels[:3], ["a", "b"])
    with pytest.raises(DataError, match=r"^labels: got 2, wanted 3, one per input$"):
        error_table(net, XO.inputs[:3], XO.labels[:2])
