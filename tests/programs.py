"""Programs that judge some tests and are not there everywhere: `sh scripts/programs.sh` has them.

Where they are absent these tests are left out, and say so; in CI nothing is.
"""

from __future__ import annotations

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or ""
"""The headless shell is Chromium without windows; it opens pages with a third of the work."""
NODE = shutil.which("node") or ""
OFFICE = shutil.which("soffice") or ""


def needs(program: str, name: str) -> pytest.MarkDecorator:
    absent = not program and "CI" not in os.environ
    return pytest.mark.skipif(absent, reason=f"{name} is not installed (scripts/programs.sh)")


needs_chromium = needs(CHROMIUM, "Chromium")
needs_node = needs(NODE, "Node.js")
needs_office = needs(OFFICE, "LibreOffice")
