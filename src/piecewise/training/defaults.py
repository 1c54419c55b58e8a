"""What is chosen when nothing is said: layers from the kind and size of the inputs, a recipe from
their number. It all hangs on the data alone, never on the machine: the same data, the same net."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from math import fsum
from typing import Any

from ..core.array_types import Uint8
from ..core.portable_math import log
from ..data.images.background import ink_box
from ..data.preprocessing import Preprocessor
from ..spec.architecture import Architecture
from ..spec.augmentation import Augmentation
from .recipe import Recipe

Shape = tuple[int, int, int]

WORK = 0.8e12
"""Multiplications forward, all pictures and epochs together, that a training run may take: some
ten seconds on two cores."""
QUICK_WORK = 1.4e11
QUICK_STEPS = 400
"""Steps at most, when there is little time."""
MOST_EPOCHS = 150
FEWEST_THOROUGH = 15
"""Epochs that thorough layers need; where there is no time for them, quick ones learn more."""

RATES = {"sgd": 0.05, "adamw": 4e-3}
"""The learning rate with another optimizer than the one that suits the kind."""
PHOTO_AUGMENTATION = Augmentation(
    translation=0.1, scale=(0.8, 1.25), rotation=12, contrast=0.3, brightness=0.2
)
SOUND_AUGMENTATION = Augmentation(translation=(0, 0.1), brightness=0.1, noise=0.3, band_masking=0.2)
LARGE = 40
"""Rows and columns from which small layers look at every second place."""
FEW = 10_000
_SAMPLE = 500  # pictures, at least, that are looked at where there are more


@dataclass(frozen=True)
class TrainingConfig:
    """What is going to be trained, and how."""

    layers: str
    recipe: Recipe


def default_config(
    kind: str,
    shape: Shape,
    classes: int,
    count: int,
    *,
    layers: str | None = None,
    quick: bool = False,
    **knobs: Any,
) -> TrainingConfig:
    """Layers and recipe for ``count`` training inputs of a kind (see `KINDS`) and shape (channels,
    rows, columns). What is said, layers or knobs of the recipe, stays; the rest is chosen to go
    with it, but for the tricks (see `augmentation_for`). ``quick``: about an eighth of the work."""
    chosen, said = KINDS[kind], Recipe(**{"optimizer": KINDS[kind].optimizer, **knobs})
    batch = said.batch_size if "batch_size" in knobs else batch_size_for(count)
    rate = chosen.learning_rate if said.optimizer == chosen.optimizer else RATES[said.optimizer]
    work, steps = (QUICK_WORK, QUICK_STEPS) if quick else (WORK, chosen.steps)

    def epochs_for(text: str) -> int:
        """As many as there is work for, and no more than the steps that are worth it."""
        multiplications = Architecture(text, shape, classes).multiplications
        affordable = int(work / max(1, count * multiplications))
        useful = max(steps * batch // max(1, count), 8 if quick else FEWEST_THOROUGH)
        return max(1 if quick else 2, min(affordable, useful, MOST_EPOCHS))

    if layers is None:
        layers = chosen.layers(shape)
        if quick or epochs_for(layers) < FEWEST_THOROUGH:
            layers = chosen.quick_layers(shape)
    found: dict[str, Any] = {
        "epochs": epochs_for(layers),
        "batch_size": batch,
        "learning_rate": rate * math.sqrt(min(batch, 128) / 128),
        "optimizer": chosen.optimizer,
        "nesterov": True,
    }
    return TrainingConfig(layers, Recipe(**{**found, **knobs}))


def augmentation_for(pictures: Uint8, preprocessor: Preprocessor) -> Augmentation:
    """How far training changes pictures (N, C, H, W): a little in any case, more where there are
    few of them, and up to twice as far where drawings themselves differ much in size. Nothing is
    mirrored: left and right may matter."""
    if preprocessor.kind == "texts":
        return Augmentation()
    if preprocessor.kind == "photos":
        return PHOTO_AUGMENTATION
    if preprocessor.kind == "sounds":
        return SOUND_AUGMENTATION
    far = max(
        1 / 3 if len(pictures) < FEW else 0.0, min(1.0, _spread(pictures, preprocessor) / 0.25)
    )
    factor = round(1.1 + 0.3 * far, 3)
    return Augmentation(
        translation=round((2 + 2 * far) / 28, 3),
        scale=(round(1 / factor, 3), factor),
        rotation=round(10 + 15 * far, 1),
        stroke_width=round(0.5 * far, 2),
    )


def _spread(pictures: Uint8, preprocessor: Preprocessor) -> float:
    """How much the ink of drawings differs in size: the deviation of its logarithm."""
    some = pictures[:: max(1, len(pictures) // _SAMPLE), 0]
    boxes = [ink_box(255 - one if preprocessor.background == "light" else one) for one in some]
    sides = [max(box[2] - box[0], box[3] - box[1]) for box in boxes if box]
    if not sides:
        return 0.0
    sizes = log(sides).tolist()
    mean = fsum(sizes) / len(sizes)
    return math.sqrt(fsum((size - mean) ** 2 for size in sizes) / len(sizes))


def batch_size_for(count: int) -> int:
    """32 to 128, so that an epoch has at least sixteen steps where it can."""
    return max(32, min(128, 1 << (max(1, count // 16).bit_length() - 1)))


def drawing_layers(shape: Shape) -> str:
    """Small kernels, two layers of them before each pooling until the map is small, batch
    normalisation, then votes."""
    return _stacked(shape, 64, twice=True)


def photo_layers(shape: Shape) -> str:
    """Small kernels and pooling until the map is small, batch normalisation, then votes."""
    return _stacked(shape, 128, twice=False)


def quick_layers(shape: Shape, *, small: bool = False) -> str:
    """Few and larger kernels: what learns most in little time. ``small``: fewer features, which
    vote at once; for nets that are taught by the hundred."""
    return _ended(_large_kernels(shape, small=small)[0], 0 if small else 128, shape)


def sound_layers(shape: Shape, *, small: bool = False) -> str:
    """The same, but of each band the best match of all steps votes, so that a word may be said
    sooner or later, slower or faster; voices that are new are known better then."""
    items, steps = _large_kernels(shape, small=small)
    if items:
        items[-1] = f"pool 1x{steps}"
    return _ended(items, 0 if small else 128, shape)


def text_layers(shape: Shape, *, small: bool = False) -> str:
    """Words looked up, three at a time matched wherever they stand, the best match of each feature
    votes. ``small``: half the features."""
    features, across = 32 if small else 64, min(3, shape[2])
    found = f"embed {features // 2}, conv {features} 1x{across}, norm, relu, pool all"
    return f"{found}, dropout 0.5, full"


def _large_kernels(shape: Shape, *, small: bool) -> tuple[list[str], int]:
    """Convolutions, each with its pooling, until the map is small; and how wide that is before the
    last pooling. ``small``: with half the features, and every second place of a large input."""
    items: list[str] = []
    (height, width), across = shape[1:], 0
    features = 8 if small else 16
    while min(height, width) >= 6:
        kernel = 5 if min(height, width) >= 10 else 3
        stride = 2 if small and min(height, width) >= LARGE else 1
        apart = f" stride={stride}" if stride > 1 else ""
        items += [f"conv {features} {kernel}{apart}, norm, relu", "pool 2"]
        height, width = ((side - kernel) // stride + 1 for side in (height, width))
        across = width
        height, width = -(-height // 2), -(-width // 2)
        features = min(64, 2 * features)
    return items, across


def _stacked(shape: Shape, neurons: int, *, twice: bool) -> str:
    items: list[str] = []
    side, features = min(shape[1:]), 16
    while side >= 6:
        block = f"conv {features} 3 pad=same, norm, relu"
        items += [f"2 * ({block})" if twice and side >= 12 else block, "pool 2"]
        side, features = -(-side // 2), min(64, 2 * features)
    return _ended(items, neurons, shape)


def _ended(items: list[str], neurons: int, shape: Shape) -> str:
    """Votes at the end, by ``neurons`` or without any between; small maps are looked at once, the
    smallest not at all."""
    if not items and min(shape[1:]) < 3:
        return "full"
    items = items or ["conv 16 3 pad=same, norm, relu"]
    between = ["dropout 0.3", f"full {neurons}", "relu"] if neurons else []
    return ", ".join([*items, *between, "full"])


@dataclass(frozen=True)
class Kind:
    """What suits a kind of input: layers from its shape, those for little time (and, ``small``, for
    hundreds of nets), and the recipe."""

    layers: Callable[[Shape], str]
    quick_layers: Callable[..., str]
    learning_rate: float
    """That goes with batches of 128; with smaller ones, by the square root."""
    optimizer: str = "sgd"
    steps: int = 720
    """That a set is worth, if there is time for them."""


KINDS = {
    "drawings": Kind(drawing_layers, quick_layers, 0.1),
    "photos": Kind(photo_layers, quick_layers, 0.06),
    "sounds": Kind(sound_layers, sound_layers, 0.05),
    "texts": Kind(text_layers, text_layers, 6e-3, "adamw", steps=1_600),
}
