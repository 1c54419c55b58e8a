"""Reports of the results: tables in Markdown, and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from .agreement import TOLERANCES
from .networks import NETS
from .rounds import OURS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BEST = "the fastest other"
TITLES = {
    "train": "Training: images per second of piecewise, and its speedup over the others",
    "infer": "Inference on 512 images: images per second of piecewise, and its speedup",
}
Results = dict[str, Any]


def page(results: Results) -> str:
    """All tables in Markdown, under a header with the conditions."""
    parts = [
        _header(results["header"]),
        _agreement(results["agreement"]),
        _peak(results["measurements"]),
    ]
    parts += ["### The networks", nets(_nets_of(results["measurements"]))]
    for what, title in TITLES.items():
        figures = [
            measurement for measurement in results["measurements"] if measurement["what"] == what
        ]
        parts += [f"### {title}", _throughput_table(figures)]
    parts += ["### One image: microseconds, each toolkit with its better number of threads"]
    parts += [_latency_table(results["measurements"])]
    parts += [
        "### Seconds until the first inference and the first training step",
        _compile_times(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(results: Results, path: Path) -> None:
    """Replace the tables of a page."""
    replace_figures(path, page(results))


def replace_figures(path: Path, figures: str) -> None:
    """Replace what stands between the two marks of a page."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{figures}\n{END}{after}", encoding="utf-8")


def line(measurement: Results) -> str:
    """One measurement as a line of text."""
    ratios = ", ".join(
        f"{name} {_spread(ratio)}" for name, ratio in measurement["times as fast as"].items()
    )
    mine = measurement["toolkits"][OURS]
    return (
        f"{_setting(measurement):24} {measurement['what']:6} "
        f"{_rounded(mine['value'])} {measurement['unit']}, "
        f"{mine['fraction of peak']['median']:.0%} of the peak; times as fast as {ratios}"
    )


def _header(header: Results) -> str:
    machine = ", ".join(f"{name}: {value}" for name, value in header["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in header["versions"].items())
    return (
        f"{header['summary']}\n\n- measurement: {header['measurement']}\n- machine: {machine}\n"
        f"- versions: {versions}\n"
        f"- load of other programs: {header['load of other programs']}\n"
        f"- command: `{header['command']}`"
    )


def _agreement(checks: list[Results]) -> str:
    """The largest differences between the toolkits."""
    worst = {
        name: max(
            difference.get(name, 0.0)
            for check in checks
            for difference in check["differences"].values()
        )
        for name in TOLERANCES
    }
    said = ", ".join(
        f"{name} {worst[name]:.0e} (at most {most:.0e})" for name, most in TOLERANCES.items()
    )
    return f"Largest differences between another toolkit and piecewise: {said}."


def _peak(figures: list[Results]) -> str:
    """The peak of the machine, for each number of threads."""
    said = []
    for threads in dict.fromkeys(measurement["threads"] for measurement in figures):
        peaks = [
            measurement["peak"] for measurement in figures if measurement["threads"] == threads
        ]
        low, high = (
            pick(peak[end] for peak in peaks) for pick, end in ((min, "low"), (max, "high"))
        )
        middle = median(peak["median"] for peak in peaks)
        said.append(
            f"{threads} {'thread' if threads == 1 else 'threads'} "
            f"{middle / 1e9:.0f} ({low / 1e9:.0f}..{high / 1e9:.0f})"
        )
    return f"Peak, in billions of multiplications and additions per second: {', '.join(said)}."


def _throughput_table(figures: list[Results]) -> str:
    others = [name for name in _names(figures) if name != OURS]
    head = [
        "net",
        "batch",
        "threads",
        OURS,
        *others,
        BEST,
        "of peak",
        "best other, of peak",
    ]
    rows = []
    for measurement in figures:
        ratios, lines = measurement["times as fast as"], measurement["toolkits"]
        shares = [lines[name]["fraction of peak"]["median"] for name in others]
        where = [measurement["net"], measurement["batch"], measurement["threads"]]
        if measurement["what"] == "infer":
            where[1] = 512
        rows.append(
            [
                *where,
                _rounded(lines[OURS]["value"]),
                *(_spread(ratios[name]) for name in (*others, BEST)),
                f"{lines[OURS]['fraction of peak']['median']:.0%}",
                f"{max(shares):.0%}",
            ]
        )
    return table(head, rows)


def _latency_table(figures: list[Results]) -> str:
    """The latency of each toolkit, with the number of threads that is faster for it."""
    single = [measurement for measurement in figures if measurement["what"] == "single"]
    names = _names(single)
    rows = []
    for net in dict.fromkeys(measurement["net"] for measurement in single):
        lines = [measurement["toolkits"] for measurement in single if measurement["net"] == net]
        best = {
            name: min((each[name]["value"] for each in lines), key=lambda one: one["median"])
            for name in names
        }
        ratio = min(best[name]["median"] for name in names if name != OURS) / best[OURS]["median"]
        rows.append([net, *(_spread(best[name], 1) for name in names), f"{ratio:.2f}"])
    return table(["net", *names, f"speedup over {BEST}"], rows)


def _compile_times(results: Results) -> str:
    rows = [
        [
            one["net"],
            *(_spread(one[kind][what], 3) for what in ("infer", "train") for kind in KINDS),
        ]
        for one in results["compile time"]
    ]
    return table(
        ["net", *(f"{what}, {kind}" for what in ("infer", "step") for kind in KINDS)], rows
    )


KINDS = ("cold", "cached")


def _names(figures: list[Results]) -> list[str]:
    return list(dict.fromkeys(name for measurement in figures for name in measurement["toolkits"]))


def _setting(measurement: Results) -> str:
    return f"{measurement['net']}, {measurement['batch']}, {measurement['threads']} threads"


def _rounded(one: Results) -> str:
    return f"{one['median']:,.0f}"


def _spread(one: Results, digits: int = 2) -> str:
    """The median, the lowest and the highest value."""
    return "{median:.{n}f} ({low:.{n}f}..{high:.{n}f})".format(**one, n=digits)


def table(head: Sequence[Any], rows: Iterable[list[Any]]) -> str:
    """A table in Markdown; empty if it has no rows."""
    results = list(rows)
    return "\n".join(_lines([list(head), ["---"] * len(head), *results])) if results else ""


def _lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def _nets_of(figures: list[Results]) -> list[str]:
    return list(dict.fromkeys(measurement["net"] for measurement in figures))


def nets(names: Sequence[str]) -> str:
    """The networks that are measured."""
    rows = [
        [name, " x ".join(map(str, net.input)), f"`{net.layers}`", net.classes,
         f"{net.network().architecture.parameter_count:,}",
         f"{net.network().architecture.multiplications:,}"]
        for name, net in ((name, NETS[name]) for name in names)
    ]  # fmt: skip
    return table(["name", "input", "layers", "classes", "parameters", "multiplications"], rows)
