"""Prepared inputs: what a network needs to predict one decoded file or text."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.array_types import Array
from ..preprocessing import Preprocessor


class PreparedInput(NamedTuple):
    """The examples for the net (several for a long sound), what makes an answer about them
    doubtful, how it is found if that is special, and the text if it is one."""

    examples: Array
    warning: str | None
    note: str | None
    text: str | None


def prepare_input(preprocessor: Preprocessor, decoded: Any) -> PreparedInput:
    """The examples of one decoded input."""
    text = decoded if isinstance(decoded, str) else None
    examples = preprocessor.windows(decoded)
    note = None
    if (count := len(examples)) > 1:
        seconds = preprocessor.size(decoded)[1]
        note = f"it lasts {seconds:.1f} s; the answer is the mean of {count} windows"
    return PreparedInput(examples, preprocessor.warning(decoded), note, text)
