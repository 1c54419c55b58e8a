"""Runs the example notebook and writes it back with its outputs. `make notebook` runs this."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "see-through.ipynb"
SECONDS = 600  # for a cell; it only guards against one that never ends
CHANGING = (
    (re.compile(r" at 0x[0-9a-f]+"), ""),
    (re.compile(r"\bseconds=[\d.e-]+"), "seconds=..."),
    (re.compile(r"<td>\d+\.\d\d</td></tr>"), "<td>...</td></tr>"),
)
"""What differs from run to run in texts, and what is written in its place."""
OF_THE_USER = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")


def read() -> Any:
    """The notebook as it is in the repository."""
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def executed(folder: Path) -> Any:
    """The notebook after all cells have run in ``folder``, in a kernel that reads no settings of
    the user; nothing of this machine is in it. An error in a cell raises here."""
    book = read()
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    metadata = dict(book.metadata)
    environment = {name: str(folder / name.lower()) for name in OF_THE_USER}
    before = {name: os.environ.get(name) for name in environment}
    os.environ |= environment
    try:
        NotebookClient(
            book, timeout=SECONDS, record_timing=False, resources={"metadata": {"path": folder}}
        ).execute()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    book.metadata = nbformat.from_dict(metadata)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            # Matplotlib tells stderr that it builds its font cache, on some machines.
            cell.outputs = [out for out in cell.outputs if not _is_font_notice(out)]
            for out in cell.outputs:
                _strip(out.get("data", {}))
    return book


def _is_font_notice(output: Any) -> bool:
    return output.get("name") == "stderr" and "font cache" in output["text"]


def _strip(data: dict[str, Any]) -> None:
    for kind, value in data.items():
        if kind.startswith("text/"):
            for pattern, instead in CHANGING:
                value = pattern.sub(instead, value)
            data[kind] = value


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = executed(Path(folder))
    text = nbformat.writes(book)
    for private in (str(Path.home()), str(NOTEBOOK.parents[1]), sys.prefix, tempfile.gettempdir()):
        if len(private) > 1 and f"{private}/" in text:
            sys.exit(f"notebook: its outputs name {private}")
    NOTEBOOK.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
