"""A scikit-learn compatible classifier for images and tables.

It follows scikit-learn's estimator API without importing scikit-learn, so it works in pipelines,
searches and cross-validation, and without scikit-learn, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ..core.array_types import Array, Float64
from ..core.errors import DataError, LimitError
from ..data.arrays import (
    ByteScaling,
    InputScaling,
    Shape,
    as_array_or_paths,
    check_image_shape,
    fit_to_files,
    fit_to_images,
    fit_to_rows,
    to_nchw,
)
from ..network import Network
from ..spec.architecture import Architecture, class_names
from ..spec.augmentation import Augmentation
from ..spec.layer import Layer
from ..training.deduplicate import WeightedExamples, deduplicate, normalize_weights
from ..training.defaults import TrainingConfig, augmentation_for, default_config
from ..training.recipe import Recipe
from ..training.splits import validation_mask
from ..training.train import train
from .conventions import (
    EstimatorConventions,
    checked_labels,
    checked_weights,
    class_factors,
    classes_of,
    column_names,
    numbered,
    seed_of,
    threads_of,
)

TABLE_LAYERS = "full 64, relu, full"
"""For rows of a table, where neighbours mean nothing to each other."""
_KNOBS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "loss",
    "augmentation",
    "patience",
    "validation_fraction",
)
"""Knobs of the recipe that are parameters under the same name; their meanings stand there."""


class _Taken(NamedTuple):
    """What came in, read and checked."""

    classes: Array
    reading: InputScaling
    names: Array | None
    """Of a data frame's columns."""
    table: bool
    examples: WeightedExamples
    """With what the network takes for pictures."""


class ConvNetClassifier(EstimatorConventions):
    """A ConvNet classifier for images and tables with scikit-learn's estimator API.

    ``X`` is one of these, the same kind in all calls: flat rows (N, features), which are images of
    ``image_shape``, or, without one, rows of a table, whose columns are standardized; images
    (N, H, W), (N, C, H, W) or (N, H, W, C); or a list of paths of image files, which are resized to
    ``image_shape`` or to their median size. uint8 images, and images with at most 256 distinct
    values, are preprocessed as by the command line; other images are standardized by channel. The
    first `fit` or `partial_fit` decides. Equal rows are merged and their weights added up, and the
    order of the rows does not matter.

    Parameters
    ----------
    layers : str or iterable of Layer, optional
        The layers; computed from the data if left out.
    image_shape : tuple of int, optional
        (rows, columns) or (channels, rows, columns).
    epochs, batch_size, learning_rate, schedule, optimizer, momentum, nesterov, weight_decay, loss
        See `Recipe`; computed from the data if None.
    augmentation : Augmentation or str, optional
        How training inputs are augmented; computed from the data if left out.
    patience, validation_fraction
        Early stopping; see `Recipe`.
    quick : bool
        Whether the computed layers and recipe take about an eighth of the time.
    class_weight : dict or "balanced", optional
        Weights by label.
    warm_start : bool
        Whether `fit` continues from the current parameters.
    random_state : int, RandomState or Generator, optional
        The seed; drawn from NumPy's global state if None.
    n_jobs : int, optional
        The number of threads. The result does not depend on it.

    Attributes
    ----------
    classes_ : array
        The labels, sorted.
    network_ : Network
        The trained network; it takes what `inputs` returns.
    recipe_ : Recipe
        The recipe of the last training.
    loss_curve_ : list of float
        The mean training loss of every epoch.
    image_shape_ : (int, int, int)
        The shape of an input.
    n_features_in_, feature_names_in_
        The number of features, and the column names of a data frame.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(80, size=9, seed=0)
    >>> classifier = pw.ConvNetClassifier("full", epochs=3, random_state=0)
    >>> classifier.fit(xo.inputs, xo.labels).predict(xo.inputs).shape
    (80,)
    """

    classes_: Array
    network_: Network
    recipe_: Recipe
    loss_curve_: list[float]
    image_shape_: Shape
    n_features_in_: int
    feature_names_in_: Array
    _reading: InputScaling
    _table: bool
    _rounds: int

    def __init__(
        self,
        layers: str | Iterable[Layer] | None = None,
        image_shape: tuple[int, ...] | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        optimizer: str | None = None,
        momentum: float | None = None,
        nesterov: bool | None = None,
        weight_decay: float | None = None,
        loss: str | None = None,
        augmentation: Augmentation | str | None = None,
        patience: int | None = None,
        validation_fraction: float | None = None,
        quick: bool = False,
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.layers, self.image_shape = layers, image_shape
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.schedule, self.optimizer = schedule, optimizer
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.loss, self.augmentation = loss, augmentation
        self.patience, self.validation_fraction = patience, validation_fraction
        self.quick, self.class_weight, self.warm_start = quick, class_weight, warm_start
        self.random_state, self.n_jobs = random_state, n_jobs

    # Training.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the labels y (N,) of X; ``sample_weight`` (N,): how much each counts.

        With ``warm_start`` and something learned before, goes on from there for as many epochs
        again. Raises DataError, LimitError, NotationError (all ValueErrors), and TrainingError
        where the loss stops being a number.
        """
        again = self.warm_start and self.__sklearn_is_fitted__()
        taken = self._taken(X, y, sample_weight, again=again)
        return self._learned(taken, self._plan(taken, again=again), again=again)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go once through X and go on from there at the next call; the first one needs all
        ``classes``.

        The learning rate is the same for all steps: what is said, or half of what `fit` would rise
        to. Momentum begins anew with every call, and patience does nothing. How numbers are read,
        and the layers, are decided by the first call. Raises what `fit` does.
        """
        again = self.__sklearn_is_fitted__()
        if self.class_weight == "balanced":
            raise LimitError(
                "class_weight: got 'balanced', which partial_fit cannot know; wanted a dict"
            )
        if classes is None and not again:
            raise DataError("classes must be passed on the first call to partial_fit.")
        known = None if classes is None else classes_of(np.asarray(classes))
        if again and known is not None and known.tolist() != self.classes_.tolist():
            raise DataError("classes: got others than on the last call to partial_fit")
        taken = self._taken(X, y, sample_weight, again=again, classes=known)
        plan = self._plan(taken, again=again)
        rate = plan.recipe.learning_rate / (1 if self.learning_rate is not None else 2)
        recipe = replace(plan.recipe, epochs=1, schedule="constant", patience=0, learning_rate=rate)
        return self._learned(taken, TrainingConfig(plan.layers, recipe), again=again)

    def _taken(
        self, X: Any, y: Any, sample_weight: Any, *, again: bool, classes: Array | None = None
    ) -> _Taken:
        """What is going to be learned. ``again``: read as before, with the classes of before."""
        if again:
            self._check_names(X)
        found = as_array_or_paths(X)
        labels = checked_labels(y, len(found))
        weights = checked_weights(sample_weight, len(found))
        there = np.flatnonzero(weights)
        labels, weights = labels[there], weights[there]
        if again:
            classes = self.classes_
        elif classes is None:
            classes = classes_of(labels)
        right, names = numbered(labels, classes), column_names(X)
        shape = self.image_shape_ if again else check_image_shape(self.image_shape)
        before = self._reading if again else None
        if isinstance(found, list):
            paths = [found[index] for index in there.tolist()]
            reading: InputScaling = before or fit_to_files(paths, shape)
            examples = deduplicate(_read(reading, paths), right, weights)
            return _Taken(classes, reading, None, table=False, examples=examples)
        table = self._table if again else found.ndim == 2 and shape is None
        pictures = to_nchw(found, shape)
        if len(there) < len(found):
            pictures = pictures[there]
        examples = deduplicate(pictures, right, weights)
        decide = fit_to_rows if table else fit_to_images
        reading = before or decide(examples.inputs, examples.sample_weight)
        examples = examples._replace(inputs=reading.transform(examples.inputs))
        return _Taken(classes, reading, names, table, examples)

    def _plan(self, taken: _Taken, *, again: bool) -> TrainingConfig:
        """Layers and recipe: those that were said, the rest chosen."""
        said = {name: getattr(self, name) for name in _KNOBS if getattr(self, name) is not None}
        preprocessor = taken.reading.preprocessor
        if isinstance(self.augmentation, str):
            said["augmentation"] = Recipe.knob("augmentation").read(self.augmentation)
        elif self.augmentation is None and not taken.table:
            said["augmentation"] = augmentation_for(taken.examples.inputs, preprocessor)
        layers = self.network_.notation if again else self.layers
        if layers is None and taken.table:
            layers = TABLE_LAYERS
        count, classes = len(taken.examples.labels), len(taken.classes)
        if layers is not None:
            architecture = Architecture(layers, preprocessor.shape, classes)
            if architecture.reads_texts:
                raise LimitError("layers: got embed, which reads texts; wanted layers for images")
            layers = architecture.notation
        return default_config(
            preprocessor.kind,
            preprocessor.shape,
            classes,
            count,
            layers=layers,
            quick=self.quick,
            **said,
        )

    def _learned(self, taken: _Taken, plan: TrainingConfig, *, again: bool) -> Self:
        """Train the network, the present one or a new one, and keep all that came of it."""
        preprocessor, rounds = taken.reading.preprocessor, self._rounds if again else 0
        if again:
            net = deepcopy(self.network_)  # if it fails, the present one stays
        else:
            self._seed = seed_of(self.random_state)
            shape, names = preprocessor.shape, _names(taken.classes)
            net = Network(plan.layers, shape, names, self._seed, preprocessor)
        # A round of its own each time: other orders, other draws. What is held out stays out.
        recipe = replace(plan.recipe, seed=(self._seed + rounds) % 2**64)
        losses = self._trained(net, taken, recipe)
        self.loss_curve_ = (self.loss_curve_ if again else []) + losses
        self.network_, self.recipe_, self.classes_ = net, recipe, taken.classes
        self._reading, self._rounds, self._table = taken.reading, rounds + 1, taken.table
        self.image_shape_ = preprocessor.shape
        self.n_features_in_ = int(np.prod(preprocessor.shape))
        if not again:
            self.__dict__.pop("feature_names_in_", None)
            if taken.names is not None:
                self.feature_names_in_ = taken.names
        return self

    def _trained(self, net: Network, taken: _Taken, recipe: Recipe) -> list[float]:
        """Train a network; the mean loss of every epoch. With patience, some are held out."""
        pictures, labels, _ = taken.examples
        weights = self._weights(taken)
        learn, validation = weights > 0, None
        if recipe.patience:
            out = validation_mask(labels, self._seed, recipe.validation_fraction) & learn
            if out.any():
                validation = (pictures[out], labels[out])
                learn &= ~out
        if not learn.all():
            pictures, labels, weights = pictures[learn], labels[learn], weights[learn]
        if not len(labels):
            raise DataError("X: every example has the weight 0, wanted some that count")
        shares, threads = normalize_weights(weights), threads_of(self.n_jobs)
        return train(
            net, pictures, labels, recipe, validation, threads=threads, sample_weight=shares
        ).losses

    def _weights(self, taken: _Taken) -> Float64:
        """How much each example counts, by its own weight and by that of its class."""
        right, weights = taken.examples.labels, taken.examples.sample_weight
        counts = np.bincount(right, weights, minlength=len(taken.classes)).astype(np.float64)
        factors = class_factors(self.class_weight, taken.classes, counts)[right]
        return np.asarray(weights * factors)

    # Prediction.

    def inputs(self, X: Any) -> Array:
        """X as ``network_`` takes it: (N, C, H, W), bytes or float32. Raises DataError, or
        NotFittedError before anything was learned."""
        self._check_fitted()
        self._check_names(X)
        found = as_array_or_paths(X)
        if isinstance(found, list):
            return _read(self._reading, found)
        return self._reading.transform(to_nchw(found, self.image_shape_))

    def _logits(self, X: Any) -> npt.NDArray[np.float32]:
        inputs = self.inputs(X)
        return self.network_.logits(inputs, threads_of(self.n_jobs))

    def decision_function(self, X: Any) -> npt.NDArray[np.float32]:
        """The logits (N, classes); with two classes how far the second is ahead, (N,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """How likely each class is: (N, classes), in the order of ``classes_``."""
        logits = self._logits(X)  # first: it tells where nothing was learned yet
        return self.network_.probabilities_of(logits)

    def predict(self, X: Any) -> Array:
        """The likeliest label of each: (N,), of the kind that y had."""
        places = self._logits(X).argmax(axis=1)
        return np.asarray(self.classes_[places])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on X and y, weighted by ``sample_weight``."""
        predicted = self.predict(X)
        labels = checked_labels(y, len(predicted))
        weights = checked_weights(sample_weight, len(predicted))
        return float(np.average(predicted == labels, weights=weights))


def _read(reading: InputScaling, paths: list[Path]) -> Array:
    if not isinstance(reading, ByteScaling):
        raise DataError("X: got paths of pictures, wanted arrays as those learned from")
    return reading.read_files(paths)


def _names(classes: Array) -> list[str]:
    """Names for a network's classes: the labels as text, or numbers where these cannot be names."""
    try:
        return list(class_names([str(label) for label in classes.tolist()]))
    except LimitError:
        return list(class_names(len(classes)))
