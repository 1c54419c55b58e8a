"""The teacher of a project: it trains a net after every change, on a thread of its own.

A *sketch* is trained after every change of samples, classes or knobs: few epochs, so that it is
there at once. Then its *score* is measured in folds. The next change ends both.
"""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..core.errors import DataError, PiecewiseError, TrainingError
from ..core.progress import Progress
from ..network import Network
from ..training.defaults import TrainingConfig
from ..training.recipe import Recipe
from .attempts import Attempt, Attempts
from .failures import ConflictError
from .mistakes import COVERAGE, HeldOut
from .news import Publish
from .prepared import PreparedSamples, renumbered
from .project import Project
from .sketch import RETRIES, SKETCH_SAMPLES, more_careful, sketch_config
from .teaching_data import FOLDS, TeachingData, is_complete

LEAST = 5
"""Samples of a class that a net needs to learn it."""
DELAY = 0.15
"""Seconds after a change until a sketch begins, so that several changes make one sketch."""


class Teacher:
    """Teaches the net of a project.

    Parameters
    ----------
    project : Project
    publish : callable
        Gets every piece of news, a dict with its ``type``: teaching, taught, score, stopped,
        failed, waiting.
    threads : int, optional
        Threads of a training; all processors if left out.
    """

    def __init__(self, project: Project, publish: Publish, threads: int | None = None) -> None:
        self.project, self.attempts = project, Attempts(project.root)
        self.samples = PreparedSamples(project)
        self._publish, self._threads = publish, threads
        self._wake = threading.Condition()
        self._wanted = 0  # one more for every change and every stop
        self._began = 0  # the last of them that teaching has begun for, or that stopped it
        self._running: int | None = None  # the change that is taught now
        self._unmeasured: Attempt | None = None  # what is to be scored, if nothing is to be taught
        self._closed = False
        self._net: Network | None = None
        self._attempt: Attempt | None = None
        self._held_out: HeldOut | None = None
        self.unread: list[str] = []
        """A message for each sample for learning that could not be read in the last teaching."""
        self._news: dict[str, Any] = {"type": "waiting", "message": ""}
        if latest := self.attempts.latest():
            self._attempt, self._net = latest
            with self._wake:
                self._news = self._recall() or self._news
        self._thread = threading.Thread(target=self._run, name="piecewise teacher", daemon=True)
        self._thread.start()

    @property
    def net(self) -> Network | None:
        """The net that answers: that of the last teaching, or of the attempt that is used."""
        return self._net

    @property
    def attempt(self) -> Attempt | None:
        """The attempt of `net`."""
        return self._attempt

    @property
    def held_out(self) -> HeldOut | None:
        """The answers of the last score; None before one was measured."""
        return self._held_out

    def test(self) -> HeldOut:
        """The answers of the net to the samples that were kept for the test; DataError."""
        net, attempt = self._net, self._attempt
        if net is None or attempt is None:
            raise ConflictError("mistakes: there is no net yet")
        classes = self.project.classes()
        folders = [one.folder for one in classes]
        split = self.samples.split("test", folders, preprocessor=net.preprocessor)
        labels = renumbered(split.labels, [one.name for one in classes], net.classes)
        if not split.ids:
            raise ConflictError("mistakes: there is no sample for the test yet; move some to it")
        probabilities = net.probabilities_of(net.logits(split.inputs))
        return HeldOut(attempt.number, net.classes, split.ids, labels, probabilities)

    def state(self) -> dict[str, Any]:
        """The last piece of news."""
        return self._news

    def changed(self) -> None:
        """Teach a sketch; what runs is stopped."""
        with self._wake:
            self._unmeasured = None
            self._wanted += 1
            self._wake.notify()

    def stop(self) -> None:
        """Stop what runs; the net stays, and so does a score of some of the folds."""
        with self._wake:
            self._cancel()
            attempt = self._attempt
            score = attempt.score if attempt else None
            self._tell({"type": "stopped", "attempt": attempt and attempt.number, "score": score,
                        "partial": score is not None and not is_complete(score)})  # fmt: skip

    def _cancel(self) -> None:
        """End what runs and what waits; it publishes nothing from now on."""
        self._began = self._wanted = self._wanted + 1
        self._wake.notify()

    def measure_doubt(self) -> None:
        """Measure anew below which probability the answers of the last score are doubtful."""
        with self._wake:
            attempt, known = self._attempt, self._held_out
            if not attempt or not attempt.score or not known or known.attempt != attempt.number:
                return
            if is_complete(attempt.score):
                score = {**attempt.score, "doubt": known.doubt(self._coverage)}
                self._attempt = attempt = self._scored(attempt, score)
                self._tell(_judged(attempt, known, score))

    @property
    def _coverage(self) -> float:
        """The fraction of samples that the net should answer, as a person set it."""
        value = self.project.settings.get("coverage", COVERAGE)
        return float(value) if isinstance(value, int | float) and 0 < value <= 1 else COVERAGE

    def change_attempt(self, number: int, **values: Any) -> Attempt:
        """Change the note or the pin of an attempt; MissingError."""
        with self._wake:
            changed = self.attempts.change(number, **values)
            if self._attempt is not None and self._attempt.number == number:
                self._attempt = changed
            return changed

    def use(self, number: int) -> None:
        """Answer with the net of an attempt, and take back its knobs; nothing is taught."""
        attempt = self.attempts.get(number)
        net = self.attempts.net(number)
        with self._wake:
            self._cancel()
            self._net, self._attempt = net, attempt
            self.attempts.choose(number)
            self.project.set_settings(layers=attempt.layers, recipe=attempt.recipe)
            self._pin(net, imported=attempt.stage == "opened")
            self._tell(self._taught(attempt))
            if score := self._recall():
                self._tell(score)

    def _pin(self, net: Network, *, imported: bool) -> None:
        """Read texts with the vocabulary of the net that answers, until the next is taught."""
        own = net.preprocessor
        if self.project.kind == "texts" and own not in (None, self.project.preprocessor):
            self.project.pin(own, imported=imported)

    def _recall(self) -> dict[str, Any] | None:
        """The news of the score of the attempt, if its answers are saved. If they are not, they are
        measured again. None, too, if the samples have changed since."""
        attempt, net = self._attempt, self._net
        if attempt is None or net is None or attempt.data_sha256 != self.project.data_sha256():
            return None
        held_out = self.attempts.held_out(attempt.number)
        if held_out is not None and attempt.score and is_complete(attempt.score):
            self._held_out = held_out
            return _judged(attempt, held_out, attempt.score)
        if attempt.stage == "sketch" and net.preprocessor == self.project.preprocessor:
            self._begin_measuring(attempt)
        return None

    def measure(self) -> None:
        """Judge the samples by nets of the layers and the recipe of the attempt that answers, in
        folds. Its net and its score stay; ConflictError if they cannot be trained again."""
        with self._wake:
            attempt, net = self._attempt, self._net
            if attempt is None or net is None:
                raise ConflictError("net: there is none yet; teach one first")
            if not attempt.recipe:
                raise ConflictError("recipe: the file of this net does not say how it was trained, "
                                    "so that no other net can be trained like it; move samples to "
                                    "the test to see its mistakes")  # fmt: skip
            if net.preprocessor != self.project.preprocessor:
                raise ConflictError("net: it reads inputs of another size or kind than those of "
                                    "the project; move samples to the test to see its "
                                    "mistakes")  # fmt: skip
            self._begin_measuring(attempt)

    def _begin_measuring(self, attempt: Attempt) -> None:
        self._unmeasured = attempt
        self._wanted += 1
        self._wake.notify()

    def close(self) -> None:
        """Stop, and end the thread."""
        with self._wake:
            self._closed = True
            self._wanted += 1
            self._wake.notify()
        self._thread.join()

    # The thread.

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._wanted > self._began)
                if self._closed:
                    return
            self._settle()
            self._teach_once()

    def _settle(self) -> None:
        """Wait until there was no change for a moment."""
        with self._wake:
            while not self._closed and self._wanted > self._began:
                self._running = self._began = self._wanted
                if not self._wake.wait_for(self._is_stale, DELAY):
                    return

    def _is_stale(self) -> bool:
        """Whether there was a change, or a stop, since the teaching began."""
        return self._closed or self._wanted != self._running

    def _teach_once(self) -> None:
        try:
            self._check()
            unmeasured = self._unmeasured
            data = self._data(is_new=unmeasured is None)
            if data is not None and unmeasured is not None:
                config = TrainingConfig(unmeasured.layers, Recipe(**unmeasured.recipe))
                self._tell_current({"type": "score", "attempt": unmeasured.number, "done": 0,
                                    "of": FOLDS, "n": 0, "score": unmeasured.score})  # fmt: skip
                self._score(replace(data, config=config), unmeasured)
            elif data is not None:
                self._score(*self._sketch(data))
        except CancelledError:
            pass
        except PiecewiseError as error:
            self._tell_current({"type": "failed", "message": str(error)})
        except Exception as error:
            self._tell_current({"type": "failed", "message": f"{type(error).__name__}: {error}"})
            traceback.print_exc()  # the thread goes on: the next change is taught

    def _data(self, *, is_new: bool) -> TeachingData | None:
        """The samples and the knobs; None, with news of what is missing, if there are too few.
        ``is_new``: they are for a new net, not for the score of one."""
        classes = self.project.classes()
        if message := missing(self.project):
            self._tell_current({"type": "waiting", "message": message})
            return None
        folders = [one.folder for one in classes]
        preprocessor = self.samples.for_teaching() if is_new else self.samples.preprocessor()
        split = self.samples.split("train", folders, SKETCH_SAMPLES, self._check, preprocessor)
        if split.problems or self.unread:
            self.unread = split.problems
            self._tell_current({"type": "problems", "messages": self.unread})
        inputs, labels = split.inputs, split.labels
        settings = self.project.settings
        knobs = settings.get("recipe", {})
        if not isinstance(knobs, dict):
            raise DataError("recipe: wanted names and values")
        config = sketch_config(inputs, preprocessor, len(classes), settings.get("layers"), knobs)
        names = tuple(one.name for one in classes)
        digest = self.project.data_sha256()
        may_retry = "learning_rate" not in knobs
        return TeachingData(inputs, labels, names, preprocessor, config, digest, split.ids,
                            may_retry, self._threads)  # fmt: skip

    def _sketch(self, data: TeachingData) -> tuple[TeachingData, Attempt]:
        """Train a net, keep it, and answer with it from now on; the data with the recipe that did
        not diverge."""
        began = time.perf_counter()
        losses: list[float] = []

        def report(progress: Progress) -> None:
            self._check()
            if progress.epoch:
                losses.append(round(progress.epoch.loss, 5))
                self._tell_current({"type": "teaching", "epoch": progress.epoch.epoch,
                                    "epochs": data.config.recipe.epochs,
                                    "loss": losses[-1]})  # fmt: skip

        for tries_left in reversed(range(RETRIES + 1 if data.may_retry else 1)):
            losses.clear()
            try:
                net = data.trained(report)
                break
            except TrainingError:
                if not tries_left:
                    raise
                data = replace(data, config=more_careful(data.config))
        attempt = Attempt(
            0, net.notation, data.config.recipe.to_json(), data.data_sha256,
            net.parameters_sha256, "sketch", len(data.labels),
            round(time.perf_counter() - began, 3), losses,
        )  # fmt: skip
        net.walk(data.inputs[0])  # so that its first answer compiles nothing
        with self._wake:
            self._check()
            attempt = self.attempts.add(attempt, net)
            self.attempts.choose(attempt.number)
            self._pin(net, imported=self.project.has_imported_preprocessor)
            self._attempt, self._net = attempt, net
            self._tell(self._taught(attempt))
        return data, attempt

    def _score(self, data: TeachingData, attempt: Attempt) -> None:
        """Measure the sketch's recipe in folds, and publish the score after every fold."""
        known = self._held_out
        whole = attempt.score if attempt.score and is_complete(attempt.score) else None
        if whole and known and (known.attempt, known.ids) == (attempt.number, data.ids):
            self._tell_current(_judged(attempt, known, whole))
            return
        for score, held_out in data.folds(attempt.number, self._checked):
            is_last = is_complete(score)
            score["doubt"] = held_out.doubt(self._coverage) if is_last else None
            if is_last:
                with suppress(DataError):  # measured again after the next start
                    self.attempts.save_held_out(held_out)
            with self._wake:
                self._check()
                if not whole:
                    attempt = self._attempt = self._scored(attempt, score)
                self._held_out = held_out
                self._tell(_judged(attempt, held_out, score))

    def _scored(self, attempt: Attempt, score: dict[str, Any]) -> Attempt:
        """The attempt with its score, which is kept in memory if it cannot be saved."""
        return self.attempts.change(attempt.number, must_save=False, score=score)

    def _checked(self, progress: Progress) -> None:
        """The progress callback of a fold."""
        self._check()

    def _check(self) -> None:
        """Raise CancelledError if there was a change since the teaching began."""
        if self._is_stale():
            raise CancelledError

    def _taught(self, attempt: Attempt) -> dict[str, Any]:
        return {"type": "taught", "attempt": attempt.number, "samples": attempt.samples,
                "seconds": attempt.seconds, "epochs": len(attempt.losses),
                "losses": attempt.losses, "score": attempt.score,
                "problem": self.attempts.problem}  # fmt: skip

    def _tell(self, news: dict[str, Any]) -> None:
        self._news = news
        self._publish(news)

    def _tell_current(self, news: dict[str, Any]) -> None:
        """Publish news of the thread, unless there was a change or a stop meanwhile."""
        with self._wake:
            if not self._is_stale():
                self._tell(news)


def _judged(attempt: Attempt, held_out: HeldOut, folds: dict[str, Any]) -> dict[str, Any]:
    """The news that so many ``folds`` are measured, with the score of the attempt. After a
    thorough training, that score was measured on other samples."""
    return {"type": "score", "attempt": attempt.number, "done": folds["done"], "of": folds["of"],
            "n": len(held_out.ids), "score": attempt.score}  # fmt: skip


def missing(project: Project) -> str:
    """What a person has to add before there is something to learn; empty if nothing."""
    classes = project.classes()
    if len(classes) < 2:
        return "Needs a second class." if classes else "Needs two classes."
    lacking = [f"{LEAST - one.train} more of {one.name}" for one in classes if one.train < LEAST]
    if not lacking:
        return ""
    *others, last = lacking
    return f"{', '.join(others)}{' and ' if others else ''}{last}, and it can learn."
