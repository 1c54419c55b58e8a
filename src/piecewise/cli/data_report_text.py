"""The text of a data report, as `piecewise inspect` prints it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ..data.inspection.duplicates import DuplicatePairs
from ..data.inspection.findings import Finding
from ..data.inspection.report import FIRST_SKIPPED, DataReport
from ..training.shuffle_test import ShuffleTestResult
from .output import printable

NAMES_SHOWN = 24
"""Characters of a class's name."""
CLASSES_SHOWN = 40
_MARKS = {True: "! ", False: "- "}


def report_lines(report: DataReport, width: int) -> Iterator[str]:
    """The report as lines of at most ``width`` columns, serious findings first."""
    serious = [one for one in report.findings if one.serious]
    notes = [one for one in report.findings if not one.serious]
    for finding in serious:
        yield from _finding_lines(finding, width)
    if serious:
        yield ""
    yield from _table(report, width)
    yield ""
    yield from _summary(report, width)
    if notes:
        yield ""
    for finding in notes:
        yield from _finding_lines(finding, width)


def _finding_lines(finding: Finding, width: int) -> Iterator[str]:
    yield from wrapped(f"{finding.message}.", width, _MARKS[finding.serious])
    if finding.symbol:
        for names in finding.examples:
            yield from _pair(names, width, finding.symbol)
        if finding.count > len(finding.examples):
            yield "    ..."
    if finding.advice:
        yield from wrapped(f"{finding.advice}.", width, "  > ")


def _pair(names: Sequence[str], width: int, mark: str) -> Iterator[str]:
    """Two names on one line, or on two lines if they do not fit."""
    first, second = (printable(name) for name in names)
    together = f"    {first} {mark} {second}"
    if len(together) <= width:
        yield together
        return
    yield f"    {_cut(first, width - 4)}"
    yield f"  {mark} {_cut(second, width - 4)}"


def _cut(name: str, length: int) -> str:
    """The end of a name, which differs most between names."""
    return name if len(name) <= length else f"...{name[3 - length :]}"


def _table(report: DataReport, width: int) -> Iterator[str]:
    splits = list(report.splits)
    columns = [max(len(name), 7) + 2 for name in splits]
    names = [printable(name) for name in report.counts]
    longest = max(5, min(NAMES_SHOWN, width - sum(columns)))
    first = min(longest, max(len("class"), *(len(name) for name in names)))
    yield f"{'class':<{first}}" + "".join(
        f"{name:>{column}}" for name, column in zip(splits, columns, strict=True)
    )
    rows = list(zip(names, report.counts.values(), strict=True))
    for name, counts in rows[:CLASSES_SHOWN]:
        cells = zip(counts.values(), columns, strict=True)
        numbers = (f"{f'{count:,}' if count else '-':>{wide}}" for count, wide in cells)
        yield f"{name[:first]:<{first}}" + "".join(numbers)
    if len(rows) > CLASSES_SHOWN:
        yield f"and {len(rows) - CLASSES_SHOWN:,} more classes"
    if len(rows) > 1:
        cells = zip(report.splits.values(), columns, strict=True)
        yield f"{'all':<{first}}" + "".join(f"{n:>{wide},}" for n, wide in cells)


def _summary(report: DataReport, width: int) -> Iterator[str]:
    if report.source:
        yield from _fact("read as", report.source, width)
    yield from _fact("input", report.description, width)
    if report.sizes:
        sizes = {name: _size(size, report.unit) for name, size in report.sizes.items()}
        same = len(set(sizes.values())) == 1
        words = (
            f"all {sizes['median']} {report.unit}"
            if same
            else f"{sizes['smallest']} to {sizes['largest']} {report.unit}, "
            f"median {sizes['median']}"
        )
        yield from _fact("sizes", words, width)
    exact, near = _duplicate_counts("exact", report.exact), _duplicate_counts("near", report.near)
    yield from _fact("duplicates", f"{exact}, {near}", width)
    where = " on the test split" if "test" in report.splits else ""
    accuracy = f"{100 * report.baseline_accuracy:.1f} % right{where}"
    largest = f"always answering '{report.largest_class}': {accuracy}"
    yield from _fact("baseline", largest, width)
    yield from _fact("skipped", f"{len(report.skipped):,}" if report.skipped else "nothing", width)
    for sentence in report.skipped[:FIRST_SKIPPED]:
        yield from wrapped(sentence, width, "    ")
    if len(report.skipped) > FIRST_SKIPPED:
        yield f"    and {len(report.skipped) - FIRST_SKIPPED:,} more"


def _duplicate_counts(name: str, pairs: DuplicatePairs) -> str:
    if not pairs.duplicate_count:
        return f"no {name} ones"
    counts = f"{pairs.leak_count:,} across splits, {pairs.conflict_count:,} with conflicting labels"
    return f"{pairs.duplicate_count:,} {name} ({counts})"


def _fact(name: str, words: str, width: int) -> Iterator[str]:
    yield from wrapped(words, width, f"{name:<11}", " " * 11)


def _size(size: tuple[float, float], unit: str) -> str:
    rows, columns = size
    if unit == "pixels":
        return f"{rows:.0f}x{columns:.0f}"
    return f"{columns:,.0f}" if unit == "words" else f"{columns:.3g}"


def shuffled_lines(result: ShuffleTestResult, width: int) -> Iterator[str]:
    """The result of the shuffle test as lines of at most ``width`` columns."""
    yield from wrapped(f"shuffle test: {result.sentence}.", width, "", "  ")
    if result.verdict == "too few columns":
        return
    low, high = result.interval
    yield from wrapped(
        f"{100 * result.accuracy:.1f} % accuracy on the original inputs, "
        f"{100 * result.shuffled_accuracy:.1f} % with shuffled {result.axes}: "
        f"{100 * result.difference:+.1f} points (95 % interval "
        f"{100 * low:+.1f} to {100 * high:+.1f}); small nets, each trained on "
        f"{result.train_size:,} examples; {result.n:,} predictions in {result.rounds} rounds; "
        f"the test split is not used; the largest class is {100 * result.baseline:.1f} %",
        width, "  ",
    )  # fmt: skip


def wrapped(text: str, width: int, first: str = "", others: str | None = None) -> Iterator[str]:
    """Text in lines of at most ``width``: the first begins with ``first``, the others with as many
    spaces, or ``others``."""
    yield from textwrap.wrap(
        printable(text),
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if others is None else others,
        break_on_hyphens=False,
    )
