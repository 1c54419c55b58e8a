"""Answers of the net that was taught: what it says to an input, and every number behind it."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Float32
from ..core.errors import DataError, LimitError, shown
from ..data.images.preprocessor import ImagePreprocessor
from ..data.modalities import MODALITIES, MODALITY_OF_SUFFIX
from ..inputs import layer_inputs
from ..insight.explanation import Explanation, explain
from ..insight.robustness.perturbations import apply_together, perturbations_of
from ..network import Network
from ..page.explain import answer_data, explanation_page, reasons_data, votes_data
from .failures import MissingError
from .project import Project
from .strokes import checked_drawing, draw
from .uploads import checked_upload

MAX_WALKS = 16
"""Answers that stay open for questions about their numbers."""
MAX_TEXT = 100_000
"""Characters of a text."""
MAX_UPLOADS = 4
"""Files that are kept for questions about them."""
_ASKED = ("sample", "strokes", "text", "upload")


class Question(NamedTuple):
    """What the net is asked about: a sample of the project, strokes, a text, or an upload; and how
    it is changed before, the index of a size by the name of a perturbation."""

    sample: str | None = None
    strokes: Any = None
    width: Any = None
    text: str | None = None
    upload: int | None = None
    changes: dict[str, int] | None = None

    @classmethod
    def of(cls, values: object) -> Question:
        """From the JSON of a request; DataError."""
        if not isinstance(values, dict) or not set(values) <= set(cls._fields):
            raise DataError(f"question: got {shown(values)}, wanted sample, strokes or text")
        asked = [name for name in _ASKED if values.get(name) is not None]
        if len(asked) != 1:
            raise DataError("question: wanted one of sample, strokes, text and upload")
        text = values.get("text")
        if text is not None and (not isinstance(text, str) or len(text) > MAX_TEXT):
            raise DataError(f"text: wanted one of at most {MAX_TEXT:,} characters")
        return cls(**values)


def packed(head: dict[str, Any], arrays: Mapping[str, Float32]) -> bytes:
    """The length of a JSON head as 4 bytes, little-endian; the head; and the arrays that it names,
    as float32 numbers."""
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    head = {**head, "arrays": {"shapes": shapes, "bits": 24, "left_out": [], "text": ""}}
    text = json.dumps(head, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)  # so that the numbers are aligned
    numbers = [np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values()]
    return b"".join([len(text).to_bytes(4, "little"), text, *numbers])


class Answers:
    """Answers questions with a net, and keeps the last answers open."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = Lock()
        self._walks: OrderedDict[int, Explanation] = OrderedDict()
        self._uploads: OrderedDict[int, tuple[str, Any]] = OrderedDict()
        self._hashed: tuple[Network, str] | None = None
        self._last = 0

    def answer(
        self, net: Network, question: Question, known: object = None, *, detail: bool = True,
        facts: Mapping[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        """The answer to a question, as `packed`. Without the parameters, if the page knows those of
        this SHA-256 already; without the votes if ``detail`` is false; ``facts`` are added to the
        head. DataError."""
        original = self._original(net, question)
        example = net.preprocess(original)[0]
        if question.changes:
            example = _changed(net, example, question.changes)
        explanation = explain(net, example, name=question.sample or "", original=original)
        digest = self._digest(net)
        left_out = set(net.parameters) if known == digest else set[str]()
        facts = {**(facts or {}), "source": _source(net, original), "parameters_sha256": digest}
        return self.opened(explanation, facts, left_out, votes=detail)

    def opened(
        self, explanation: Explanation, facts: Mapping[str, Any], left_out: Collection[str] = (),
        *, votes: bool = True,
    ) -> bytes:  # fmt: skip
        """An answer, which is open from now on, as `packed`, with facts in its head. Some of its
        arrays can be left out, but none of the answer to a text."""
        number = self._keep(explanation)
        head, arrays = answer_data(explanation, votes=votes)
        if not explanation.net.architecture.reads_texts:
            arrays = {name: one for name, one in arrays.items() if name not in left_out}
        return packed({**head, **facts, "walk": number}, arrays)

    def add_upload(self, name: str, content: bytes) -> int:
        """Keep a file that is no sample, for questions about it; its number. DataError if it cannot
        be read, or is of another kind than the project's."""
        suffix = checked_upload(name, content, self._project.fixed_kind).suffix
        kind = MODALITY_OF_SUFFIX[suffix]
        example = MODALITIES[kind].preprocessor.read(content, name[:200])
        with self._lock:
            self._last += 1
            self._uploads[self._last] = kind, example
            while len(self._uploads) > MAX_UPLOADS:
                self._uploads.popitem(last=False)
            return self._last

    def votes(self, walk: object) -> bytes:
        """The votes of an answer that is open, as `packed`; DataError."""
        return packed(*votes_data(self.explanation(walk)))

    def mattered(self, walk: object) -> bytes:
        """What takes long to compute about an answer that is open, as `packed`: the reason, the
        saliency maps and the robustness curves; DataError."""
        return packed(*reasons_data(self.explanation(walk)))

    def report(self, walk: object) -> bytes:
        """The HTML report about an answer that is open, or about the last one."""
        number = walk
        if isinstance(walk, str) and walk.isascii() and walk.isdigit() and len(walk) < 10:
            number = int(walk)
        elif walk is None:
            number = self._last
        return explanation_page(self.explanation(number)).encode()

    def explanation(self, walk: object) -> Explanation:
        """The answer of this number; MissingError if it is not open any more."""
        with self._lock:
            found = self._walks.get(walk) if type(walk) is int else None
        if found is None:
            raise MissingError(f"walk: {shown(walk)} is not open; ask again")
        return found

    def _digest(self, net: Network) -> str:
        """The SHA-256 of the parameters of a net, which no answer changes."""
        with self._lock:
            if self._hashed is None or self._hashed[0] is not net:
                self._hashed = net, net.parameters_sha256
            return self._hashed[1]

    def _keep(self, explanation: Explanation) -> int:
        with self._lock:
            self._last += 1
            self._walks[self._last] = explanation
            while len(self._walks) > MAX_WALKS:
                self._walks.popitem(last=False)
            return self._last

    def _original(self, net: Network, question: Question) -> Any:
        """The decoded input of a question."""
        modality = net.preprocessor.modality
        if question.sample is not None:
            return net.preprocessor.read(self._project.path(question.sample))
        if question.upload is not None:
            return self._upload(question.upload, modality)
        if question.text is not None:
            if modality != "texts":
                raise LimitError(f"text: this net reads {modality}")
            return question.text
        if modality != "pictures":
            raise LimitError(f"strokes: this net reads {modality}")
        picture: Array = draw(checked_drawing(question.strokes, question.width))
        return picture[:, :, None]

    def _upload(self, number: object, modality: str) -> Any:
        """A decoded file that was kept; MissingError, LimitError."""
        with self._lock:
            found = self._uploads.get(number) if type(number) is int else None
        if found is None:
            raise MissingError(f"upload: {shown(number)} is not kept any more; send the file again")
        kind, example = found
        if kind != modality:
            raise LimitError(f"upload: one of {kind}, but this net reads {modality}")
        return example


def _changed(net: Network, example: Array, changes: object) -> Array:
    """An input, changed by perturbations: the index of a size by the name of each. DataError."""
    known = {one.name: one for one in perturbations_of(net)}
    if not isinstance(changes, dict) or not set(changes) <= set(known):
        raise DataError(f"changes: got {shown(changes)}, wanted some of {', '.join(known)}")
    chosen = {}
    for name, number in changes.items():
        count = len(known[name].sizes)
        if type(number) is not int or not 0 <= number < count:
            raise DataError(f"changes: {name}: got {shown(number)}, wanted 0 to {count - 1}")
        chosen[known[name]] = number
    inputs = layer_inputs(net, example[None])
    changed: Array = apply_together(chosen, inputs, net.preprocessor.background)[0]
    return changed


def _source(net: Network, original: Any) -> dict[str, Any] | None:
    """The part of a picture that the input shows: left, top, right, bottom, in its pixels, and the
    picture's width and height; None for sounds and texts."""
    preprocessor = net.preprocessor
    if not isinstance(preprocessor, ImagePreprocessor):
        return None
    height, width = original.shape[:2]
    return {"box": list(preprocessor.source_box(original)), "size": [width, height]}
