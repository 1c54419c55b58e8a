"""The package's exceptions, and helpers for their messages.

A message says in one sentence what is wrong, where, what the value was, what is allowed and what to
try.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PiecewiseError(Exception):
    """The base class of the package's errors; the command line prints it and exits with 1."""


class LimitError(PiecewiseError, ValueError):
    """A value that is not allowed: a hyperparameter of a layer or recipe, a size, an option."""


class NotationError(PiecewiseError, ValueError):
    """A text that is not a valid network in the notation.

    Parameters
    ----------
    message : str
    text : str
        The text that was parsed.
    position : int
        The index of the first wrong character of ``text``.
    """

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class ShapeError(NotationError):
    """Layers that do not fit each other, the input, the classes or the limits.

    Parameters
    ----------
    message, text, position
        As in `NotationError`.
    layer : int
        The number of the layer, from 1, with repeats written out.
    """

    def __init__(self, message: str, *, text: str, position: int, layer: int) -> None:
        super().__init__(message, text=text, position=position)
        self.layer = layer


class DataError(PiecewiseError, ValueError):
    """Inputs or labels that cannot be read or do not fit the network."""


class ModelFileError(PiecewiseError, ValueError):
    """A model file that cannot be read or written."""


class CheckpointError(PiecewiseError, ValueError):
    """A run directory that cannot be used, or that holds another run."""


class NotFittedError(PiecewiseError, ValueError, AttributeError):
    """A classifier is used before it is fitted."""


class TrainingError(PiecewiseError, RuntimeError):
    """Training that diverged: the loss is not finite, or far above that of an untrained network."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'conv'?"`` if a known word is similar, else all known words."""
    choices = sorted(known)
    near = get_close_matches(word[:40].lower(), choices, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known names: {', '.join(choices)}"


def shown(value: object, most: int = 40) -> str:
    """The repr of a value for an error message, truncated to ``most`` characters."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a whole number of more than 38 digits"  # Python may refuse to print them
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


NO_NAME = "no file can have this name"
"""The message for a path that contains a null byte."""


def reason(error: Exception) -> str:
    """The message of an error, safe to print.

    The error number and the file name of system errors are left out. Characters that are not
    printable are escaped: they may come from a file and could control a terminal.
    """
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    if isinstance(error, ValueError) and "embedded null" in text:  # Python 3.13 adds words
        return NO_NAME
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
