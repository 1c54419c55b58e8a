"""Checks of the net and of its samples: mistakes, nearest samples, label issues and influence."""

from __future__ import annotations

from threading import Lock

import numpy as np

from ...core.array_types import Array
from ...core.errors import LimitError
from ...core.progress import OnProgress
from ...data.dataset import Dataset
from ...inputs import check_inputs
from ...insight.data_quality.influence import Influence, influential_examples
from ...insight.data_quality.label_issues import find_label_issues
from ...insight.evaluation.mistakes import NearestExamples
from ...insight.explanation import Explanation
from ...insight.retraining.cost import RetrainingCost, retraining_cost
from ...network import Network
from ...spec.class_numbers import class_number
from ..failures import ConflictError
from ..fields import TEXT, TEXTS, WHOLE, RequestField, Values
from ..prepared import PreparedSplit, renumbered
from ..routes import AppRoute
from ..session import Session

NEAREST = 5
MAX_ASKED = 50
"""Samples whose nearest ones are asked for at a time."""
MOST_ISSUES = 200
MOST_INFLUENCES = 20
CANDIDATES = 100
"""Samples whose influence is measured where measuring that of all takes too long: the nearest."""
_OTHERS = "others"


class CheckActions:
    """The checks of a project; those that take long are jobs."""

    def __init__(self, session: Session) -> None:
        self._project, self._teacher = session.project, session.teacher
        self._answers, self._jobs = session.answers, session.jobs
        self._lock = Lock()
        self._nearest: tuple[Network, int, NearestExamples] | None = None

    def nearest(self, values: Values) -> Values:
        """The samples for learning that are nearest to samples, or to an open answer, as the last
        layer of the net sees them."""
        ids = values.get("ids")
        if ids is None:
            explanation = self._answers.explanation(values.get("walk"))
            inputs, own = explanation.example[None], [explanation.name]
        elif 1 <= len(ids) <= MAX_ASKED:
            inputs, own = self._inputs(ids), ids
        else:
            raise LimitError(f"ids: got {len(ids):,}, wanted 1 to {MAX_ASKED}")
        search = self._search()
        found = search.of(check_inputs(self._net(), inputs), NEAREST + 1)
        return {
            "compared": len(search.indices),
            "nearest": [
                [{"id": one.name, "label": one.label, "distance": one.distance}
                 for one in near if one.name != sample][:NEAREST]
                for sample, near in zip(own, found, strict=True)
            ],
        }  # fmt: skip

    def label_issues(self, values: Values) -> Values:
        """Begin to look for samples whose label is likely wrong."""

        def work(on_progress: OnProgress) -> Values:
            data = self._teacher.samples.dataset()
            issues = find_label_issues(data, on_progress=on_progress)
            judged = int((data.splits != "test").sum())
            listed = [one.to_json() for one in issues[:MOST_ISSUES]]
            return {"judged": judged, "count": len(issues), "issues": listed}

        return {"job": self._jobs.start("label-issues", work)}

    def influence(self, values: Values) -> Values:
        """Begin to measure which samples for learning caused an open answer, if ``expected`` is the
        right class."""
        explanation = self._answers.explanation(values["walk"])
        expected = class_number(explanation.net.classes, values["expected"], "expected")

        def work(on_progress: OnProgress) -> Values:
            data = self._teacher.samples.dataset(explanation.net.classes)
            return _influences(explanation, expected, data, on_progress)

        return {"job": self._jobs.start("influence", work)}

    def _net(self) -> Network:
        net = self._teacher.net
        if net is None:
            raise ConflictError("net: there is none yet; teach one first")
        return net

    def _inputs(self, ids: list[str]) -> Array:
        """Samples as inputs of the net."""
        net = self._net()
        originals = [net.preprocessor.read(self._project.path(one)) for one in ids]
        return np.concatenate([net.preprocess(one) for one in originals])

    def _search(self) -> NearestExamples:
        """The samples for learning, as the last layer sees them; kept until one of them or the net
        changes."""
        net = self._net()
        with self._lock:
            known, version = self._nearest, self._project.version
            if known is None or known[0] is not net or known[1] != version:
                split = self._split(net)
                inputs = check_inputs(net, split.inputs)
                search = NearestExamples(net, inputs, split.labels, split.ids)
                self._nearest = known = net, version, search
            return known[2]

    def _split(self, net: Network) -> PreparedSplit:
        """The samples for learning, labelled as in the net."""
        classes = self._project.classes()
        split = self._teacher.samples.split("train", [one.folder for one in classes])
        names = [one.name for one in classes]
        return split._replace(labels=renumbered(split.labels, names, net.classes))


def _influences(
    explanation: Explanation, expected: int, data: Dataset, on_progress: OnProgress
) -> Values:
    """The samples for learning that caused an answer. A sample is no cause of its own answer."""
    net, names = explanation.net, np.asarray(data.names)
    chosen = np.flatnonzero((data.splits == "train") & (names != explanation.name))
    inputs, labels = data.inputs[chosen], data.labels[chosen]
    query = check_inputs(net, explanation.example[None])
    groups, cost = _affordable_groups(net, inputs, labels, names[chosen].tolist(), query)
    found = influential_examples(net, inputs, labels, query, np.array([expected]), groups=groups,
                                 on_progress=on_progress)  # fmt: skip
    return _findings(explanation, expected, cost, found)


def _affordable_groups(
    net: Network, inputs: Array, labels: Array, names: list[str], query: Array
) -> tuple[list[str], RetrainingCost]:
    """What is left out of each training, and what all cost: each sample by itself; or the samples
    nearest to the query, and all others together, if there are too many."""
    try:
        return names, retraining_cost(net, len(names), len(names))
    except LimitError:
        search = NearestExamples(net, check_inputs(net, inputs), labels, names)
        near = {one.name for one in search.of(query, CANDIDATES)[0]}
        groups = [name if name in near else _OTHERS for name in names]
        return groups, retraining_cost(net, len(names), len(near) + 1)


def _findings(
    explanation: Explanation, expected: int, cost: RetrainingCost, found: list[Influence]
) -> Values:
    """The most influential samples. ``reproduced`` is false if the new nets answer otherwise than
    the net does: then they say nothing about its answer."""
    net = explanation.net
    answer, label = net.classes[explanation.answer], net.classes[expected]
    return {
        "answer": answer,
        "label": label,
        "own": float(explanation.probabilities[expected]),
        "probability": found[0].probability,
        "reproduced": found[0].predictions[0] in (answer, label),
        "nets": cost.nets,
        "epochs": cost.recipe.epochs,
        "influences": [
            {
                "id": one.name,
                "probability": one.probability_without,
                "predicted": one.predictions_without[0],
                "label_probability": one.label_probability,
                "is_clear": one.harm > 2 * one.noise,
            }
            for one in found if one.name != _OTHERS
        ][:MOST_INFLUENCES],
    }  # fmt: skip


_WALK = RequestField("walk", WHOLE)
_CAUSE = (RequestField("walk", WHOLE, required=True), RequestField("expected", TEXT, required=True))
ROUTES = (
    AppRoute("POST", "/api/nearest", CheckActions.nearest, (RequestField("ids", TEXTS), _WALK)),
    AppRoute("POST", "/api/label-issues", CheckActions.label_issues),
    AppRoute("POST", "/api/influence", CheckActions.influence, _CAUSE),
)
"""The routes of these actions."""
