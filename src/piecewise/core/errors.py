"""Every error this package raises on purpose: what, where, got, wanted, try, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PiecewiseError(Exception):
    """The root of the package's own errors; the command line prints its text and exits with 1."""


class LimitError(PiecewiseError, ValueError):
    """A value outside its stated limit (a knob of a layer, a size, a field of a recipe)."""


class NotationError(PiecewiseError, ValueError):
    """A text that is not a network, or names one that cannot be.

    ``position`` counts characters of ``text`` from 0 and points at the first one that is wrong.
    """

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class ShapeError(NotationError):
    """Layers that are well written but do not fit each other, the input or the stated limits.

    ``layer`` counts layers from 1, repeats written out.
    """

    def __init__(self, message: str, *, text: str, position: int, layer: int) -> None:
        super().__init__(message, text=text, position=position)
        self.layer = layer


class DataError(PiecewiseError, ValueError):
    """Pictures or labels that cannot be read or do not fit the network."""


class ModelFileError(PiecewiseError, ValueError):
    """A model file that cannot be read, or could not be written."""


class CheckpointError(PiecewiseError, ValueError):
    """A run folder that cannot be used, or that holds another run."""


class NotFittedError(PiecewiseError, ValueError, AttributeError):
    """Something was asked of a classifier that has learned nothing yet."""


class TrainingError(PiecewiseError, RuntimeError):
    """Learning that cannot go on (a loss that is no longer a finite number)."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'conv'?"`` when a known word is near, otherwise the known words listed."""
    choices = sorted(known)
    near = get_close_matches(word[:40].lower(), choices, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are {', '.join(choices)}"


def shown(value: object, most: int = 40) -> str:
    """A value as an error quotes it: its repr, cut when long."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a whole number of more than 38 digits"  # its decimal digits may be refused
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


NO_NAME = "no file can have this name"
"""What is wrong with a path that has a zero byte in it."""


def reason(error: Exception) -> str:
    """What an error says, without the number and the file's name that the system's errors carry,
    and without characters that would do something to a terminal: a file may have put them there."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    if isinstance(error, ValueError) and "embedded null" in text:  # more words follow in 3.13
        return NO_NAME
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
