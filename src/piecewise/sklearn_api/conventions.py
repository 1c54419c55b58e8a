"""What scikit-learn expects of every classifier, written without it: parameters that can be listed
and set, labels and weights checked, errors in its words."""

from __future__ import annotations

import inspect
import sys
import warnings
from math import fsum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..core.array_types import Array, Float64
from ..core.constraints import SEED, checked, is_integer
from ..core.errors import DataError, LimitError, NotFittedError, shown
from ..engine.runtime.thread_pool import processors


class EstimatorConventions:
    """Parameters: the arguments of ``__init__``, kept unchanged under their names."""

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {argument.name: argument.default for argument in arguments}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name. None of them has parameters of its own, so ``deep`` changes
        nothing."""
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name; LimitError if there is no such parameter."""
        known = self._defaults()
        for name in parameters:
            if name not in known:
                raise LimitError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: "
                    f"{sorted(known)!r}."
                )
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = self._defaults()
        said = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name])
        ]
        return f"{type(self).__name__}({', '.join(said)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks before it does anything; only it can ask, so it is there."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags  # noqa: PLC0415

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=True, three_d_array=True),
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            kind = _theirs("NotFittedError", NotFittedError)
            raise kind(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    def _check_names(self, X: Any) -> None:
        """DataError if columns have other names than those learned from; a warning if only one of
        both has names."""
        known, found = getattr(self, "feature_names_in_", None), column_names(X)
        name = type(self).__name__
        if known is None and found is not None:
            message = f"X has feature names, but {name} was fitted without feature names"
            warnings.warn(message, stacklevel=3)
        elif known is not None and found is None:
            message = f"X does not have valid feature names, but {name} was fitted with them"
            warnings.warn(message, stacklevel=3)
        elif known is not None and found is not None and known.tolist() != found.tolist():
            raise DataError(_other_names(known.tolist(), found.tolist()))


_NAMES_SHOWN = 5


def _other_names(known: list[str], found: list[str]) -> str:
    def listed(names: set[str]) -> str:
        lines = [f"- {name}\n" for name in sorted(names)[:_NAMES_SHOWN]]
        return "".join(lines) + ("- ...\n" if len(names) > _NAMES_SHOWN else "")

    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = set(found) - set(known), set(known) - set(found)
    if unseen:
        message += f"Feature names unseen at fit time:\n{listed(unseen)}"
    if missing:
        message += f"Feature names seen at fit time, yet now missing:\n{listed(missing)}"
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message


def column_names(X: Any) -> Array | None:
    """The names of a data frame's columns (an array of str objects); None if it has none."""
    names = list(getattr(X, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def _theirs(name: str, ours: type[Any]) -> type[Any]:
    """Scikit-learn's class of this name where it is loaded, so that who knows it can catch it."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, ours)


def checked_labels(y: Any, count: int) -> Array:
    """Labels (N,), one for each of ``count`` pictures; DataError if they are none."""
    if y is None:
        raise DataError("ConvNetClassifier requires y to be passed, but the target y is None")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        message = (
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples,), for example using ravel()."
        )
        warnings.warn(message, _theirs("DataConversionWarning", UserWarning), stacklevel=4)
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"y should be a 1d array, got an array of shape {labels.shape} instead.")
    if len(labels) != count:
        raise DataError(f"y: got {len(labels)} labels, wanted {count}, one for each row of X")
    if labels.dtype.kind == "c":
        raise DataError("y: Complex data not supported; wanted labels")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError("y: contains NaN or inf, wanted labels")
        if (labels != np.floor(labels)).any():
            raise DataError("y: Unknown label type: continuous; wanted labels of classes")
    return labels


def classes_of(labels: Array) -> Array:
    """The different labels, sorted; DataError if they cannot be, or if there is only one."""
    try:
        classes: Array = np.unique(labels)
    except TypeError:
        raise DataError(
            "y: Unknown label type: labels of different kinds; wanted all numbers or all texts"
        ) from None
    if len(classes) < 2:
        raise DataError(
            f"y: got only one class, {shown(classes.tolist())[1:-1]}; wanted 2 classes or more"
        )
    return classes


def numbered(labels: Array, classes: Array) -> npt.NDArray[np.int64]:
    """The places of labels among the classes; DataError if one is not among them."""
    places = {label: place for place, label in enumerate(classes.tolist())}
    try:
        return np.array([places[label] for label in labels.tolist()], np.int64)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"y: got the label {shown(error.args[0])}, wanted one of the classes "
            f"{shown(classes.tolist(), most=200)}"
        ) from None


def checked_weights(sample_weight: Any, count: int) -> Float64:
    """How much each picture counts (N,); 1 without ``sample_weight``. Raises DataError."""
    if sample_weight is None:
        return np.ones(count)
    weights = np.asarray(sample_weight)
    if weights.shape != (count,) or weights.dtype.kind not in "fiub":
        raise DataError(
            f"sample_weight: got {weights.dtype} of the shape {weights.shape}, wanted numbers "
            f"({count},), one for each row of X"
        )
    weights = weights.astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError("sample_weight: got negative ones or NaN, wanted numbers from 0 on")
    if not weights.any():
        raise DataError("sample_weight: every weight is zero, wanted at least one above it")
    return weights


def class_factors(class_weight: Any, classes: Array, counts: Float64) -> Float64:
    """What the weights of each class are multiplied by. ``counts``: the weights of its pictures,
    added up. Raises LimitError."""
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        there = np.where(counts > 0, counts, 1.0)
        return np.asarray(fsum(counts.tolist()) / ((counts > 0).sum() * there))
    if not isinstance(class_weight, dict):
        raise LimitError(
            f"class_weight: got {shown(class_weight)}, wanted a dict of labels and weights, "
            "'balanced' or None"
        )
    names = classes.tolist()
    unknown = [label for label in class_weight if label not in names]
    if unknown and not all(name in class_weight for name in names):
        raise LimitError(f"class_weight: The classes, {unknown}, are not in class_weight's labels")
    factors = np.array([class_weight.get(name, 1) for name in names], np.float64)
    if not np.isfinite(factors).all() or (factors < 0).any() or not factors.any():
        raise LimitError(f"class_weight: got {shown(class_weight)}, wanted numbers from 0 on")
    return factors


def seed_of(random_state: Any) -> int:
    """A seed: a number itself; else drawn, from NumPy's own state for None. Raises LimitError."""
    if random_state is None:
        return int(np.random.randint(2**31 - 1))  # noqa: NPY002 - the state that numpy.random.seed sets
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    return int(checked("random_state", SEED, random_state))


def threads_of(n_jobs: Any) -> int | None:
    """Threads for scikit-learn's number of jobs: -1 is all processors, -2 all but one."""
    if n_jobs is None:
        return None
    if not is_integer(n_jobs) or n_jobs == 0:
        raise LimitError(f"n_jobs: got {shown(n_jobs)}, wanted a whole number but 0, or None")
    return max(1, processors() + 1 + int(n_jobs)) if n_jobs < 0 else int(n_jobs)
