"""What the routes of the app do: plain values in, plain values or bytes out, without HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from ..core.errors import DataError, LimitError, shown
from ..spec.architecture import Architecture
from ..spec.notation import write_layer
from .answers import Answers, Question
from .imports import import_data
from .inside import inside_routes
from .listing import PARTS
from .news import News
from .project import Project
from .project_files import OWN
from .strokes import checked_drawing
from .take import Taken, formats, take
from .teaching import Teacher
from .thorough import Thorough

MAX_ATLAS = 200
"""Samples of one atlas."""
MAX_SIDE = 256
Values = dict[str, Any]


class Actions:
    """The actions of a project."""

    def __init__(self, project: Project, teacher: Teacher, news: News) -> None:
        self._project, self._teacher, self._news = project, teacher, news
        self._answers = Answers(project)
        self.thorough = Thorough(project, teacher.attempts, news.publish)

    def close(self) -> None:
        """End all teaching, and let others open the project."""
        self.thorough.close()
        self._teacher.close()
        self._project.close()

    @property
    def folder(self) -> Path:
        """Where temporary files may lie."""
        return self._project.root / OWN

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        """The action of every method and path."""
        return {
            ("GET", "/api/project"): self.project_state,
            ("PATCH", "/api/project"): self.change_project,
            ("POST", "/api/classes"): self.add_class,
            ("PATCH", "/api/classes/{folder}"): self.rename_class,
            ("DELETE", "/api/classes/{folder}"): self.remove_class,
            ("POST", "/api/classes/{folder}/merge"): self.merge_class,
            ("GET", "/api/samples"): self.samples,
            ("POST", "/api/samples/{folder}"): self.add_samples,
            ("POST", "/api/files/{folder}"): self.add_file,
            ("POST", "/api/import"): self.import_archive,
            ("POST", "/api/move"): self.move,
            ("POST", "/api/remove"): self.remove,
            ("POST", "/api/undo"): self.undo,
            ("POST", "/api/redo"): self.redo,
            ("POST", "/api/atlas"): self.atlas,
            ("POST", "/api/check"): self.check,
            ("POST", "/api/teach"): self.teach,
            ("POST", "/api/stop"): self.stop,
            ("GET", "/api/attempts"): self.attempts,
            ("POST", "/api/attempts/{number}/use"): self.use_attempt,
            ("POST", "/api/answer"): self.answer,
            ("POST", "/api/mistakes"): self.mistakes,
            ("GET", "/api/take"): self.formats,
            ("GET", "/api/take/{name}"): self.take,
            ("POST", "/api/votes"): self.votes,
            ("POST", "/api/mattered"): self.mattered,
            **inside_routes(self._answers),
        }

    # The project.

    def project_state(self, values: Values | None = None) -> Values:
        """What a page needs to know when it opens."""
        project, attempt = self._project, self._teacher.attempt
        return {
            "name": project.name,
            "kind": project.kind,
            "classes": [one._asdict() for one in project.classes()],
            "settings": project.settings,
            "attempt": attempt and attempt.number,
            "teaching": self._teacher.state(),
            "thorough": self.thorough.state(),
            "version": project.version,
            "seq": self._news.seq,
        }

    def change_project(self, values: Values) -> Values:
        """Rename the project, order its classes, or turn its knobs."""
        if "name" in values:
            self._project.rename(values["name"])
        if "order" in values:
            self._project.set_order(_texts(values, "order"))
        settings: Values = {name: values[name] for name in ("layers", "recipe") if name in values}
        if settings:
            self._check_settings(settings)
            self._project.set_settings(**settings)
            self._teacher.changed()
        return self._report()

    def add_class(self, values: Values) -> Values:
        """A new class; its folder."""
        folder = self._project.add_class(values.get("name", ""))
        self._report(changed=True)
        return {"folder": folder}

    def rename_class(self, values: Values) -> Values:
        """Call a class by another name; its folder."""
        folder = self._project.rename_class(values["folder"], values.get("name", ""))
        self._report(changed=True)
        return {"folder": folder}

    def remove_class(self, values: Values) -> Values:
        """Remove a class with its samples."""
        self._project.remove_class(values["folder"])
        return self._report(changed=True)

    def merge_class(self, values: Values) -> Values:
        """Move the samples of a class to another one, and remove it."""
        self._project.merge(values["folder"], values.get("into", ""))
        return self._report(changed=True)

    # Samples.

    def samples(self, values: Values) -> Values:
        """The ids of samples of a class."""
        start, count = _number(values, "from", 0), _number(values, "count", 200)
        part = values.get("part", "train")
        page = self._project.samples(values.get("folder", ""), part, start, min(count, 1_000))
        return page._asdict()

    def add_samples(self, values: Values) -> Values:
        """Save a drawing or texts in a class."""
        folder, part = values["folder"], values.get("part", "train")
        if "texts" in values:
            ids = self._project.add_texts(folder, part, _texts(values, "texts"))
        else:
            drawing = checked_drawing(values.get("strokes"), values.get("width"))
            ids = [self._project.add_drawing(folder, part, drawing)]
        self._report(changed=True)
        return {"ids": ids}

    def add_file(self, content: bytes, values: Values) -> Values:
        """Save an uploaded file in a class."""
        part, name = values.get("part", "train"), values.get("name", "")
        sample = self._project.add_file(values["folder"], part, name, content)
        self._report(changed=True)
        return {"ids": [sample]}

    add_file.takes_bytes = True  # type: ignore[attr-defined]

    def import_archive(self, file: Path, values: Values) -> Values:
        """Copy the samples of a zip archive into the project."""

        def tell(done: int, total: int) -> None:
            self._news.publish({"type": "import", "done": done, "total": total})

        report = import_data(self._project, file, tell)
        self._report(changed=True)
        return report._asdict()

    import_archive.takes_file = True  # type: ignore[attr-defined]

    def move(self, values: Values) -> Values:
        """Move samples to another class or part."""
        folder, part = values.get("folder", ""), values.get("part", "train")
        ids = self._project.move(_texts(values, "ids"), folder, part)
        self._report(changed=True)
        return {"ids": ids}

    def remove(self, values: Values) -> Values:
        """Remove samples."""
        self._project.remove(_texts(values, "ids"))
        return self._report(changed=True)

    def undo(self, values: Values) -> Values:
        """Undo the last change of samples or classes; what it was."""
        sentence = self._project.undo()
        self._report(changed=True)
        return {"undone": sentence}

    def redo(self, values: Values) -> Values:
        """Do the change that was undone last; what it was."""
        sentence = self._project.redo()
        self._report(changed=True)
        return {"done": sentence}

    def atlas(self, values: Values) -> bytes:
        """A PNG with a square for each of the samples, in rows of 20, in their order."""
        ids, side = _texts(values, "ids"), _number(values, "side", 48)
        if not 1 <= len(ids) <= MAX_ATLAS or not 8 <= side <= MAX_SIDE:
            raise LimitError(f"atlas: wanted 1 to {MAX_ATLAS} ids and a side of 8 to {MAX_SIDE}")
        across = min(20, len(ids))
        down = -(-len(ids) // across)
        sheet = Image.new("RGB", (across * side, down * side), "white")
        for number, sample in enumerate(ids):
            corner = number % across * side, number // across * side
            sheet.paste(self._thumbnail(sample, side), corner)
        content = io.BytesIO()
        sheet.save(content, "PNG", compress_level=1)
        return content.getvalue()

    def _thumbnail(self, sample: str, side: int) -> Image.Image:
        """A square picture of a sample; grey if it cannot be read."""
        if self._project.kind != "pictures":
            return Image.new("RGB", (side, side), "lightgrey")
        path = self._project.path(sample)
        try:
            with Image.open(path) as image:
                image.draft("RGB", (side, side))
                small = image.convert("RGB")
                small.thumbnail((side, side))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return Image.new("RGB", (side, side), "grey")
        square = Image.new("RGB", (side, side), "white")
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        return square

    # Teaching and answers.

    def check(self, values: Values) -> Values:
        """The shapes and sizes of layers on the inputs of the project; LimitError."""
        preprocessor = self._project.preprocessor
        shape = preprocessor.shape if preprocessor else (1, 28, 28)
        classes = max(2, len(self._project.classes()))
        layers = values.get("layers")
        if not isinstance(layers, str):
            raise LimitError(f"layers: got {shown(layers)}, wanted a text in the notation")
        architecture = Architecture(layers, shape, classes)
        return {
            "layers": [
                {"name": stage.name, "notation": write_layer(stage.layer),
                 "shape": list(stage.output), "products": stage.multiplications,
                 "parameters": sum(row.size for row in stage.parameters)}
                for stage in architecture.stages
            ],
            "parameters": architecture.parameter_count,
        }  # fmt: skip

    def _check_settings(self, settings: Values) -> None:
        """Refuse knobs that no net can have, before they are kept."""
        from ..training.recipe import Recipe, check_knob_names  # noqa: PLC0415

        if settings.get("layers") is not None:
            self.check(settings)
        recipe = settings.get("recipe")
        if recipe is not None:
            if not isinstance(recipe, dict):
                raise LimitError(f"recipe: got {shown(recipe)}, wanted names and values")
            check_knob_names(recipe)
            Recipe(**recipe)

    def teach(self, values: Values) -> Values:
        """Teach anew; with the stage thorough, as `piecewise train` does."""
        stage = values.get("stage", "sketch")
        if stage == "thorough":
            self.thorough.start()
        elif stage == "sketch":
            self._teacher.changed()
        else:
            raise LimitError(f"stage: got {shown(stage)}, wanted sketch or thorough")
        return {}

    def stop(self, values: Values) -> Values:
        """Stop what is taught."""
        if values.get("stage") == "thorough":
            self.thorough.stop()
        else:
            self._teacher.stop()
        return {}

    def mistakes(self, values: Values) -> Values:
        """The mistakes on the samples for learning, by the nets of the score that did not learn
        from them; or on those for the test."""
        part = values.get("part", "train")
        if part not in PARTS:
            raise DataError(f"part: got {shown(part)}, wanted train or test")
        held_out = self._teacher.test() if part == "test" else self._teacher.held_out
        if held_out is None:
            raise DataError("mistakes: not measured yet; they are when the score is there")
        return held_out.to_json()

    # Take away.

    def formats(self, values: Values) -> Values:
        """The formats in which the net can be taken away."""
        net = self._teacher.net
        return {"formats": [] if net is None else formats(net)}

    def take(self, values: Values) -> Taken:
        """A file to take away."""
        name, teacher = values["name"], self._teacher
        if name == "report.html":
            return Taken("report.html", self._answers.report(values.get("walk")))
        return take(name, self._project, teacher.attempt, teacher.net)

    def attempts(self, values: Values) -> Values:
        """All attempts."""
        return {"attempts": [asdict(one) for one in self._teacher.attempts.list()]}

    def use_attempt(self, values: Values) -> Values:
        """Answer with the net of an attempt."""
        self._teacher.use(_number(values, "number", 0))
        return self._report()

    def answer(self, values: Values) -> bytes:
        """What the net says to a sample, strokes or a text, and every number behind it."""
        net = self._teacher.net
        if net is None:
            raise DataError("answer: no net is taught yet")
        known, detail = values.pop("known", None), values.pop("detail", True) is not False
        return self._answers.answer(net, Question.of(values), known, detail=detail)

    def votes(self, values: Values) -> bytes:
        """The votes of an open answer."""
        return self._answers.votes(values.get("walk"))

    def mattered(self, values: Values) -> bytes:
        """The reason, the saliency maps and the robustness curves of an open answer."""
        return self._answers.mattered(values.get("walk"))

    # Helpers.

    def _report(self, *, changed: bool = False) -> Values:
        """Publish the state of the project; ``changed``: what is taught is out of date, too."""
        state = self.project_state()
        self._news.publish({"type": "project", **state})
        if changed:
            self._teacher.changed()
        return state


def _texts(values: Values, name: str) -> list[str]:
    """A list of texts of a request; DataError."""
    texts = values.get(name)
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise DataError(f"{name}: got {shown(texts)}, wanted a list of texts")
    if len(texts) > 100_000:
        raise DataError(f"{name}: wanted at most 100,000")
    return texts


def _number(values: Values, name: str, default: int) -> int:
    """A whole number of a request, not negative; DataError."""
    value = values.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise DataError(f"{name}: got {shown(value)}, wanted a whole number")
    return value
