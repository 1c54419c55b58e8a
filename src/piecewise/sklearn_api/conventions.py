"""scikit-learn's conventions for estimators: parameters, checks of labels and weights, and errors.

It does not import scikit-learn.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from math import fsum
from typing import Any, Self

import numpy as np

from ..core.argument_names import names_checked
from ..core.array_types import Array, Float64, Labels
from ..core.constraints import SEED, checked, is_integer
from ..core.errors import DataError, LimitError, NotFittedError, shown
from ..data.pixel_columns import image_layout
from ..engine.runtime.thread_pool import processors
from ..inputs import check_sample_weight


class EstimatorConventions:
    """Parameters are the arguments of ``__init__``, stored unchanged under their names."""

    def __init_subclass__(cls) -> None:
        if "__init__" in vars(cls):
            names_checked(cls.__name__, "a parameter")(cls)

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {argument.name: argument.default for argument in arguments}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Parameters
        ----------
        deep : bool
            Has no effect, as no parameter has parameters of its own.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **parameters
            The new values.

        Returns
        -------
        ConvNetClassifier
            The classifier itself.

        Raises
        ------
        LimitError
            If there is no such parameter.
        """
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
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> Any:
        """The estimator tags; only scikit-learn calls this, so it can be imported here."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags  # noqa: PLC0415

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=True, three_d_array=True),
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            kind = _sklearn_class("NotFittedError", NotFittedError)
            raise kind(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    def _check_names(self, X: Any) -> None:
        """DataError if the column names differ from those of `fit`; a warning if one has none."""
        known, names = getattr(self, "feature_names_in_", None), column_names(X)
        estimator = type(self).__name__
        if known is None and names is not None:
            message = f"X has feature names, but {estimator} was fitted without feature names"
            warnings.warn(message, stacklevel=3)
        elif known is not None and names is None:
            message = f"X does not have valid feature names, but {estimator} was fitted with them"
            warnings.warn(message, stacklevel=3)
        elif known is not None and names is not None and known.tolist() != names.tolist():
            raise DataError(_other_names(known.tolist(), names.tolist()))


_NAMES_SHOWN = 5


def _other_names(known: list[str], names: list[str]) -> str:
    def listed(some: set[str]) -> str:
        lines = [f"- {name}\n" for name in sorted(some)[:_NAMES_SHOWN]]
        return "".join(lines) + ("- ...\n" if len(some) > _NAMES_SHOWN else "")

    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = set(names) - set(known), set(known) - set(names)
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


def warn_of_pixels(rows: Array) -> None:
    """Warn if the rows of a table (N, columns) look like images, which need their shape. The folds
    of a cross-validation warn once, at the user's line."""
    if layout := image_layout(rows):
        _warn_caller_once(
            f"X: the {rows.shape[1]:,} columns look like the pixels of square images, but are "
            f"learned as a table, without convolution; pass {layout}"
        )


_LIBRARIES = {__name__.partition(".")[0], "sklearn", "joblib"}
_WARNED: set[tuple[str, str, int]] = set()
"""The text, the file and the line of the warnings so far. Python forgets its own such list whenever
a library changes the filters of warnings, as scikit-learn does for every fold."""


def _warn_caller_once(message: str) -> None:
    """Warn at the innermost line outside of the libraries, once for each line and text."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
        level, frame = level + 1, frame.f_back
    place = message, frame.f_code.co_filename, frame.f_lineno
    if place not in _WARNED:
        warnings.warn(message, stacklevel=level)
        _WARNED.add(place)


def _sklearn_class(name: str, fallback: type[Any]) -> type[Any]:
    """scikit-learn's class of this name if it is loaded, so that its users can catch it."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, fallback)


def checked_labels(y: Any, count: int) -> Array:
    """Labels (N,) as an array; DataError unless there is one for each of ``count`` inputs."""
    if y is None:
        raise DataError("ConvNetClassifier requires y to be passed, but the target y is None")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        message = (
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples,), for example using ravel()."
        )
        warnings.warn(message, _sklearn_class("DataConversionWarning", UserWarning), stacklevel=4)
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
    """The distinct labels, sorted; DataError if they cannot be sorted, or if there is only one."""
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


def class_numbers_of(labels: Array, classes: Array) -> Labels:
    """The class number of each label; DataError if a label is not one of the classes."""
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    try:
        return np.array([numbers[label] for label in labels.tolist()], np.int64)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"y: got the label {shown(error.args[0])}, wanted one of the classes "
            f"{shown(classes.tolist(), most=200)}"
        ) from None


def checked_weights(sample_weight: Any, count: int) -> Float64:
    """The sample weights (N,) as float64; 1 if there are none. Raises DataError."""
    if sample_weight is None:
        return np.ones(count)
    return check_sample_weight(sample_weight, count, np.float64)


def class_factors(class_weight: Any, classes: Array, counts: Float64) -> Float64:
    """The weight of each class; ``counts``: the sums of its sample weights. Raises LimitError."""
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        positive = np.where(counts > 0, counts, 1.0)
        return np.asarray(fsum(counts.tolist()) / ((counts > 0).sum() * positive))
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
        raise LimitError(f"class_weight: got {shown(class_weight)}, wanted numbers of 0 or more")
    return factors


def seed_of(random_state: Any) -> int:
    """The seed: the number itself, or a random one (from NumPy's global state if None)."""
    if random_state is None:
        return int(np.random.randint(2**31 - 1))  # noqa: NPY002 - the state that numpy.random.seed sets
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    return int(checked("random_state", SEED, random_state))


def threads_of(n_jobs: Any) -> int | None:
    """The number of threads for ``n_jobs``: -1 is all processors, -2 all but one."""
    if n_jobs is None:
        return None
    if not is_integer(n_jobs) or n_jobs == 0:
        raise LimitError(f"n_jobs: got {shown(n_jobs)}, wanted an integer other than 0, or None")
    return max(1, processors() + 1 + int(n_jobs)) if n_jobs < 0 else int(n_jobs)
