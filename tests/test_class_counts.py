"""What the report says of classes and groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from piecewise.data.dataset import Dataset, read_data
from piecewise.data.inspection.report import inspect_data, warnings
from piecewise.data.xo import make_xo

from .test_inspection_report import drawings, findings_by_kind


def test_class_findings_small_imbalanced_or_similar_classes() -> None:
    data = drawings(200)
    labels = np.where(data.labels == 0, 0, 1)
    labels[0], labels[1:6] = 2, 3
    labels[6:60][labels[6:60] == 1] = 0
    parts = data.splits.copy()
    parts[:6], parts[9] = "train", "test"
    labels[9] = 4
    changed = replace(
        data, labels=labels, splits=parts, classes=("X", "O", "one", "o ", "only tested")
    )
    findings = findings_by_kind(changed)
    assert set(findings) == {
        "no-training-examples",
        "single-example",
        "few-examples",
        "no-test-examples",
        "class-imbalance",
        "similar-class-names",
    }
    assert findings["no-training-examples"].examples == (("only tested",),)
    assert findings["single-example"].examples == (("one",),)
    assert findings["few-examples"].examples == (("o ",),)
    assert {name for (name,) in findings["no-test-examples"].examples} == {"one", "o "}
    assert findings["similar-class-names"].examples == (("O", "o "),)
    largest, smallest = findings["class-imbalance"].examples[0]
    assert (largest, smallest) == ("X", "one")
    counts = inspect_data(changed).counts
    tested = sum(of["test"] for of in counts.values())
    assert inspect_data(changed).baseline_accuracy == pytest.approx(counts["X"]["test"] / tested)
    assert len(warnings(changed)) == 4  # no training example, one, few, similar names


def test_group_findings_suggested_groups_show_the_option(tmp_path: Path) -> None:
    drawn = make_xo(120, 12, seed=0)
    who = np.repeat(np.arange(12), 10)
    file = tmp_path / "xo.npz"
    for is_test, divided in ((who >= 9, False), (np.arange(120) % 3 == 0, True)):
        np.savez(file, images=drawn.inputs[:, 0], labels=drawn.labels, writer=who,
                 class_names=["X", "O"], is_test=is_test)  # fmt: skip
        findings = findings_by_kind(read_data(file))
        assert "`groups` 'writer'" in findings["suggested-groups"].advice
        assert findings["suggested-groups"].count == 12
        assert ("group-leak" in findings) is divided
        assert any("`groups` 'writer'" in line for line in warnings(read_data(file)))
        named = read_data(file, groups="writer")
        assert set(findings_by_kind(named)) == {"groups", *(["group-leak"] if divided else [])}
        assert findings_by_kind(named)["groups"].message.startswith("12 groups, of ")
        assert len(warnings(named)) == divided
    assert findings["group-leak"].count == 12


def test_class_findings_single_class_or_no_training_split() -> None:
    drawn = make_xo(12, size=12, seed=4)
    for labels, part, words in (
        (np.zeros(12, int), "train", "all training examples are of one class"),
        (
            drawn.labels,
            "test",
            "every example is in the test split, so there is nothing to learn from",
        ),
    ):
        parts = np.full(12, part)
        data = Dataset(drawn.inputs, labels, drawn.classes, parts, drawn.preprocessor)
        assert findings_by_kind(data)["one-class"].message == words
    parts = np.full(12, "train")
    good = Dataset(drawn.inputs, drawn.labels, drawn.classes, parts, drawn.preprocessor)
    assert "one-class" not in findings_by_kind(good)


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        (["one"] * 12, "uninformative-groups"),
        ([str(number) for number in range(12)], "uninformative-groups"),
        (None, "single-group-class"),
        (["x", "x", "y", "y"] * 3, None),
    ],
)
def test_group_findings_unusable_groups(groups: list[str] | None, kind: str | None) -> None:
    drawn = make_xo(12, size=12, seed=5)
    labels = np.arange(12) % 2
    named = np.array(groups) if groups else np.where(labels == 1, "b", "a")
    data = Dataset(drawn.inputs, labels, drawn.classes, np.full(12, "train"), drawn.preprocessor,
                   groups=named)  # fmt: skip
    findings = findings_by_kind(data)
    assert {"uninformative-groups", "single-group-class"} & set(findings) == (
        {kind} if kind else set()
    )
