"""Writes docs/app-routes.md: the routes of the app's server, from their table."""

from __future__ import annotations

from piecewise.app.actions.table import TABLE
from piecewise.app.fields import RequestField
from piecewise.app.routes import JSON, AppRoute

_HEAD = """\
# The routes of the app

<!-- Written by scripts/write_docs.py from src/piecewise/app/actions. -->

The page of [the app](app.md) asks its server through these routes; another program can, too.
`POST /api/enter` with `{"code": CODE}`, the code of the link that the terminal shows, answers
`{"token": TOKEN}`, once. The others need the header `Authorization: Bearer TOKEN`.

A request is a JSON object with the fields of the table. Fields in bold are required; the others may
be left out, and their default, if there is one, comes last in the brackets. If the body is a file,
the fields are in the address. An answer is JSON, or a file. The answers of `/api/answer`,
`/api/votes`, `/api/mattered` and `/api/small-net/walk` are binary: the length of a JSON object as 4
bytes, little-endian; the object; and the float32 numbers of the arrays that it names. In the last
column, what stands after a semicolon is usually what the request answers. `GET /api/news` is a
stream of JSON objects, one a line.

An error is `{"error": {"kind": ..., "message": ..., "where": ...}}`: the kind of error, a sentence,
and the field, file or setting that it is about (`layers:17` is a position in the notation). If
another window changed the value meanwhile, `now` is what it is now. The statuses are

| status | meaning |
|---|---|
| 400 | the request has unknown, missing or wrong fields, or is not JSON |
| 401, 429 | the token or the code is wrong; too many were wrong |
| 403, 421 | the request comes from another origin, or is for another host |
| 404 | there is no such class, sample, attempt, answer or route |
| 405 | the path has no such method |
| 408 | the request came too slowly |
| 409 | the project does not allow this now; or another window changed the value to `now` |
| 413 | the request is too long |
| 422 | a value is not allowed, or data cannot be read or saved |
"""


def page() -> str:
    """docs/app-routes.md."""
    lines = ["", "| request | fields | what it does |", "|---|---|---|"]
    lines += [_row(route) for _, routes in TABLE for route in routes]
    return _HEAD + "\n".join(lines) + "\n"


def _row(route: AppRoute) -> str:
    names = [_field(one) for one in route.fields if one.name not in route.parameters]
    if route.body != JSON:
        names.append("the file as the body")
    summary = route.summary.replace("|", "\\|")
    return f"| `{route.method} {route.path}` | {', '.join(names)} | {summary} |"


def _field(field: RequestField) -> str:
    text = f"**{field.name}**" if field.required else field.name
    words = field.kind.description
    if field.default is not None:
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        words += f"; {default}"
    return f"{text} ({words})"
