"""The worked examples of the lessons: their stages, and what the learner calculated."""

from __future__ import annotations

from ..core.errors import shown
from ..lessons.catalog import LESSONS, lesson
from ..lessons.questions import Draw
from ..lessons.references import LessonError
from ..lessons.typed_numbers import read_number
from ..lessons.worked_examples import EXAMPLES, STAGES, WorkedExample, WorkedStep
from .failures import MissingError
from .fields import Values
from .learn_state import LearnState

TRIES = 2
"""Wrong tries until the missing steps are shown."""
EXAMPLE = "example"


class LessonExamples:
    """The worked examples for the learner of a project."""

    def __init__(self, state: LearnState) -> None:
        self._state, self._log = state, state.log

    def example(self, name: str, seed: int, stage: int, number: int) -> Values:
        """A stage of the example of a lesson, counted from 0, and how it was answered; ``number``
        counts the places that were asked about. MissingError."""
        found = self._example(name, seed, stage, number)
        tried = self._tries(name, seed, stage, number)
        rights = [_rights(found, answers) for answers in tried]
        is_right = not found.missing or any(all(one) for one in rights)
        is_shown = is_right or len(rights) >= TRIES
        first = len(found.steps) - found.missing
        return {
            "stage": stage,
            "of": STAGES,
            "number": number,
            "text": found.text,
            "planes": found.planes,
            "steps": [_plain(step, is_shown=is_shown or at < first)
                      for at, step in enumerate(found.steps)],
            "rights": rights[-1] if rights else [],
            "answers": tried[-1] if tried else [],
            "is_right": is_right,
            "is_shown": is_shown,
        }  # fmt: skip

    def answer(self, name: str, seed: int, stage: int, number: int, answers: list[str]) -> Values:
        """Keep what the learner calculated, a number for each missing step. LessonError."""
        found = self._example(name, seed, stage, number)
        if len(answers) != found.missing:
            raise LessonError(f"answers: got {len(answers)}, wanted {found.missing}")
        for one in answers:
            read_number(one)
        if not self.example(name, seed, stage, number)["is_shown"]:
            self._log.add(what=EXAMPLE, lesson=name, seed=seed, stage=stage, number=number,
                          answers=answers, net=self._sha256)  # fmt: skip
        return self.example(name, seed, stage, number)

    @property
    def _sha256(self) -> str:
        return self._state.pinned().learner.small.parameters_sha256

    def _tries(self, name: str, seed: int, stage: int, number: int) -> list[list[str]]:
        made = self._log.of(what=EXAMPLE, lesson=name, seed=seed, stage=stage, number=number,
                            net=self._sha256)  # fmt: skip
        found = self._example(name, seed, stage, number)
        return [one["answers"] for one in made if _are_typed(one.get("answers"), found.missing)]

    def _example(self, name: str, seed: int, stage: int, number: int) -> WorkedExample:
        tasks = lesson(name).of_kind("task") if name in LESSONS else []
        part = tasks[0].attributes["part"] if tasks else ""
        if part not in EXAMPLES:
            raise MissingError(f"lesson: {shown(name)} has no worked example")
        draw = Draw(name, EXAMPLE, self._sha256, seed, stage, number)
        return EXAMPLES[part](self._state.pinned().learner, stage, draw)


def _plain(step: WorkedStep, *, is_shown: bool) -> Values:
    """A step; one that the learner calculates has no value, and the work that leads to it is not
    shown either."""
    if not is_shown:
        return {"label": step.label, "work": "", "value": None}
    value = f"{float(step.value):.2f}" if step.value % 1 else str(int(step.value))
    return {"label": step.label, "work": step.work, "value": value}


def _rights(found: WorkedExample, answers: list[str]) -> list[bool]:
    return [step.is_right(float(read_number(text)))
            for step, text in zip(found.asked, answers, strict=True)]  # fmt: skip


def _are_typed(answers: object, count: int) -> bool:
    """Whether answers of the file can be read: others may have written it."""
    if not isinstance(answers, list) or len(answers) != count:
        return False
    try:
        return all(isinstance(one, str) and read_number(one) is not None for one in answers)
    except LessonError:
        return False
