"""Converts numpydoc docstrings to Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable


def documentation(text: str, attributes: Iterable[str] = ()) -> list[str]:
    """A docstring as Markdown: prose, then the sections that a reader needs. ``attributes`` are
    list items to add to its attributes."""
    sections, attributes = _sections(text), list(attributes)
    lines = _prose(sections.pop("", ""))
    for title in ("Parameters", "Attributes", "Returns", "Yields", "Raises"):
        items = _items(sections[title]) if title in sections else []
        items += attributes if title == "Attributes" else []
        if items:
            lines += [f"**{title}**", "", *items, ""]
    if "Notes" in sections:
        lines += _prose(sections["Notes"])
    for title in ("References", "Source"):
        if title in sections:
            lines += [f"**{title}**", "", *_prose(sections[title])]
    if "Examples" in sections:
        lines += ["**Examples**", "", "```python", sections["Examples"].strip(), "```", ""]
    return lines


def _sections(text: str) -> dict[str, str]:
    """The parts of a numpydoc docstring by their headings; what is above the first under ''."""
    parts = re.split(r"^([A-Z][\w ]+)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def _prose(text: str) -> list[str]:
    """Paragraphs and lists, each on lines of its own."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if re.match(r"(?:[-*.]|\.\. \[)", paragraph.strip()):
            lines += [markdown(line) for line in paragraph.splitlines()] + [""]
        elif paragraph:
            lines += [markdown(" ".join(paragraph.split())), ""]
    return lines


def _items(text: str) -> list[str]:
    """The entries of a section, each a list item with its type and description."""
    lines: list[str] = []
    for block in re.split(r"\n(?=\S)", text.strip("\n")):
        head, _, body = block.partition("\n")
        name, colon, kind = (piece.strip() for piece in head.partition(" : "))
        entry = f"- **{name}** ({kind})" if colon else f"- **{name}**"
        description = markdown(" ".join(body.split()))
        lines.append(f"{entry}: {description}" if description else entry)
    return lines


def markdown(text: str) -> str:
    """Convert reStructuredText quotes and roles to Markdown, and link pages."""
    text = re.sub(r":\w+:`", "`", text).replace("``", "`").replace("<", "&lt;").rstrip()
    return re.sub(r"`?\bdocs/([\w-]+\.md)`?", r"[\1](\1)", text)
