"""A page as one file: its modules, its style and its data, and nothing from anywhere else.

Modules are ES modules that import each other by names such as "piecewise/paint.js". In a file these
names are mapped to addresses that hold the modules themselves; a server would map them to its own.
What the page may do is stated in it: no address of a network, no script but these.
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

MOST_BYTES = 2_000_000
"""Of a page."""
BEGINNING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" """
"""Of every page."""


def is_ours(path: Path) -> bool:
    """Whether a file is a page that was made here, which another may replace."""
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING.encode()
    except OSError:
        return False


@cache
def modules() -> dict[str, str]:
    """The text of every module, by the name it is imported by."""
    room = files(__package__) / "modules"
    found = {f"piecewise/{one.name}": one for one in room.iterdir() if one.name.endswith(".js")}
    views = (room / "views").iterdir()
    found |= {f"piecewise/views/{one.name}": one for one in views if one.name.endswith(".js")}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}


@cache
def style() -> str:
    """The style of all pages: its files, one after another by name."""
    sheets = (files(__package__) / "modules" / "style").iterdir()
    return "\n".join(one.read_text("utf-8") for one in sorted(sheets, key=lambda one: one.name))


def page(title: str, start: str, data: dict[str, Any]) -> str:
    """The HTML of a page that begins by running the module ``start`` on ``data``."""
    names = {name: _module_address(text) for name, text in modules().items()}
    imports = json.dumps({"imports": names}, sort_keys=True)
    main = f'import "piecewise/{start}";'
    told = script_json(data)
    nonce = sha256(f"{imports}{main}{told}".encode()).hexdigest()  # no clock: the same data, page
    rules = "; ".join([
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
            f'{BEGINNING}content="{escape(rules)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(_plain(title))}</title>",
            f"<style>{style()}</style>",
            f'<script type="importmap" nonce="{nonce}">{imports}</script>',
            "</head>",
            "<body>",
            "<noscript><main><p>This page wants JavaScript.</p></main></noscript>",
            f'<script type="application/json" id="data">{told}</script>',
            f'<script type="module" nonce="{nonce}">{main}</script>',
            "</body>",
            "</html>",
            "",
        ]
    )


def script_json(data: Any) -> str:
    """Plain values as JSON that can end no script and open no comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(text: str) -> str:
    """A text as a title may hold it: without characters that cannot be shown."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)


def _module_address(text: str) -> str:
    return f"data:text/javascript;base64,{b64encode(text.encode()).decode()}"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
