"""Thorough teaching: the training of `piecewise train`, beside the sketches, when a person asks.

It makes a new attempt and leaves the net that answers as it is. It can be stopped; the same samples
and knobs then go on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from concurrent.futures import CancelledError
from typing import Any

from ..core.errors import DataError, PiecewiseError
from ..network import Network
from ..training.experiment import TrainingResult, run_training
from ..training.metrics import Scores
from ..training.plan import TrainingPlan, plan_training
from .attempts import Attempt, Attempts
from .failures import ConflictError
from .meter import JobMeter
from .mistakes import COVERAGE, LEAST_COVERED
from .news import Publish
from .prepared import PreparedSamples
from .project import Project
from .project_files import OWN
from .teaching import missing


class Thorough:
    """The thorough teaching of a project, on a thread of its own while it runs.

    Parameters
    ----------
    project : Project
        Has the samples.
    attempts : Attempts
        Keeps the net.
    publish : callable
        Gets all news, dicts of the ``type`` "thorough"; their ``state`` is running, done, stopped
        or failed.
    """

    def __init__(
        self, project: Project, attempts: Attempts, publish: Publish, threads: int | None = None
    ) -> None:
        self._project, self._attempts, self._publish = project, attempts, publish
        self._samples, self._threads = PreparedSamples(project), threads
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self.thread: threading.Thread | None = None
        """The thread of the last start."""
        self._news: dict[str, Any] = {"type": "thorough", "state": "idle"}

    def state(self) -> dict[str, Any]:
        """The last piece of news."""
        return self._news

    def start(self) -> None:
        """Begin; ConflictError if it runs already."""
        with self._lock:
            if self.thread is not None and self.thread.is_alive():
                raise ConflictError("teach: the thorough teaching runs already")
            self._stopped.clear()
            self._tell(state="running", stage="reading", done=0, total=1, left=None)
            self.thread = threading.Thread(target=self._run, name="thorough", daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """Stop; what is trained so far is kept for the next start."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, and wait for the end."""
        self.stop()
        if self.thread is not None:
            self.thread.join()

    def _run(self) -> None:
        try:
            self._tell(state="done", attempt=self._teach().number)
        except CancelledError:
            self._tell(state="stopped")
        except (PiecewiseError, OSError) as error:
            self._tell(state="failed", message=str(error))
        except Exception as error:
            self._tell(state="failed", message=f"{type(error).__name__}: {error}")
            raise

    def _teach(self) -> Attempt:
        began = time.perf_counter()
        if message := missing(self._project):
            raise DataError(message)
        data = self._samples.dataset(preprocessor=self._samples.for_teaching())
        digest = self._project.data_sha256()
        settings = self._project.settings
        knobs = settings.get("recipe") or {}
        if not isinstance(knobs, dict):
            raise DataError("recipe: wanted names and values")
        meter = JobMeter(self._tell, self._stopped)
        plan = plan_training(data, "project", layers=settings.get("layers"), **knobs)
        folder = self._run_folder([digest, settings, data.preprocessor.to_json()])
        result = run_training(plan, meter.report, threads=self._threads, run_dir=folder)
        shutil.rmtree(folder, ignore_errors=True)
        seconds = round(time.perf_counter() - began, 3)
        new = _attempt(plan, result, digest, seconds, meter.losses)
        kept = self._attempts.add(new, result.net)
        if kept.stage == new.stage:
            return kept
        return self._attempts.change(kept.number, stage=new.stage, score=new.score)

    def _run_folder(self, facts: list[Any]) -> str:
        """The run directory of these samples and knobs; those of others are removed."""
        key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
        parent = self._project.root / OWN / "run"
        parent.mkdir(parents=True, exist_ok=True)
        for other in parent.iterdir():
            if other.name != key[:16] and not other.is_symlink():
                shutil.rmtree(other, ignore_errors=True)
        return str(parent / key[:16])

    def _tell(self, **news: Any) -> None:
        self._news = {"type": "thorough", **news}
        self._publish(self._news)


def _attempt(
    plan: TrainingPlan, result: TrainingResult, digest: str, seconds: float, losses: list[float]
) -> Attempt:
    net = result.net
    recipe = net.recipe or plan.config.recipe.to_json()
    split = next((one for one in ("test", "folds", "validation") if one in result.scores), None)
    score = split and _score(result.scores[split])
    return Attempt(0, net.notation, recipe, digest, net.parameters_sha256, "thorough",
                   len(plan.splits["train"].labels), seconds, losses,
                   {"split": split, **score, "doubt": _doubt(net)} if score else None)  # fmt: skip


def _doubt(net: Network) -> dict[str, float] | None:
    """The confidence threshold of the calibration, as `HeldOut.doubt` is."""
    calibration = net.calibration
    if calibration.n < LEAST_COVERED:
        return None
    one = min(calibration.thresholds, key=lambda known: abs(known.coverage - COVERAGE))
    return {"coverage": one.coverage, "threshold": one.probability, "right": one.accuracy}


def _score(scores: Scores) -> dict[str, Any]:
    """A score as those of sketches are."""
    low, high = scores.interval
    return {"done": 1, "of": 1, "n": scores.n, "right": round(scores.accuracy * scores.n),
            "low": low, "high": high, "base": scores.baseline}  # fmt: skip
