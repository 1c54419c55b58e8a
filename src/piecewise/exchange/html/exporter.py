"""HTML: one file that classifies in a browser, offline, with a pad to draw on, files or a text."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ...storage.model_file import SavedModel
from ..exporter import FULL_SUPPORT, Exporter, Files
from ..readable import json_text, readable
from ..source_code.preparation import reads_files
from .net_data import net_data, parameter_text

FILE = "net.html"
_NET = ("net/rounding.js", "net/layers.js", "net/net.js", "net/start.js")
_PREPARATION = {
    "pictures": ("png", "decode", "levels", "resize", "background", "prepare", "start"),
    "sounds": (
        "mixing", "wav", "resample", "portable_math", "spectrogram", "prepare", "start",
    ),
    "texts": ("tokenizer", "prepare", "start"),
}  # fmt: skip
"""The modules of each modality, in order; its folder is that of `_FOLDERS`."""
_FOLDERS = {"pictures": "images", "sounds": "sounds", "texts": "texts"}
_PAGE = (
    "elements", "preview", "prepared", "answer", "files", "pad", "recorder", "text_box", "main",
)  # fmt: skip
_HEADINGS = {
    "drawings": "Draw, or drop a picture",
    "photos": "Drop a picture",
    "sounds": "Record or drop a sound",
    "texts": "Write a text",
}
_TITLE_NAMES = 6
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


class HtmlExporter(Exporter):
    """Writes net.html."""

    name = "html"
    title = "HTML"
    support = FULL_SUPPORT

    def files(self, model: SavedModel) -> Files:
        return {FILE: _page(model).encode()}

    def usage(self, model: SavedModel) -> str:
        return f"""\
Open `{FILE}` in a browser, from a disk or from a server. It is the whole net: it needs no network
and no other file. {_console(model)}

```js
{_code(model)}
const best = probabilities.indexOf(Math.max(...probabilities));
console.log(piecewise.data.classes[best], probabilities[best]);
```

{_limits(model)}
"""


def _console(model: SavedModel) -> str:
    """What the code is for."""
    if not reads_files(model):
        return (
            "The page says what the net reads. It has no button for files, because its inputs are "
            "arrays. The console of the browser (F12) can pass arrays to the net:"
        )
    if model.preprocessor.modality == "texts":
        return "The console of the browser (F12) can use the net, too:"
    return (
        "The console of the browser (F12) can use the net, too. This reads the file that was "
        "chosen last with the button of the page:"
    )


def _code(model: SavedModel) -> str:
    """JavaScript that computes ``probabilities``."""
    if not reads_files(model):
        if model.architecture.reads_texts:
            array = f"new Int32Array({model.architecture.input.width})"
        else:
            array = f"new Uint8Array({model.architecture.input.values})"
        return f"const probabilities = piecewise.probabilities(piecewise.logits({array}));"
    if model.preprocessor.modality == "texts":
        return 'const { probabilities } = piecewise.classify("your text");'
    return (
        'const [file] = document.querySelector("input[type=file]").files;\n'
        "const example = await piecewise.decode(new Uint8Array(await file.arrayBuffer()));\n"
        "const { probabilities } = piecewise.classify(example);"
    )


def _limits(model: SavedModel) -> str:
    """What the page answers exactly as piecewise, and what not."""
    if not reads_files(model):
        rows = " x ".join(map(str, model.architecture.input))
        if model.architecture.reads_texts:
            return "The tokens are those of the training; 0 is padding after the end of a text."
        return (
            f"An input has {rows} numbers: channels, rows, columns. A Uint8Array has bytes, which "
            "the net scales; a Float32Array has numbers that are scaled already."
        )
    return {
        "pictures": "PNG files of 8 or 16 bits, transparent ones among them, and the EXIF "
        "orientation of photos are read as piecewise reads them. The pixels of JPEG files and of "
        "others are decoded by the browser, and can differ a little.",
        "sounds": "WAV files of the sample rate of the net are prepared as piecewise does it: "
        "several channels, float samples and long sounds, too. Sounds of other rates are "
        "resampled, and other formats decoded, a little differently.",
        "texts": "Texts become the same tokens as in piecewise.",
    }[model.preprocessor.modality]


def _page(model: SavedModel) -> str:
    """The HTML of a page."""
    net, page = _scripts(model.preprocessor.modality)
    style = f"\n{_source('style.css')}"
    policy = "; ".join([
        "default-src 'none'",
        f"script-src {_digest(net)} {_digest(page)}",
        f"style-src {_digest(style)}",
        "img-src blob:",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ])  # fmt: skip
    frame = Template(_source("page.html")).substitute(
        policy=escape(policy),
        title=escape(_title(model)),
        heading=_HEADINGS[model.preprocessor.kind],
    )
    head, body, end = re.split("<!-- style -->|<!-- scripts -->", frame)
    scripts = [
        f'<script type="application/json" id="data">{_script_json(net_data(model))}</script>',
        f'<script type="text/plain" id="parameters">{parameter_text(model)}</script>',
        f'<script type="module">{net}</script>',
        f'<script type="module">{page}</script>',
    ]
    return "".join([head, f"<style>{style}</style>", body, "\n".join(scripts), end])


def _title(model: SavedModel) -> str:
    """The names of the first classes."""
    names = model.architecture.classes
    more = "" if len(names) <= _TITLE_NAMES else ", ..."
    return f"{', '.join(readable(name[:40]) for name in names[:_TITLE_NAMES])}{more}"


@cache
def _scripts(modality: str) -> tuple[str, str]:
    """The script of the net, and that of the page."""
    folder = _FOLDERS[modality]
    preparation = tuple(f"{folder}/{name}.js" for name in _PREPARATION[modality])
    return _joined(_NET + preparation), _joined(tuple(f"page/{name}.js" for name in _PAGE))


def _joined(names: tuple[str, ...]) -> str:
    """Modules as the sections of one script: without what they import from each other."""
    sections = []
    for name in names:
        text = _EXPORT.sub("", _IMPORT.sub("", _source(f"modules/{name}")))
        sections.append(f"\n// {name}\n\n{text}")
    return "".join(sections)


@cache
def _source(name: str) -> str:
    """A file beside this module."""
    return (files(__package__) / name).read_text("utf-8")


def _script_json(data: Any) -> str:
    """Plain values as JSON that is safe inside a script element: without <, > and &."""
    text = json_text(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(text: str) -> str:
    """The SHA-256 of a script or style sheet, as a content security policy names it."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
