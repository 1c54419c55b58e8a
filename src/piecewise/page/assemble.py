"""Assembles an HTML report as one self-contained file: modules, style sheets and data.

The JavaScript consists of ES modules that import each other by names such as "piecewise/paint.js".
An import map in the file maps these names to data URLs that hold the modules. The content security
policy of the file forbids network requests and all other scripts.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..data.file_bytes import open_regular_file

MAX_BYTES = 2_000_000
"""The largest size of a page."""
BEGINNING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" """
"""The first characters of every page; they tell our files from others."""


def is_ours(path: Path) -> bool:
    """Whether piecewise wrote this page, so that another page may replace it."""
    try:
        with open_regular_file(path) as file:
            return file.read(len(BEGINNING)) == BEGINNING.encode()
    except (OSError, DataError):
        return False


@cache
def modules() -> dict[str, str]:
    """The source of every module, by its import name."""
    folder = files(__package__) / "modules"
    paths = {f"piecewise/{path.name}": path for path in folder.iterdir()}
    paths |= {f"piecewise/views/{path.name}": path for path in (folder / "views").iterdir()}
    return {name: paths[name].read_text("utf-8") for name in sorted(paths) if name.endswith(".js")}


@cache
def style() -> str:
    """The style sheets of all pages, joined in the order of their names."""
    sheets = (files(__package__) / "modules" / "style").iterdir()
    return "\n".join(
        sheet.read_text("utf-8") for sheet in sorted(sheets, key=lambda sheet: sheet.name)
    )


def page(title: str, start: str, data: dict[str, Any]) -> str:
    """The HTML of a page that runs the module ``start``, which reads ``data``."""
    urls = {name: _module_url(text) for name, text in modules().items()}
    imports = json.dumps({"imports": urls}, sort_keys=True)
    main = f'import "piecewise/{start}";'
    data_json = script_json(data)
    nonce = sha256(f"{imports}{main}{data_json}".encode()).hexdigest()  # reproducible
    policy = "; ".join([
        "default-src 'none'",
        "img-src data:",
        "media-src data:",
        f"style-src {_digest(style())}",
        f"script-src 'nonce-{nonce}'",
        "base-uri 'none'",
        "form-action 'none'",
    ])  # fmt: skip
    return "\n".join(
        [
            f'{BEGINNING}content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(_printable(title))}</title>",
            f"<style>{style()}</style>",
            f'<script type="importmap" nonce="{nonce}">{imports}</script>',
            "</head>",
            "<body>",
            "<noscript><main><p>This page needs JavaScript.</p></main></noscript>",
            f'<script type="application/json" id="data">{data_json}</script>',
            f'<script type="module" nonce="{nonce}">{main}</script>',
            "</body>",
            "</html>",
            "",
        ]
    )


def script_json(data: Any) -> str:
    """Plain values as JSON that is safe inside a script element: without <, > and &."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _module_url(text: str) -> str:
    return f"data:text/javascript;base64,{b64encode(text.encode()).decode()}"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
