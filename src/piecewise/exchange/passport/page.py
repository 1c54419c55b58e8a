"""The readable page of a passport: one HTML file without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

from ...core.version import __version__
from ..exporter import Exporter
from ..readable import readable
from .controls import KERNELS, WEIGHT
from .record import LOGITS, PROBABILITIES, Difference, Passport, ToolkitRun

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #176d35; --bad: #b3261e; --soft: #5b6470 }
@media (prefers-color-scheme: dark) {
  :root { --good: #7ddc9a; --bad: #ff9b91; --soft: #a5afbb }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2rem }
.soft { color: var(--soft) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line);
         vertical-align: top }
.number { font-variant-numeric: tabular-nums; white-space: nowrap }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: 600 }
summary { cursor: pointer }
@media (max-width: 45rem) {
  thead { display: none }
  tr { display: block; padding: .6rem 0; border-bottom: 1px solid var(--line) }
  td { display: flex; gap: .8rem; padding: .1rem 0; border: 0 }
  td[data-label]::before { content: attr(data-label); flex: 0 0 8rem; color: var(--soft) }
  td:empty { display: none }
}
"""
_ANSWERS = ("Format", "Toolkit", "Result", "Probabilities", "Logits", WEIGHT.capitalize(),
            KERNELS.capitalize())  # fmt: skip


def passport_page(passport: Passport, exporters: Mapping[str, Exporter]) -> str:
    """The page of a passport."""
    titles = {name: exporter.title for name, exporter in exporters.items()}
    count = sum(map(len, passport.files.values()))
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Passport of an exported net</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        "<main>\n<h1>Passport of an exported net</h1>",
        f'<p class="soft">written by piecewise {escape(__version__)}</p>',
        f"<p>{_verdict(passport)}</p>",
        "<h2>Answers</h2>",
        f"<p>{_explanation(passport)}</p>",
        _table(_ANSWERS, _run_rows(passport, titles)),
        *_refusals(passport),
        "<h2>Net</h2>",
        _table((), _net_rows(passport)),
        "<h2>Files</h2>",
        f"<details>\n<summary>{count} files and their SHA-256</summary>",
        _table(("File", "SHA-256"), _file_rows(passport)),
        "</details>",
        "</main>\n</body>\n</html>\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _explanation(passport: Passport) -> str:
    """What the numbers of the table mean."""
    return (
        f"Every toolkit ran its files on {passport.sample_count} samples "
        f"({escape(passport.sample_source)}). <em>Probabilities</em> and <em>logits</em> are the "
        "largest differences from piecewise; those of logits are divided by the largest logit. "
        "The order of additions alone causes small differences, so a toolkit agrees if its "
        f"probabilities differ by at most {_power(PROBABILITIES)} and its logits by at most "
        f"{_power(LOGITS)}. To test this comparison, every toolkit also ran files with "
        f"<em>{WEIGHT}</em> and with <em>{KERNELS}</em>. These must differ by more; the table has "
        "the difference that is farther above its limit."
    )


def _verdict(passport: Passport) -> str:
    """The sentence about all runs."""
    ran = [run.agrees for runs in passport.runs.values() for run in runs if run.agrees is not None]
    kind = ("good" if all(ran) else "bad") if ran else "soft"
    return f'<span class="{kind}">{escape(passport.verdict)}</span>'


def _run_rows(passport: Passport, titles: Mapping[str, str]) -> Iterator[list[str]]:
    for name in passport.files:
        runs: list[ToolkitRun | None] = [*passport.runs.get(name, [])] or [None]
        for run in runs:
            yield [escape(titles.get(name, name)), *_run_cells(run)]


def _run_cells(run: ToolkitRun | None) -> list[str]:
    """The toolkit, the result, the differences and the two controls; the last cells may lack."""
    if run is None:
        return ["", '<span class="soft">no toolkit runs these files</span>']
    kind = {True: "good", False: "bad", None: "soft"}[run.agrees]
    cells = [escape(run.title), f'<span class="{kind}">{escape(run.verdict)}</span>']
    if run.difference is None:
        return cells
    if not run.difference.agrees and run.difference.sample:
        cells[1] = f"<div>{cells[1]}<br>most for {escape(run.difference.sample)}</div>"
    controls = [_control(run.controls.get(name)) for name in (WEIGHT, KERNELS)]
    return [*cells, _number(run.difference.probabilities), _number(run.difference.logits),
            *controls]  # fmt: skip


def _control(control: Difference | None) -> str:
    """Whether a control was caught, and by which difference."""
    if control is None:
        return '<span class="soft">not made: it would change nothing</span>'
    if (name := control.caught_by) is None:
        return '<span class="bad">not caught</span>'
    return f'<span class="number">caught by<br>{name} {control.exceeding[name]:.1e}</span>'


def _refusals(passport: Passport) -> Iterator[str]:
    if passport.refused:
        yield "<h2>Formats that were left out</h2>"
        rows = ([escape(name), escape(why)] for name, why in passport.refused.items())
        yield _table(("Format", "Reason"), rows)


def _net_rows(passport: Passport) -> Iterator[list[str]]:
    architecture = passport.model.architecture
    classes = ", ".join(map(readable, architecture.classes[:20]))
    more = len(architecture.classes) - 20
    yield ["layers", f"<code>{escape(architecture.notation)}</code>"]
    yield ["input", "x".join(map(str, architecture.input))]
    yield ["classes", escape(classes) + (f" and {more} more" if more > 0 else "")]
    yield ["preprocessing", escape(passport.model.preprocessor.description)]
    yield ["SHA-256 of its parameters", f"<code>{passport.model.parameters_sha256}</code>"]


def _file_rows(passport: Passport) -> Iterator[list[str]]:
    for files in passport.files.values():
        for path, digest in files.items():
            yield [f"<code>{escape(path)}</code>", f"<code>{digest}</code>"]


def _table(headers: tuple[str, ...], rows: Iterator[list[str]]) -> str:
    """A table; where a row is shorter than the headers, its last cell is wider."""
    head = "".join(f'<th scope="col">{header}</th>' for header in headers)
    body = "\n".join(_row(headers, row) for row in rows)
    thead = f"<thead><tr>{head}</tr></thead>\n" if head else ""
    return f'<div class="scroll"><table>\n{thead}<tbody>\n{body}\n</tbody></table></div>'


def _row(headers: tuple[str, ...], row: list[str]) -> str:
    labels = [f' data-label="{header}"' for header in headers] or [""] * len(row)
    if (missing := len(labels) - len(row)) > 0:
        labels[len(row) - 1] += f' colspan="{missing + 1}"'
    cells = (f"<td{label}>{cell}</td>" for label, cell in zip(labels, row, strict=False))
    return f"<tr>{''.join(cells)}</tr>"


def _number(value: float | None) -> str:
    if value is None:
        return "not given"
    return f'<span class="number">{f"{value:.1e}" if value else 0}</span>'


def _power(value: float) -> str:
    """A power of ten."""
    return f"10<sup>{round(math.log10(value))}</sup>".replace("-", "&minus;")
