"""The values of a lesson for one learner: what its references stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .formats import printed
from .lesson_file import Binding
from .pieces import Piece, pieces_of
from .quantities import Context, check_printable, type_of, value_of
from .references import Reference


class PageValues:
    """Computes the references of a lesson; every method raises LessonError."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._types: dict[str, str] = {}
        self._bound: dict[str, tuple[str, Any]] = {}

    def bind(self, binding: Binding) -> None:
        """Compute a name of the head. A name whose value fails keeps its type."""
        self._types[binding.name] = type_of(binding.reference, self._types)
        value = value_of(binding.reference, self._context, self._bound)
        self._bound[binding.name] = self._types[binding.name], value

    def bound(self, name: str) -> Any:
        """The value of a name of the head; None if there is none."""
        return self._bound.get(name, (None, None))[1]

    def type_of(self, reference: Reference) -> str:
        """The type of a value."""
        return type_of(reference, self._types)

    def value(self, reference: Reference) -> Any:
        """A value as it is computed."""
        self.type_of(reference)
        return value_of(reference, self._context, self._bound)

    def plane(self, reference: Reference) -> Any:
        """A table of numbers."""
        check_printable(reference, self._types, planes=True)
        return self.value(reference)

    def printed(self, reference: Reference) -> str:
        """A value as it is printed."""
        check_printable(reference, self._types, planes=False)
        return self.printed_as(reference, reference.format)

    def printed_as(self, reference: Reference, form: str) -> str:
        """A value as it is printed in another format."""
        return printed(self.value(reference), form)

    def filled(self, pieces: Iterable[Piece]) -> str:
        """Pieces as text; a known slip is followed by the true value."""
        return "".join(self._filled(piece) for piece in pieces)

    def filled_text(self, text: str) -> str:
        """A line as text."""
        return self.filled(pieces_of(text, 1))

    def _filled(self, piece: Piece) -> str:
        if piece.reference is None or piece.kind == "claim":
            return piece.text
        value = self.printed(piece.reference)
        return f"{piece.text} (it is {value})" if piece.kind == "slip" else value
