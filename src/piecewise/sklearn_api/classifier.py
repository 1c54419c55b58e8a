"""A scikit-learn compatible classifier for images and tables.

It follows scikit-learn's estimator API without importing scikit-learn, so it works in pipelines,
searches and cross-validation, and without scikit-learn, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..core.array_types import Array, Float32
from ..core.constraints import checked
from ..core.errors import DataError, LimitError
from ..core.progress import OnProgress
from ..data.arrays import (
    InputScaling,
    Shape,
    as_array_or_paths,
    check_image_shape,
)
from ..network import Network
from ..spec.architecture import Architecture
from ..spec.augmentation import Augmentation
from ..spec.layer_base import Layer
from ..training.deduplicate import normalize_weights
from ..training.defaults import TrainingConfig, config_for
from ..training.effort import EFFORT
from ..training.recipe import Recipe
from ..training.splits import validation_mask
from ..training.train import Validation, train
from .conventions import (
    EstimatorConventions,
    checked_labels,
    checked_weights,
    class_numbers_of,
    classes_of,
    column_names,
    seed_of,
    threads_of,
    warn_of_pixels,
)
from .training_set import (
    TrainingSet,
    names_of_classes,
    scaled_examples,
    scaled_inputs,
    validation_examples,
    weights_of,
)

TABLE_LAYERS = "full 64, relu, full"
"""The default layers for tables, whose neighbouring columns are unrelated."""
_HYPERPARAMETERS = (
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
"""Hyperparameters of `Recipe` that are parameters of the same name."""


class ConvNetClassifier(EstimatorConventions):
    """A ConvNet classifier for images and tables with scikit-learn's estimator API.

    ``X`` is of one kind in all calls: flat rows (N, features), which are images if there is an
    ``image_shape``, else rows of a table, whose columns are standardized; images (N, H, W),
    (N, C, H, W) or (N, H, W, C); or a list of paths of image files, which are resized to
    ``image_shape`` or to their median size. uint8 images, and images with at most 256 distinct
    values, are preprocessed as by the command line; other images are standardized by channel. The
    first `fit` or `partial_fit` decides, and keeps the scale of the numbers: an ``X`` of another
    scale, such as 0 to 255 after 0 to 1, is refused, and a darker one is not rescaled. Equal rows
    are merged and their weights added up, and the order of the rows does not matter.

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
    effort : {"quick", "normal", "thorough"}
        The largest work of the training, for computed layers and epochs: about a sixth of the
        default, the default, or ten times as much.
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
    _scaling: InputScaling
    _is_table: bool
    _training_count: int

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
        effort: str = "normal",
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
        self.effort, self.class_weight, self.warm_start = effort, class_weight, warm_start
        self.random_state, self.n_jobs = random_state, n_jobs

    # Training.

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation: tuple[Any, Any] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Train the network. With ``warm_start``, a fitted classifier continues its training.

        Parameters
        ----------
        X, y, sample_weight
            The inputs, their labels (N,), and optionally their weights (N,).
        validation : (X, y), optional
            Validation inputs and labels. ``patience`` judges by them, and every epoch reports their
            accuracy.
        on_progress : callable, optional
            Called with a `Progress` several times per second; see `ProgressBar`.

        Raises
        ------
        DataError, LimitError, NotationError
            If an argument is not valid. All of them are ValueErrors.
        TrainingError
            If training diverges; see `piecewise.train`.
        """
        resume = self.warm_start and self.__sklearn_is_fitted__()
        data = self._training_set(X, y, sample_weight, resume=resume)
        plan = self._plan(data, resume=resume)
        prepared = validation and validation_examples(data, *validation)
        return self._fit_network(data, plan, prepared, on_progress, resume=resume)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on X, continuing from the last call.

        The learning rate is constant: ``learning_rate``, or if None, half of the highest rate
        of `fit`. Each call resets the momentum, and ``patience`` has no effect. The first call
        decides the scaling of the inputs and the layers.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array, optional
            All labels; the first call needs them.
        """
        resume = self.__sklearn_is_fitted__()
        if self.class_weight == "balanced":
            raise LimitError(
                "class_weight: got 'balanced', which partial_fit cannot know; wanted a dict"
            )
        if classes is None and not resume:
            raise DataError("classes must be passed on the first call to partial_fit.")
        known = None if classes is None else classes_of(np.asarray(classes))
        if resume and known is not None and known.tolist() != self.classes_.tolist():
            raise DataError("classes: got others than on the last call to partial_fit")
        data = self._training_set(X, y, sample_weight, resume=resume, classes=known)
        plan = self._plan(data, resume=resume)
        rate = plan.recipe.learning_rate / (1 if self.learning_rate is not None else 2)
        recipe = replace(plan.recipe, epochs=1, schedule="constant", patience=0, learning_rate=rate)
        plan = TrainingConfig(plan.layers, recipe)
        return self._fit_network(data, plan, None, None, resume=resume)

    def _training_set(
        self, X: Any, y: Any, sample_weight: Any, *, resume: bool, classes: Array | None = None
    ) -> TrainingSet:
        """Check and scale the examples; ``resume``: with the fitted scaling and classes."""
        if resume:
            self._check_names(X)
        values = as_array_or_paths(X)
        labels = checked_labels(y, len(values))
        weights = checked_weights(sample_weight, len(values))
        weighted = np.flatnonzero(weights)
        labels, weights = labels[weighted], weights[weighted]
        if resume:
            classes = self.classes_
        elif classes is None:
            classes = classes_of(labels)
        class_numbers, names = class_numbers_of(labels, classes), column_names(X)
        shape = self.image_shape_ if resume else check_image_shape(self.image_shape)
        previous = self._scaling if resume else None
        is_table = False
        if not isinstance(values, list):
            is_table = self._is_table if resume else values.ndim == 2 and shape is None
            if is_table and not resume:
                warn_of_pixels(values)
        scaling, examples = scaled_examples(
            values, weighted, class_numbers, weights, shape, previous, is_table=is_table
        )
        return TrainingSet(classes, scaling, names, is_table, examples)

    def _plan(self, data: TrainingSet, *, resume: bool) -> TrainingConfig:
        """The layers and the recipe: those of the parameters, and defaults for the others."""
        values = {name: getattr(self, name) for name in _HYPERPARAMETERS}
        options = {name: value for name, value in values.items() if value is not None}
        preprocessor = data.scaling.preprocessor
        if isinstance(self.augmentation, str):
            options["augmentation"] = Recipe.knob("augmentation").read(self.augmentation)
        elif data.is_table:
            options.setdefault("augmentation", Augmentation())
        layers = self.network_.notation if resume else self.layers
        if layers is None and data.is_table:
            layers = TABLE_LAYERS
        classes = len(data.classes)
        if layers is not None:
            architecture = Architecture(layers, preprocessor.shape, classes)
            if architecture.reads_texts:
                raise LimitError("layers: got embed, which reads texts; wanted layers for images")
            layers = architecture.notation
        effort = checked("effort", EFFORT, self.effort)
        return config_for(
            data.examples.inputs, preprocessor, classes, layers=layers, effort=effort, **options
        )

    def _fit_network(
        self,
        data: TrainingSet,
        plan: TrainingConfig,
        validation: Validation,
        on_progress: OnProgress | None,
        *,
        resume: bool,
    ) -> Self:
        """Train a copy of the network, or a new one, and set the attributes."""
        preprocessor, count = data.scaling.preprocessor, self._training_count if resume else 0
        if resume:
            net = deepcopy(self.network_)  # if training fails, the current network stays as it is
        else:
            self._seed = seed_of(self.random_state)
            shape, names = preprocessor.shape, names_of_classes(data.classes)
            net = Network(plan.layers, shape, names, self._seed, preprocessor)
        # Each training shuffles differently; the validation examples stay the same.
        recipe = replace(plan.recipe, seed=(self._seed + count) % 2**64)
        losses = self._train(net, data, recipe, validation, on_progress)
        self.loss_curve_ = (self.loss_curve_ if resume else []) + losses
        self.network_, self.recipe_, self.classes_ = net, recipe, data.classes
        self._scaling, self._training_count, self._is_table = data.scaling, count + 1, data.is_table
        self.image_shape_ = preprocessor.shape
        self.n_features_in_ = int(np.prod(preprocessor.shape))
        if not resume:
            self.__dict__.pop("feature_names_in_", None)
            if data.column_names is not None:
                self.feature_names_in_ = data.column_names
        return self

    def _train(
        self,
        net: Network,
        data: TrainingSet,
        recipe: Recipe,
        validation: Validation,
        on_progress: OnProgress | None,
    ) -> list[float]:
        """Train a network; the mean loss of every epoch. With patience and no validation examples,
        a part of the data becomes those."""
        inputs, labels, _ = data.examples
        weights = weights_of(self.class_weight, data)
        is_training = weights > 0
        if recipe.patience and validation is None:
            mask = validation_mask(labels, self._seed, recipe.validation_fraction)
            is_validation = mask & is_training
            if is_validation.any():
                validation = (inputs[is_validation], labels[is_validation])
                is_training &= ~is_validation
        if not is_training.all():
            inputs, labels, weights = inputs[is_training], labels[is_training], weights[is_training]
        if not len(labels):
            raise DataError("X: every example has the weight 0, wanted one above 0")
        sample_weight, threads = normalize_weights(weights), threads_of(self.n_jobs)
        history = train(
            net,
            inputs,
            labels,
            recipe,
            validation,
            on_progress,
            threads,
            sample_weight=sample_weight,
        )
        return history.losses

    # Prediction.

    def inputs(self, X: Any) -> Array:
        """The inputs of ``network_`` for X: (N, C, H, W), uint8 or float32.

        Raises DataError if X is not valid, and NotFittedError before `fit`.
        """
        self._check_fitted()
        self._check_names(X)
        return scaled_inputs(self._scaling, X)

    def _logits(self, X: Any) -> Float32:
        inputs = self.inputs(X)
        return self.network_.logits(inputs, threads_of(self.n_jobs))

    def decision_function(self, X: Any) -> Float32:
        """The logits (N, classes); for two classes, the second minus the first, (N,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> Float32:
        """The probabilities (N, classes), in the order of ``classes_``."""
        logits = self._logits(X)  # first: it checks that the classifier is fitted
        return self.network_.probabilities_of(logits)

    def predict(self, X: Any) -> Array:
        """The most probable label of each input, (N,), of the dtype of y."""
        indices = self._logits(X).argmax(axis=1)
        return np.asarray(self.classes_[indices])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on X and y, weighted by ``sample_weight``."""
        predicted = self.predict(X)
        labels = checked_labels(y, len(predicted))
        weights = checked_weights(sample_weight, len(predicted))
        return float(np.average(predicted == labels, weights=weights))
