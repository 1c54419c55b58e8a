"""Candidates: the layers and recipes that are worth a trial, for each kind of input.

The first candidate of a kind is its default, the others follow in the order of preference. Options
that the user sets are the same in all of them. `training/trials.py` trains and compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ..data.images.preprocessor import ImagePreprocessor
from ..data.preprocessing import Preprocessor
from ..data.text.ngrams import SMALL_TEXT_SET
from ..data.text.preprocessor import NGRAMS, TextPreprocessor, fit_ngram_preprocessor
from .defaults import (
    MIN_EPOCHS,
    PHOTO_AUGMENTATION,
    PHOTO_WORK,
    TrainingConfig,
    batch_size_for,
    config_for,
    photo_blocks,
    photo_layers,
    scaled_augmentation,
)
from .effort import EFFORTS
from .recipe import Recipe
from .splits import Split

TRIAL_EPOCHS = 48
"""With fewer epochs and normal effort, photos have no trials."""
AFTER_TRIALS = 0.6
"""The part of the useful work of photos that is left for the net. The trials take a third of it,
and compile programs of their own."""


@dataclass(frozen=True)
class Candidate:
    """Layers and a recipe to try."""

    name: str
    layers: str
    recipe: Recipe
    preprocessor: Preprocessor | None = None
    """What makes the inputs; None: the preprocessor of the data. Another one needs texts."""

    @classmethod
    def of(
        cls, name: str, config: TrainingConfig, preprocessor: Preprocessor | None = None
    ) -> Candidate:
        return cls(name, config.layers, config.recipe, preprocessor)

    @property
    def config(self) -> TrainingConfig:
        return TrainingConfig(self.layers, self.recipe)


@dataclass(frozen=True)
class TrainingTask:
    """What a network is to learn, and within which limits."""

    split: Split
    """The training examples."""
    preprocessor: Preprocessor
    classes: int
    effort: str
    work: float
    """The largest work of the net, in multiplications of forward passes."""
    chosen: Mapping[str, Any]
    """The layers and hyperparameters that the user set."""
    fitted: dict[str, TextPreprocessor] = field(default_factory=dict)
    """Preprocessors that are fitted already, for tasks with the same examples."""

    @property
    def ngram_preprocessor(self) -> TextPreprocessor:
        """The preprocessor of the training texts in n-grams."""
        if NGRAMS not in self.fitted:
            texts = self.split.texts or ()
            most = MAX_NGRAMS if len(texts) <= FEW_TEXTS else MAX_NGRAMS_OF_MANY
            self.fitted[NGRAMS] = fit_ngram_preprocessor(texts, most)
        return self.fitted[NGRAMS]

    @property
    def kind(self) -> str:
        return self.preprocessor.kind

    def config(self, preprocessor: Preprocessor | None = None, **other: Any) -> TrainingConfig:
        """The default layers and recipe, with other values for those that the user did not set."""
        own = preprocessor or self.preprocessor
        chosen = {**other, **self.chosen}
        return config_for(
            self.split.inputs, own, self.classes, effort=self.effort, work=self.work, **chosen
        )


def candidates_for(task: TrainingTask) -> tuple[Candidate, ...]:
    """The candidates of a task, the default first; equal ones only once."""
    different: dict[tuple[Any, ...], Candidate] = {}
    for candidate in CANDIDATES[task.kind](task):
        key = candidate.layers, candidate.recipe, candidate.preprocessor
        different.setdefault(key, candidate)
    return tuple(different.values())


def drawing_candidates(task: TrainingTask) -> list[Candidate]:
    """The default. With much ink on little background, so that the inputs may be photos as well,
    also the layers and augmentation of photos."""
    candidates, preprocessor = [Candidate.of("default", task.config())], task.preprocessor
    is_sure = isinstance(preprocessor, ImagePreprocessor) and preprocessor.least_plain >= 1
    if task.effort == "quick" or is_sure:
        return candidates
    layers = photo_layers(preprocessor.shape)
    as_photos = task.config(layers=layers, augmentation=PHOTO_AUGMENTATION)
    return [*candidates, Candidate.of("layers and augmentation of photos", as_photos)]


def photo_candidates(task: TrainingTask) -> list[Candidate]:
    """The default; the same with mirrored photos, and with a hidden layer. With thorough effort
    also two convolutions before each pooling, and weaker augmentation.

    There is no trial if the work only allows few epochs: the net needs them all.
    """
    default = task.config()
    few = TRIAL_EPOCHS if task.effort == "normal" else MIN_EPOCHS
    if task.effort == "quick" or default.recipe.epochs < few:
        return [Candidate.of("default", default)]
    task = replace(task, work=min(task.work, AFTER_TRIALS * useful_photo_work(task.effort)))
    default, shape = task.config(), task.preprocessor.shape
    own = default.recipe.augmentation
    mirrored = replace(own, horizontal_flip=True)
    candidates = [
        Candidate.of("default", default),
        Candidate.of("mirrored", task.config(augmentation=mirrored)),
    ]
    hidden = photo_layers(shape).removesuffix("full") + "full 128, relu, full"
    candidates.append(Candidate.of("hidden layer", task.config(layers=hidden)))
    if task.effort == "thorough":
        twice = photo_blocks(shape, 16, repeats=2)
        candidates.append(Candidate.of("two convolutions", task.config(layers=twice)))
        weaker = scaled_augmentation(own, 0.5)
        candidates.append(Candidate.of("half the augmentation", task.config(augmentation=weaker)))
    return candidates


def useful_photo_work(effort: str) -> float:
    """The work after which more of it changes little."""
    return EFFORTS[effort].photos * PHOTO_WORK


def sound_candidates(task: TrainingTask) -> list[Candidate]:
    """Only the default."""
    return [Candidate.of("default", task.config())]


def text_candidates(task: TrainingTask) -> list[Candidate]:
    """A linear model of n-grams. With many texts also averaged embeddings of n-grams; these alone
    if a linear model does not suit the classes or the options.

    Only the default if the user chose the layers, or if the texts themselves are not known.
    """
    if "layers" in task.chosen or task.split.texts is None:
        return [Candidate.of("default", task.config())]
    votes = [ngram_votes(task)] if _votes_suit(task) else []
    if len(task.split.labels) < MANY_TEXTS:
        return votes or [bag_of_few_ngrams(task)]
    return [*votes, bag_of_ngrams(task)]


VOTES = "votes of n-grams"
MAX_VOTES = 32
"""With more classes, a vote of every n-gram for every class is too large a table."""
MANY_TEXTS = 1_000
"""With fewer texts there is no trial: too few are held out to choose by."""
FEW_TEXTS = 6_000
MAX_NGRAMS, MAX_NGRAMS_OF_MANY = 50_000, 30_000
"""N-grams that are known at most; of more than `FEW_TEXTS`, fewer, as each of the many steps
updates all of them."""
NGRAM_STEPS, NGRAM_EPOCHS = 600, (4, 40)
"""The steps of a bag of n-grams, and its fewest and most epochs."""
VOTE_EPOCHS = 4, 200
"""The fewest and most epochs of votes."""


def bag_of_ngrams(task: TrainingTask) -> Candidate:
    """Embeddings of n-grams, averaged, and a fully connected layer. Without a norm: an empty text,
    whose average is nearly zero, has no class that it resembles."""
    width, rate = _bag_size(task)
    layers = f"embed {width}, pool all kind=average, dropout 0.5, full"
    knobs = {"learning_rate": rate, "weight_decay": 0.05}
    return _of_ngrams(task, "n-grams", layers, **knobs, **_length_of_bag(task))


def bag_of_few_ngrams(task: TrainingTask) -> Candidate:
    """The same for few texts: most n-grams occur in one or two of them, and AdamW gives these too
    much weight. Dropout of single n-grams and a stronger weight decay favour the frequent ones."""
    width, rate = _bag_size(task)
    layers = f"embed {width}, dropout 0.8, pool all kind=average, full"
    knobs = {"learning_rate": rate, "weight_decay": 0.5}
    return _of_ngrams(task, "n-grams", layers, **knobs, **_length_of_bag(task))


def _bag_size(task: TrainingTask) -> tuple[int, float]:
    """The numbers of an embedding and the learning rate."""
    return (32, 0.04) if task.classes > 8 else (16, 0.02)


def ngram_votes(task: TrainingTask) -> Candidate:
    """The average of the votes of n-grams: a linear model, with one weight for each n-gram and
    class, trained as on TF-IDF features."""
    batch = 64 if len(task.split.labels) < 20_000 else 128
    default = "idf-words" if len(task.split.labels) < SMALL_TEXT_SET else "idf"
    scaling = task.chosen.get("token_scaling", default)
    knobs = VOTES_KNOBS | {"token_scaling": scaling, "learning_rate": VOTE_RATES[scaling]}
    length = _length_of_ngrams(task, batch, VOTE_EPOCHS)
    return _of_ngrams(task, VOTES, _votes_layers(task), **knobs, **length)


VOTES_KNOBS: dict[str, Any] = {"optimizer": "sgd", "weight_decay": 0.0}
VOTE_RATES = {"idf": 8.0, "idf-words": 8.0, "none": 900.0}
"""The learning rate of votes by the token scaling."""


def _votes_suit(task: TrainingTask) -> bool:
    """Whether the classes are few enough for votes, and the options those of their learning
    rates."""
    usual = {"optimizer": "sgd", "loss": "cross-entropy"}
    is_usual = all(task.chosen.get(name, value) == value for name, value in usual.items())
    return is_usual and task.classes <= MAX_VOTES


def _votes_layers(task: TrainingTask) -> str:
    return f"embed {task.classes}, pool all kind=average"


def _of_ngrams(task: TrainingTask, name: str, layers: str, **knobs: Any) -> Candidate:
    preprocessor = task.ngram_preprocessor
    return Candidate.of(name, task.config(preprocessor, layers=layers, **knobs), preprocessor)


def _length_of_bag(task: TrainingTask) -> dict[str, int]:
    """The epochs and the batch size of nets that average embeddings."""
    count = len(task.split.labels)
    batch = 32 if count < 4_000 else 64 if count < 20_000 else 128
    return _length_of_ngrams(task, batch, NGRAM_EPOCHS)


def _length_of_ngrams(task: TrainingTask, batch: int, limits: tuple[int, int]) -> dict[str, int]:
    """The batch size, and the epochs for `NGRAM_STEPS` steps within limits."""
    fewest, most = limits
    epochs = max(fewest, min(most, NGRAM_STEPS * batch // max(1, len(task.split.labels))))
    if task.effort == "quick":
        epochs = (epochs + 1) // 2
    return {"epochs": epochs, "batch_size": batch}


CANDIDATES: dict[str, Callable[[TrainingTask], list[Candidate]]] = {
    "drawings": drawing_candidates,
    "photos": photo_candidates,
    "sounds": sound_candidates,
    "texts": text_candidates,
}


LINEAR_STEPS, LINEAR_EPOCHS = 1_000, (3, 100)
"""The steps of a linear model, and its fewest and most epochs."""
LINEAR_PER_EXAMPLE, LINEAR_PER_VALUE = 10_000, 30
"""What an example costs beside its multiplications, without augmentation; see `effort.py`."""


def linear_candidate(task: TrainingTask) -> Candidate | None:
    """A linear model of the same inputs, as a yardstick; None if there is none for this kind."""
    return LINEAR_MODELS[task.kind](task)


def pixel_regression(task: TrainingTask) -> Candidate:
    """Logistic regression on pixels, or on the cells of spectrograms."""
    inputs = "spectrogram cells" if task.kind == "sounds" else "pixels"
    layers, count = "norm, full", len(task.split.labels)
    values = prod(task.preprocessor.shape)
    cost = count * (values * task.classes + LINEAR_PER_VALUE * values + LINEAR_PER_EXAMPLE)
    batch = min(64, batch_size_for(count))
    fewest, most = LINEAR_EPOCHS
    useful = min(most, LINEAR_STEPS * batch // max(1, count))
    recipe = Recipe(
        epochs=max(fewest, min(useful, int(task.work / max(1, cost)))),
        batch_size=batch,
        optimizer="adamw",
        learning_rate=3e-3,
        weight_decay=0.3,
        seed=task.chosen.get("seed", 0),
    )
    return Candidate(f"logistic regression on {inputs}", layers, recipe)


def token_regression(task: TrainingTask) -> Candidate | None:
    """Logistic regression on the tokens of texts: each votes for the classes. None for so many
    classes that the table of votes would be too large."""
    if task.classes > MAX_VOTES or not isinstance(task.preprocessor, TextPreprocessor):
        return None
    name = f"logistic regression on {task.preprocessor.units}"
    knobs = {**_length_of_bag(task), **VOTES_KNOBS, "learning_rate": VOTE_RATES["none"]}
    recipe = Recipe(**knobs, nesterov=True, seed=task.chosen.get("seed", 0))
    return Candidate(name, _votes_layers(task), recipe)


LINEAR_MODELS: dict[str, Callable[[TrainingTask], Candidate | None]] = {
    "drawings": pixel_regression,
    "photos": pixel_regression,
    "sounds": pixel_regression,
    "texts": token_regression,
}
