"""The data report: planted faults are detected, and clean data has no findings."""

from __future__ import annotations

import io
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.data.dataset import Dataset, read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.inspection.duplicates import classify_pairs, equal_groups, pairs_of_groups
from piecewise.data.inspection.findings import Finding
from piecewise.data.inspection.near_duplicate_images import _difference, near_pairs
from piecewise.data.inspection.near_duplicate_texts import near_texts
from piecewise.data.inspection.report import _near, inspect_data, warnings
from piecewise.data.loading import subset
from piecewise.data.xo import make_xo

from .real_data import real
from .sound_files import encoded
from .steps import at_most

RNG = np.random.default_rng(5)
LINES = [
    " ".join(
        RNG.choice([f"word{chr(97 + i)}{chr(97 + j)}" for i in range(6) for j in range(9)], 12)
    )
    for _ in range(60)
]


def drawings(count: int = 120) -> Dataset:
    """Drawings of X and O, a fifth of them for testing, nothing wrong with them."""
    drawn = make_xo(count, 28, seed=3)
    parts = np.where(np.arange(count) % 5 == 4, "test", "train")
    names = [f"/home/xo/{number}.png" for number in range(count)]
    return Dataset(
        drawn.inputs, drawn.labels, drawn.classes, parts, drawn.preprocessor, names=names
    )


def with_more(data: Dataset, pictures: np.ndarray, label: int, part: str) -> Dataset:
    """The same with pictures planted at its end."""
    count = len(pictures)
    return replace(
        data,
        inputs=np.concatenate((data.inputs, pictures)),
        labels=np.append(data.labels, np.full(count, label)),
        splits=np.append(data.splits, np.full(count, part)),
        names=[*data.names, *(f"/home/xo/planted{number}.png" for number in range(count))],
    )


def findings_by_kind(data: Dataset) -> dict[str, Finding]:
    return {one.kind: one for one in inspect_data(data).findings}


def saved_again(picture: np.ndarray) -> np.ndarray:
    """A picture (1, H, W) as a JPEG of quality 60 keeps it."""
    file = io.BytesIO()
    Image.fromarray(picture[0]).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))[None]


def darker(picture: np.ndarray) -> np.ndarray:
    return (picture * 0.8 + 9).astype(np.uint8)


def test_clean_data_has_no_findings() -> None:
    report = inspect_data(drawings())
    assert report.findings == ()
    assert report.to_json()["duplicates"]["near"] == {
        "duplicates": 0, "label_conflicts": 0, "split_leaks": 0,
    }  # fmt: skip
    assert report.splits == {"train": 96, "test": 24}
    assert sum(of["test"] for of in report.counts.values()) == 24
    assert warnings(drawings()) == []


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("label", [0, 1])
def test_exact_duplicates_are_found_and_named(part: str, label: int) -> None:
    data = drawings()
    findings = findings_by_kind(with_more(data, data.inputs[:1], label, part))
    same_class = label == data.labels[0]
    wanted = {"split-leak"} if part == "test" else set()
    wanted |= {"label-conflict"} if not same_class else set()
    assert set(findings) == (wanted or {"duplicates"})
    for one in findings.values():
        assert one.count == 1
        assert one.serious is bool(wanted)
        assert [name.split(" ")[0] for name in one.examples[0]] == ["0.png", "planted0.png"]
    if not same_class:
        assert {name.split("(")[1] for name in findings["label-conflict"].examples[0]} == {
            "X)",
            "O)",
        }


@pytest.mark.parametrize("change", [saved_again, darker])
def test_near_duplicate_images_are_found(change: Callable[[np.ndarray], np.ndarray]) -> None:
    data = drawings()
    chosen = np.flatnonzero((data.labels == 0) & (data.splits == "train"))[:20]
    planted = np.stack([change(picture) for picture in data.inputs[chosen]])
    findings = findings_by_kind(with_more(data, planted, 0, "train"))
    assert set(findings) == {"near-duplicates"}
    assert findings["near-duplicates"].count >= 19
    findings = findings_by_kind(with_more(data, planted, 1, "test"))
    assert set(findings) == {"near-split-leak", "near-label-conflict"}
    assert findings["near-split-leak"].count == findings["near-label-conflict"].count >= 19
    assert findings["near-split-leak"].examples[0] == (f"{chosen[0]}.png", "planted0.png")


def test_pair_names_the_earlier_split_first() -> None:
    data = drawings()
    tested = int(np.flatnonzero(data.splits == "test")[0])
    again = data.inputs[tested : tested + 1]
    for pictures in (again, np.stack([saved_again(again[0])])):
        findings = findings_by_kind(with_more(data, pictures, int(data.labels[tested]), "train"))
        (one,) = findings.values()
        assert one.examples == (("planted0.png", f"{tested}.png"),)


def test_shrunk_photos_are_found(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:90, :90] / 90
    for number in range(40):
        tilt = RNG.uniform(-9, 9, (3, 2, 2))
        waves = np.stack(
            [np.sin(a[0] * rows + a[1] * columns) * np.cos(b[0] * rows + b[1] * columns + b[0])
             for a, b in tilt], 2)  # fmt: skip
        colours = (127 + 120 * waves + RNG.normal(size=waves.shape)).clip(0, 255).astype(np.uint8)
        place = tmp_path / "ab"[number % 2]
        place.mkdir(exist_ok=True)
        Image.fromarray(colours).save(place / f"{number}.png")
        if number == 6:
            half = Image.fromarray(colours).resize((45, 45))
            half.save(place / "half.jpg", quality=60)
    (tmp_path / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    data = read_data(tmp_path)
    report = inspect_data(data)
    assert [one.examples for one in report.findings] == [(("a/6.png", "a/half.jpg"),)]
    assert report.sizes == {"smallest": (45, 45), "median": (90, 90), "largest": (90, 90)}
    assert report.measured == len(data) == 41
    assert report.to_json()["skipped"]["count"] == 1
    assert "broken.png" in report.skipped[0]


def test_louder_sounds_are_found_with_lengths(tmp_path: Path) -> None:
    for number in range(24):
        place = tmp_path / ("high", "low")[number % 2]
        place.mkdir(exist_ok=True)
        tones = np.repeat(RNG.uniform(200, 3000, 8), 500)
        samples = np.sin(np.cumsum(2 * np.pi * tones / 8000))
        for volume, name in ((0.6, number), (0.2, f"{number}soft")):
            if number == 4 or volume > 0.5:
                (place / f"{name}.wav").write_bytes(encoded(samples * volume, 8000, "wav PCM_16"))
    report = inspect_data(read_data(tmp_path))
    (one,) = report.findings
    assert one.kind in ("near-duplicates", "duplicates")
    assert one.examples == (("4.wav", "4soft.wav"),) or one.examples == (
        ("high/4.wav", "high/4soft.wav"),
    )
    assert report.unit == "seconds"
    assert report.sizes["median"] == (1, 0.5)


def table(path: Path, rows: list[tuple[str, str, str]]) -> Dataset:
    path.write_text("text,label,split\n" + "".join(",".join(row) + "\n" for row in rows))
    return read_data(path, every_class=True)


def test_texts_that_share_words_are_found(tmp_path: Path) -> None:
    rows = [(line, "ab"[n % 2], "train") for n, line in enumerate(LINES)]
    assert not inspect_data(table(tmp_path / "clean.csv", rows)).findings
    words = LINES[0].split()
    planted = [" ".join([*words[1:], words[3]]), " ".join(words[::-1])]
    more = [(planted[0], "a", "test"), (LINES[2], "a", "test"), (planted[1], "b", "train")]
    findings = {
        one.kind: one for one in inspect_data(table(tmp_path / "x.csv", rows + more)).findings
    }
    assert findings["split-leak"].examples == (("line 4", "line 63"),)
    assert ("line 2", "line 62") in findings["near-split-leak"].examples
    assert findings["near-label-conflict"].examples[0] == ("line 2 (a)", "line 64 (b)")


def test_texts_with_unknown_words_are_not_duplicates() -> None:
    numbers = np.array([[2, 3, 1, 0], [2, 3, 1, 0], [2, 3, 4, 0], [2, 3, 4, 0], [0, 0, 0, 0]])
    assert [group.tolist() for group in equal_groups(numbers)] == [[2, 3]]
    numbers = np.array([[*range(2, 12), 1], [*range(2, 12), 1], [*range(20, 31)]])
    assert near_texts(numbers, "words").tolist() == [[0, 1]]
    assert near_texts(np.array([[*range(2, 9), 1, 1, 1, 1]] * 2), "words").tolist() == []
    letters = RNG.integers(2, 30, (3, 60))
    letters[2, 1:] = letters[0, :-1]
    assert near_texts(letters, "letters").tolist() == [[0, 2]]


def test_equal_groups_finds_equal_rows_of_any_length() -> None:
    for side in (1, 3, 4, 7, 64):
        rows = RNG.integers(0, 256, (500, 1, 2, side), dtype=np.uint8)
        rows[[7, 300, 499]], rows[20] = rows[3], rows[21]
        groups: dict[bytes, list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(row.tobytes(), []).append(index)
        wanted = [group for group in groups.values() if len(group) > 1]
        assert [group.tolist() for group in equal_groups(rows)] == wanted


class Counted(np.ndarray):
    """Numbers that count how many of them are computed with."""

    count = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **named: Any) -> Any:
        Counted.count += sum(np.size(one) for one in given)
        plain = [np.asarray(one) if isinstance(one, Counted) else one for one in given]
        return getattr(ufunc, method)(*plain, **named)


def test_all_duplicates_take_no_longer() -> None:
    count = 70_000
    data = Dataset(
        np.zeros((count, 1, 1, 1), np.uint8), (np.arange(count) % 2).view(Counted), ("X", "O"),
        np.where(np.arange(count) % 7, "train", "validation"), ImagePreprocessor((1, 1, 1)),
    )  # fmt: skip
    pairs = np.arange(count).reshape(-1, 2)
    Counted.count = 0
    with at_most(5_000_000):
        duplicates = pairs_of_groups(list(pairs), data)
    assert Counted.count < 10 * count  # looking at all of them for each: some billions
    assert duplicates.duplicate_count == duplicates.conflict_count == count // 2
    assert duplicates.leak_count == count // 7
    assert np.array_equal(duplicates.across_splits, classify_pairs(pairs, data).across_splits)
    assert (data.splits[duplicates.across_splits] == ("train", "validation")).all()


def test_averages_are_summed_from_left_to_right() -> None:
    for one, other in RNG.uniform(0, 255, (20, 2, 1, 300)).astype(np.float32):
        first, second = (side[0].astype(np.float64).tolist() for side in (one, other))

        def average(values: list[float]) -> float:
            total = values[0]
            for value in values[1:]:  # not sum(), which corrects itself since Python 3.12
                total += value
            return total / 300

        first, second = ([v - average(side) for v in side] for side in (first, second))
        both = average([a * b for a, b in zip(first, second, strict=True)])
        factor = max(both, 0) / average([a * a for a in first])
        contrast = math.sqrt(average([b * b for b in second]))
        wanted = [abs(b - factor * a) / contrast for a, b in zip(first, second, strict=True)]
        assert _difference(one, other)[0].tolist() == wanted


@pytest.mark.parametrize("way", ["nothing repeats", "in a file"])
def test_comparison_does_not_copy_images(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = RNG.integers(0, 256, (1_000, 1, 192, 192), dtype=np.uint8)
    groups = []
    if way == "in a file":  # as pictures that are too many lie
        monkeypatch.setattr(subset, "IN_MEMORY", 1 << 20)
        pictures[200] = pictures[3]
        groups = [np.array([3, 200])]
        np.save(tmp_path / "pictures.npy", pictures)
        pictures = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    data = Dataset(
        pictures, np.arange(1_000) % 2, ("X", "O"), np.full(1_000, "train"),
        ImagePreprocessor((1, 192, 192)),
    )  # fmt: skip
    tracemalloc.start()
    pairs = _near(data, groups)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pairs) == 0
    assert peak < 0.8 * pictures.nbytes


def test_empty_images_and_single_rows_are_accepted() -> None:
    blank = np.zeros((50, 1, 28, 28), np.uint8)
    assert len(near_pairs(blank, "drawings")) == 0
    assert len(equal_groups(blank)) == 1
    for shape in ((40, 1, 1, 20), (40, 1, 3, 5), (40, 1, 1, 1), (1, 1, 28, 28)):
        pictures = RNG.integers(0, 256, shape, dtype=np.uint8)
        assert len(near_pairs(pictures, "photos")) <= 40 * (shape[2:] == (1, 1))


def test_examples_without_names_are_numbered() -> None:
    data = drawings()
    again = replace(data, names=())
    again = replace(
        again,
        inputs=np.concatenate((data.inputs, data.inputs[:1])),
        labels=np.append(data.labels, data.labels[0]),
        splits=np.append(data.splits, "train"),
    )
    assert findings_by_kind(again)["duplicates"].examples == (("example 0", "example 120"),)


def test_report_is_deterministic() -> None:
    data = replace(drawings(), preprocessor=ImagePreprocessor((1, 28, 28)))
    noisy = with_more(data, np.stack([darker(one) for one in data.inputs[:9]]), 0, "test")
    assert inspect_data(noisy).to_json() == inspect_data(noisy).to_json()


def test_real_data_has_few_false_alarms() -> None:
    digits = read_data(real("mnist.npz"))
    pictures, labels = digits.subset("train")
    pairs = near_pairs(pictures, "drawings")
    assert len(pairs) < 150
    assert set(labels[pairs].reshape(-1).tolist()) <= {1}  # strokes alone
    for name in ("xo-unipen.npz", "xo-tricky.npz", "hand-signs.zip"):
        data = read_data(real(name))
        assert len(near_pairs(data.subset("train")[0], data.preprocessor.kind)) == 0


def test_drawing_with_an_extra_dot_is_no_duplicate() -> None:
    data = drawings()
    dotted = data.inputs[:9].copy()  # the next one has ink there
    dotted[:, :, 12:15, 2:5] = 255
    assert inspect_data(with_more(data, dotted, 0, "train")).near.pairs.tolist() == []


def test_duplicates_are_counted_by_example_in_any_split_order() -> None:
    drawn = make_xo(8, size=12, seed=3)
    again = np.concatenate([drawn.inputs, *[drawn.inputs[:1]] * 6])
    labels = np.concatenate([drawn.labels, [drawn.labels[0]] * 3, [1 - drawn.labels[0]] * 3])
    parts = ["test", *["train"] * 7, *["train"] * 6]
    findings = findings_by_kind(
        Dataset(again, labels, drawn.classes, np.array(parts), drawn.preprocessor)
    )
    assert findings["label-conflict"].count == 3
    assert findings["split-leak"].count == 1
    assert findings["duplicates"].count == 4  # of three of one class two, of three of the other two


def test_empty_examples_are_found(tmp_path: Path) -> None:
    drawn = make_xo(6, size=12, seed=6)
    blank = np.concatenate([drawn.inputs, np.full((1, 1, 12, 12), 7, np.uint8)])
    labels, parts = np.append(drawn.labels, 0), np.full(7, "train")
    findings = findings_by_kind(Dataset(blank, labels, drawn.classes, parts, drawn.preprocessor))
    assert findings["empty"].message == "1 example is constant, so blank"
    assert findings["empty"].examples == (("example 6",),)
    rows = ["text,label"] + [f"tea for {who},a\ncoffee for {who},b" for who in ("us", "all")] * 4
    once = [
        f"tea {chr(code)},a" for code in range(0x4E00, 0x4E00 + 100)
    ]  # words seen once are kept
    (tmp_path / "set.csv").write_text("\n".join([*rows, *once, "zzz,a", "qqq,b"]))  # up to 100
    findings = findings_by_kind(read_data(tmp_path / "set.csv"))
    assert findings["empty"].message == "2 examples are without any word of the vocabulary"
    assert findings["empty"].examples == (("line 118",), ("line 119",))
