"""The file or URL where a study is kept."""

from __future__ import annotations

import re


def without_password(storage: str) -> str:
    """The file or URL as messages show it."""
    return re.sub(r"(://[^:@/]*):.*@", r"\1:***@", storage)
