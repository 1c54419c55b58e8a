"""What was measured as tables: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from .agreement import CLOSE
from .nets import NETS
from .rounds import OURS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BEST = "the fastest other"
TITLES = {
    "train": "Learning: pictures a second, and how many times as fast as",
    "answer": "Answering 512 pictures: pictures a second, and how many times as fast as",
}
Found = dict[str, Any]


def page(found: Found) -> str:
    """All tables in Markdown, under a header that says how they came about."""
    parts = [_header(found["header"]), _agreement(found["agreement"]), _peak(found["figures"])]
    parts += ["### The networks", nets()]
    for what, title in TITLES.items():
        figures = [figure for figure in found["figures"] if figure["what"] == what]
        parts += [f"### {title}", _paces(figures)]
    parts += ["### One picture: microseconds, each toolkit with its better number of threads"]
    parts += [_singles(found["figures"])]
    parts += ["### Seconds until the first answer and the first step", _compiling(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(found: Found, path: Path) -> None:
    """Put the tables in the place of those in a page."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{page(found)}\n{END}{after}", encoding="utf-8")


def line(figure: Found) -> str:
    """One figure in a line of a terminal."""
    ratios = ", ".join(
        f"{name} {_spread(ratio)}" for name, ratio in figure["times as fast as"].items()
    )
    mine = figure["toolkits"][OURS]
    return (
        f"{_place(figure):24} {figure['what']:6} {_whole(mine['figure'])} {figure['unit']}, "
        f"{mine['share of peak']['median']:.0%} of the peak; times as fast as {ratios}"
    )


def _header(header: Found) -> str:
    machine = ", ".join(f"{name}: {value}" for name, value in header["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in header["versions"].items())
    return (
        f"{header['claim']}\n\n- n: {header['n']}\n- machine: {machine}\n- versions: {versions}\n"
        f"- taken by other programs: {header['taken by other programs']}\n"
        f"- command: `{header['command']}`"
    )


def _agreement(checks: list[Found]) -> str:
    """How far apart the toolkits were at most."""
    worst = {
        name: max(far.get(name, 0.0) for check in checks for far in check["apart"].values())
        for name in CLOSE
    }
    said = ", ".join(
        f"{name} {worst[name]:.0e} (at most {most:.0e})" for name, most in CLOSE.items()
    )
    return f"Farthest that another toolkit was from piecewise, before anything was timed: {said}."


def _peak(figures: list[Found]) -> str:
    """What the machine did at most, with each number of threads."""
    said = []
    for threads in dict.fromkeys(figure["threads"] for figure in figures):
        peaks = [figure["peak"] for figure in figures if figure["threads"] == threads]
        low, high = (
            pick(peak[end] for peak in peaks) for pick, end in ((min, "low"), (max, "high"))
        )
        middle = median(peak["median"] for peak in peaks)
        said.append(
            f"{threads} {'thread' if threads == 1 else 'threads'} "
            f"{middle / 1e9:.0f} ({low / 1e9:.0f}..{high / 1e9:.0f})"
        )
    return f"Peak, in thousand million multiplications and additions a second: {', '.join(said)}."


def _paces(figures: list[Found]) -> str:
    others = [name for name in _names(figures) if name != OURS]
    head = ["net", "batch", "threads", OURS, *others, BEST, "share of peak", "best other's share"]
    rows = []
    for figure in figures:
        ratios, lines = figure["times as fast as"], figure["toolkits"]
        shares = [lines[name]["share of peak"]["median"] for name in others]
        where = [figure["net"], figure["batch"], figure["threads"]]
        if figure["what"] == "answer":
            where[1] = 512
        rows.append(
            [
                *where,
                _whole(lines[OURS]["figure"]),
                *(_spread(ratios[name]) for name in (*others, BEST)),
                f"{lines[OURS]['share of peak']['median']:.0%}",
                f"{max(shares):.0%}",
            ]
        )
    return _table(head, rows)


def _singles(figures: list[Found]) -> str:
    """Each toolkit with the number of threads that serves it better."""
    single = [figure for figure in figures if figure["what"] == "single"]
    names = _names(single)
    rows = []
    for net in dict.fromkeys(figure["net"] for figure in single):
        lines = [figure["toolkits"] for figure in single if figure["net"] == net]
        best = {
            name: min((each[name]["figure"] for each in lines), key=lambda one: one["median"])
            for name in names
        }
        ratio = min(best[name]["median"] for name in names if name != OURS) / best[OURS]["median"]
        rows.append([net, *(_spread(best[name], 1) for name in names), f"{ratio:.2f}"])
    return _table(["net", *names, f"times as fast as {BEST}"], rows)


def _compiling(found: Found) -> str:
    rows = [
        [
            one["net"],
            *(_spread(one[kind][what], 3) for what in ("answer", "train") for kind in KINDS),
        ]
        for one in found["compiling"]
    ]
    return _table(
        ["net", *(f"{what}, {kind}" for what in ("answer", "step") for kind in KINDS)], rows
    )


KINDS = ("cold", "cached")


def _names(figures: list[Found]) -> list[str]:
    return list(dict.fromkeys(name for figure in figures for name in figure["toolkits"]))


def _place(figure: Found) -> str:
    return f"{figure['net']}, {figure['batch']}, {figure['threads']} threads"


def _whole(one: Found) -> str:
    return f"{one['median']:,.0f}"


def _spread(one: Found, digits: int = 2) -> str:
    """The median, and from where to where."""
    return "{median:.{n}f} ({low:.{n}f}..{high:.{n}f})".format(**one, n=digits)


def _table(head: list[Any], rows: Iterable[list[Any]]) -> str:
    """A table in Markdown; nothing if it has no rows."""
    found = list(rows)
    return "\n".join(_lines([head, ["---"] * len(head), *found])) if found else ""


def _lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def nets() -> str:
    """The networks that are measured."""
    rows = [
        [name, " x ".join(map(str, net.input)), f"`{net.layers}`", net.classes,
         f"{net.network().architecture.parameter_count:,}",
         f"{net.network().architecture.multiplications:,}"]
        for name, net in NETS.items()
    ]  # fmt: skip
    return _table(["name", "input", "layers", "classes", "parameters", "multiplications"], rows)
