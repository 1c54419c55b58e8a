"""Groups: found in names and fields, and kept on one side of every split."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import DataError
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.groups import assign_groups, grouping_options
from piecewise.training.splits import assign_folds, validation_mask

from .real_data import real
from .steps import HANG
from .test_folders import tree
from .test_modalities import picture

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.integers(0, 3, 900)
PEOPLE = np.array([f"person {number}" for number in RANDOM.integers(0, 25, 900)])


def files(root: Path, *names: str) -> Path:
    for label, folder in enumerate(("a", "b")):
        (root / folder).mkdir(parents=True)
        for number, name in enumerate(names):
            content = picture(label, number)
            (root / folder / f"{name.format(folder=folder)}.png").write_bytes(content)
    return root


def sides(groups: np.ndarray, out: np.ndarray) -> None:
    """No group is on both sides."""
    assert not set(groups[out].tolist()) & set(groups[~out].tolist())


@pytest.mark.parametrize("seed", range(20))
def test_validation_mask_holds_out_whole_groups(seed: int) -> None:
    out = validation_mask(LABELS, seed, 0.2, PEOPLE)
    sides(PEOPLE, out)
    assert 0.12 < out.mean() <= 0.2
    assert set(LABELS[~out].tolist()) == {0, 1, 2}


def test_validation_mask_seed_changes_groups() -> None:
    chosen = {
        tuple(np.unique(PEOPLE[validation_mask(LABELS, seed, 0.2, PEOPLE)])) for seed in range(5)
    }
    assert len(chosen) == 5


def test_validation_mask_takes_a_large_group_if_needed() -> None:
    groups = np.repeat(["x", "y"], [60, 40])
    out = validation_mask(np.arange(100) % 2, 0, 0.1, groups)
    assert (out == (groups == "y")).all()


def test_validation_mask_keeps_the_only_group_of_a_class() -> None:
    labels = np.array([0, 1] * 40 + [2] * 20)
    groups = np.array(["w", "x", "y", "z"] * 20 + ["alone"] * 20)
    for seed in range(20):
        out = validation_mask(labels, seed, 0.4, groups)
        assert out.any()
        assert "alone" not in groups[out]
    assert not validation_mask(labels, 0, 0.5, np.full(100, "one")).any()


def test_assign_folds_holds_whole_groups_of_similar_size() -> None:
    fold = assign_folds(LABELS, 0, 0, 5, PEOPLE)
    for number in range(5):
        sides(PEOPLE, fold == number)
    sizes = np.bincount(fold)
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= max(np.unique(PEOPLE, return_counts=True)[1])
    assert (fold != assign_folds(LABELS, 0, 1, 5, PEOPLE)).any()
    alone = assign_folds(LABELS, 0, 0, 25, PEOPLE)
    assert len({(group, number) for group, number in zip(PEOPLE, alone, strict=True)}) == 25


def test_pattern_finds_group_in_file_name(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "7_ann_1", "7_bob_1", "7_ann_2", "7_bob_x_2")
    gathered = discover(root)
    found = assign_groups(gathered, "*_{group}_*", root)
    assert found == ["ann", "ann", "bob", "bob"] * 2
    assert assign_groups(gathered, "7_{group}", root)[2:4] == ["bob_1", "bob_x_2"]
    for wrong in ("", "ann", "{group}{group}", "*", "x" * 300 + "{group}"):
        with pytest.raises(DataError, match=r"^groups: got .*, wanted a pattern such as"):
            assign_groups(gathered, wrong, root)
    with pytest.raises(DataError, match=r"7_ann_1\.png: its name does not fit the groups '8_"):
        assign_groups(gathered, "8_{group}_*", root)


def test_folders_in_the_classes_are_suggested_as_groups(tmp_path: Path) -> None:
    names = [f"{who}/{take}.png" for who in ("ann", "bob") for take in range(2)]
    root = tree(tmp_path, *(f"{folder}/{name}" for folder in "ab" for name in names))
    gathered = discover(root)
    (offer,) = grouping_options(gathered)
    assert (offer.pattern, offer.group_count, offer.sample_groups) == (
        "{group}/*", 2, ["ann", "bob"],
    )  # fmt: skip
    assert assign_groups(gathered, "{group}/*", root) == ["ann", "ann", "bob", "bob"] * 2
    tree(root, "a/loose.png")
    assert grouping_options(discover(root)) == []
    with pytest.raises(DataError, match=r"loose\.png: its name does not fit the groups"):
        assign_groups(discover(root), "{group}/*", root)


def test_pattern_is_not_a_regular_expression(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "a.b+(1)_ann")
    assert assign_groups(discover(root), "a.b+(1)_{group}", root) == ["ann", "ann"]
    with pytest.raises(DataError, match="does not fit"):
        assign_groups(discover(root), "a?b+(1)_{group}", root)


def test_grouping_options_words_in_several_classes_are_suggested(tmp_path: Path) -> None:
    names = [f"{{folder}}_{who}_{take}" for who in ("ann", "bob") for take in range(5)]
    (offer,) = grouping_options(discover(files(tmp_path / "set", *names)))
    assert (offer.pattern, offer.group_count, offer.sample_groups) == (
        "*_{group}_*",
        2,
        ["ann", "bob"],
    )


@pytest.mark.parametrize("name", ["{{folder}}{}", "{{folder}}_{}", "IMG-{}", "{}_{{folder}}_x"])
def test_grouping_options_numbers_classes_and_constants_are_not_suggested(
    tmp_path: Path, name: str
) -> None:
    root = files(tmp_path / "set", *(name.format(number) for number in range(12)))
    assert grouping_options(discover(root)) == []


def test_grouping_options_real_speakers_and_writers_are_suggested() -> None:
    speakers = discover(real("spoken-digits.zip"))
    assert [(offer.pattern, offer.group_count) for offer in grouping_options(speakers)] == [
        ("*_{group}_*", 6)
    ]
    writers = discover(real("xo-unipen.npz"))
    assert [(offer.pattern, offer.group_count) for offer in grouping_options(writers)] == [
        ("writer", 274)
    ]


def test_groups_of_npz_field_and_table_column(tmp_path: Path) -> None:
    images, labels = np.zeros((4, 5, 5), np.uint8), np.array(["a", "b"] * 2)
    objects = np.array([{}, [], 1, None], dtype=object)
    np.savez(tmp_path / "set.npz", images=images, labels=labels, writer=[3, 3, 4, 4], odd=objects,
             other=np.zeros((4, 2)))  # fmt: skip
    data = pw.read_data(tmp_path / "set.npz", groups="writer")
    assert data.groups is not None
    assert data.groups.tolist() == ["3", "3", "4", "4"]
    with pytest.raises(DataError, match=r"got 'odd', wanted a field of it \(writer\)"):
        pw.read_data(tmp_path / "set.npz", groups="odd")
    (tmp_path / "set.csv").write_text("text,label,who\none,a,x\ntwo,b,y\nthree,a,x\n")
    data = pw.read_data(tmp_path / "set.csv", groups="who")
    assert data.groups is not None
    assert data.groups.tolist() == ["x", "y", "x"]
    with pytest.raises(DataError, match="wanted a field of it"):
        pw.read_data(tmp_path / "set.csv", groups="label")


def test_group_with_too_long_name_is_refused_and_not_suggested(tmp_path: Path) -> None:
    rows = [f"tea,{'ab'[number % 2]},{'x' * 1_001}" for number in range(4)]
    rows += [f"tea,{'ab'[number % 2]},ann" for number in range(4)]
    (tmp_path / "set.csv").write_text("\n".join(["text,label,author", *rows]))
    with pytest.raises(DataError, match="a group of 1,001 characters, wanted at most 1,000"):
        pw.read_data(tmp_path / "set.csv", groups="author")
    assert pw.read_data(tmp_path / "set.csv").group_suggestions == []


def test_no_pattern_takes_long(tmp_path: Path) -> None:
    """In C, so that no step can be counted; trying all ways would take thousands of years."""
    root = files(tmp_path / "set", "a" * 60)
    script = (
        "import sys; from pathlib import Path\n"
        "from piecewise.data.sources.discovery import discover\n"
        "from piecewise.data.sources.groups import assign_groups; root = Path(sys.argv[1])\n"
        "assign_groups(discover(root), '*a' * 12 + '{group}_', root)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True,
                          text=True, check=False, timeout=HANG)  # fmt: skip
    assert "does not fit" in done.stderr
    with pytest.raises(DataError, match=r"wanted at most 4 \* after"):
        assign_groups(discover(root), "{group}" + "*a" * 5, root)
