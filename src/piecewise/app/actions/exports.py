"""The export of the net in all formats with its passport, as a job; and the page of its answers."""

from __future__ import annotations

import shutil
import tempfile
import zipfile

import numpy as np

from ...core.progress import OnProgress
from ...exchange.export_folder import PAGE
from ...exchange.export_model import export_model
from ...exchange.passport.samples import samples_of
from ...exchange.runner import Samples
from ...network import Network
from ...page.evaluate import evaluate_page
from ...training.evaluation import TRAINING, predict_dataset
from ..failures import ConflictError, MissingError
from ..fields import TEXTS, RequestField, Values
from ..routes import AppRoute
from ..session import Session
from ..take import Taken, plain_name

MOST_SAMPLES = 100
"""Samples on which toolkits are compared with piecewise."""
_NOTE = ("the net was trained on all of these samples, so this is the training score, which says "
         "little about new data")  # fmt: skip


class ExportActions:
    """The actions on the last export of a project, in a folder of the app's own."""

    def __init__(self, session: Session) -> None:
        self._project, self._teacher, self._jobs = session.project, session.teacher, session.jobs
        self._folder = session.folder / "export"

    def export(self, values: Values) -> Values:
        """Begin to write the named ``formats``, or all that can express the net, and to compare the
        toolkits that are installed."""
        formats = values.get("formats")
        net, attempt = self._teacher.net, self._teacher.attempt
        if net is None or attempt is None:
            raise ConflictError("net: there is none yet; teach one first")

        def work(on_progress: OnProgress) -> Values:
            shutil.rmtree(self._folder, ignore_errors=True)
            samples = self._samples(net)
            result = export_model(net.saved_model(), self._folder, formats, samples,
                                  self._project.name, on_progress)  # fmt: skip
            return {"attempt": attempt.number, **result.passport.to_json()}

        return {"job": self._jobs.start("export", work)}

    def _samples(self, net: Network) -> Samples | None:
        """Samples of the project, evenly spaced; None if there are none."""
        ids = [*self._project.labelled("test")[0], *self._project.labelled("train")[0]]
        if not ids:
            return None
        rows = np.unique(np.linspace(0, len(ids) - 1, min(MOST_SAMPLES, len(ids))).astype(int))
        raw = [net.preprocessor.read(self._project.path(ids[row])) for row in rows]
        return samples_of(net.preprocessor, raw, reads_texts=net.architecture.reads_texts)

    def archive(self, values: Values) -> Taken:
        """All files of the last export."""
        self._check()
        file = tempfile.TemporaryFile(dir=self._folder.parent)  # noqa: SIM115 - the caller closes it
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self._folder.rglob("*")):
                if path.is_file():
                    archive.write(path, f"export/{path.relative_to(self._folder).as_posix()}")
        file.seek(0)
        return Taken(f"{plain_name(self._project.name)} export.zip", file)

    def passport(self, values: Values) -> Taken:
        """The page that says what each toolkit answered, of the last export."""
        self._check()
        return Taken(PAGE, (self._folder / PAGE).read_bytes())

    def _check(self) -> None:
        if not (self._folder / PAGE).is_file():
            raise MissingError("export: there is none yet; run it first")

    def answers_page(self, values: Values) -> Taken:
        """The report about the answers to the samples for the test, or to all if there are none."""
        net = self._teacher.net
        if net is None:
            raise ConflictError("net: there is none yet; teach one first")
        data = self._teacher.samples.dataset(net.classes)
        answers = predict_dataset(net, data)
        notes = [_NOTE] if answers.scores.counted == TRAINING else []
        page = evaluate_page(net, data, answers.indices, answers.logits, answers.scores,
                             name=self._project.name, notes=notes)  # fmt: skip
        return Taken("answers.html", page.encode())


ROUTES = (
    AppRoute("POST", "/api/export", ExportActions.export, (RequestField("formats", TEXTS),)),
    AppRoute("GET", "/api/export.zip", ExportActions.archive),
    AppRoute("GET", "/api/passport.html", ExportActions.passport),
    AppRoute("GET", "/api/answers.html", ExportActions.answers_page),
)
"""The routes of these actions."""
