"""Default layers and hyperparameters, computed from the data.

The layers depend on the kind and shape of the inputs, the recipe on their number. Nothing depends
on the machine: the same data give the same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

from ..core.array_types import Array
from ..core.ghost_batch import GROUP_SIZE
from ..core.portable_math import log
from ..data.images.background import ink_box
from ..data.images.preprocessor import ImagePreprocessor
from ..data.preprocessing import Preprocessor
from ..spec.augmentation import Augmentation
from .effort import EFFORTS, cost_per_example
from .recipe import Recipe

Shape = tuple[int, int, int]

MIN_EPOCHS = 15
"""The epochs that the full layers of drawings need. If they take too long, quick layers learn
more."""
THOROUGH_EPOCHS = 8
"""The same for the layers of thorough trainings of photos."""
PHOTO_WORK = 6e11
"""The work after which more epochs of photos change little, if there are `MIN_EPOCHS` already."""

LARGE_BATCH = 128
"""The batch size from which the learning rate does not grow with it."""
RATES = {"sgd": 0.05, "adamw": 4e-3}
"""The learning rate if the optimizer is not the default of the kind."""
PHOTO_AUGMENTATION = Augmentation(
    translation=0.1, scale=(0.8, 1.25), rotation=12, contrast=0.3, brightness=0.2
)
"""That of photos that are seen in `MANY_EPOCHS`; in fewer epochs, augmentation is weaker."""
FEW_EPOCHS, MANY_EPOCHS = 8, 40
PLACED_AUGMENTATION = Augmentation(
    translation=0.03, scale=(0.95, 1.05), rotation=5, stroke_width=0.2
)
"""That of drawings whose place and size tell the classes apart."""
SOUND_AUGMENTATION = Augmentation(translation=(0, 0.1), brightness=0.1, noise=0.3, band_masking=0.2)
SMALLEST_BATCH = 32
SMALLEST_REST = 8
"""The examples of the last batch of an epoch, at least."""
LARGE = 40
"""The rows and columns from which small and quick layers use a stride of 2."""
FEW = 10_000
"""Fewer images than this are augmented more."""
_SAMPLE = 500  # images that are measured, at least, if there are more


@dataclass(frozen=True)
class TrainingConfig:
    """The layers and the recipe of a training."""

    layers: str
    recipe: Recipe


def default_config(
    kind: str,
    shape: Shape,
    classes: int,
    count: int,
    *,
    layers: str | None = None,
    effort: str = "normal",
    work: float | None = None,
    **knobs: Any,
) -> TrainingConfig:
    """Layers and recipe for ``count`` training inputs of a kind (see `KINDS`) and shape (channels,
    rows, columns). Layers and hyperparameters that the caller passes are kept; the others are
    computed, except the augmentation (see `config_for`). ``work``: the largest work of the
    training, by default that of the effort."""
    default = KINDS[kind]
    recipe = Recipe(**{"optimizer": default.optimizer, **knobs})
    batch = recipe.batch_size if "batch_size" in knobs else batch_size_for(count)
    is_default = recipe.optimizer == default.optimizer
    rate = default.learning_rate if is_default else RATES[recipe.optimizer]
    level = EFFORTS[effort]
    work = level.work if work is None else work

    def epochs_for(text: str) -> int:
        """The epochs that stay below the limits of work and steps."""
        cost = max(1, count * cost_per_example(text, shape, classes))
        least = 8 if effort == "quick" else MIN_EPOCHS
        if default.work:
            useful = max(int(level.photos * default.work / cost), least)
        else:
            useful = max(int(level.steps * default.steps * batch / max(1, count)), least)
        return max(level.min_epochs, min(int(work / cost), useful, level.max_epochs))

    if layers is None:
        layers = default.layers(shape)
        if effort == "quick" or epochs_for(layers) < default.min_epochs:
            layers = default.quick_layers(shape)
        elif effort == "thorough" and default.thorough_layers:
            layers = default.thorough_layers(shape)
            if epochs_for(layers) < THOROUGH_EPOCHS:
                layers = default.layers(shape)
    epochs = epochs_for(layers)
    if default.shrinks_batches and "batch_size" not in knobs:
        batch = _shrunk_batch(batch, epochs * count, level.steps * default.steps)
    computed: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": rate * math.sqrt(min(batch, LARGE_BATCH) / LARGE_BATCH),
        "optimizer": default.optimizer,
        "nesterov": True,
    }
    return TrainingConfig(layers, Recipe(**{**computed, **knobs}))


def _shrunk_batch(batch: int, read: int, steps: float) -> int:
    """A batch size of at least `SMALLEST_BATCH` with which reading so many examples does not take
    more than so many steps."""
    while batch >= 2 * SMALLEST_BATCH and read // (batch // 2) <= steps:
        batch //= 2
    return batch


def config_for(
    inputs: Array, preprocessor: Preprocessor, classes: int, **chosen: Any
) -> TrainingConfig:
    """The `default_config` of these training inputs, with their default augmentation."""
    config = default_config(preprocessor.kind, preprocessor.shape, classes, len(inputs), **chosen)
    if "augmentation" in chosen:
        return config
    augmentation = augmentation_for(inputs, preprocessor, config.recipe.epochs)
    return replace(config, recipe=replace(config.recipe, augmentation=augmentation))


def augmentation_for(
    images: Array, preprocessor: Preprocessor, epochs: int = MANY_EPOCHS
) -> Augmentation:
    """The default augmentation of images (N, C, H, W) that are seen in this many epochs.

    Photos: weaker in few epochs. Drawings: stronger for few images, and up to twice as strong if
    they differ in size. Images are never flipped: left and right may matter.
    """
    if preprocessor.kind == "texts":
        return Augmentation()
    if preprocessor.kind == "photos":
        strength = (epochs - FEW_EPOCHS) / (MANY_EPOCHS - FEW_EPOCHS)
        return scaled_augmentation(PHOTO_AUGMENTATION, max(0.0, min(1.0, strength)))
    if preprocessor.kind == "sounds":
        return SOUND_AUGMENTATION
    if isinstance(preprocessor, ImagePreprocessor) and preprocessor.framing == "canvas":
        return PLACED_AUGMENTATION
    least = 1 / 3 if len(images) < FEW else 0.0
    strength = max(least, min(1.0, _size_deviation(images, preprocessor) / 0.25))
    factor = round(1.1 + 0.3 * strength, 3)
    return Augmentation(
        translation=round((2 + 2 * strength) / 28, 3),
        scale=(round(1 / factor, 3), factor),
        rotation=round(10 + 15 * strength, 1),
        stroke_width=round(0.5 * strength, 2),
    )


def scaled_augmentation(full: Augmentation, strength: float) -> Augmentation:
    """An augmentation with all its limits multiplied by ``strength``, 0 to 1."""
    down, right = full.shift
    smallest, largest = full.scale
    return Augmentation(
        translation=(round(strength * down, 3), round(strength * right, 3)),
        scale=(round(1 - strength * (1 - smallest), 3), round(1 + strength * (largest - 1), 3)),
        rotation=round(strength * full.rotation, 1),
        stroke_width=round(strength * full.stroke_width, 2),
        horizontal_flip=full.horizontal_flip,
        contrast=round(strength * full.contrast, 3),
        brightness=round(strength * full.brightness, 3),
        noise=round(strength * full.noise, 3),
        band_masking=round(strength * full.band_masking, 3),
    )


def _size_deviation(images: Array, preprocessor: Preprocessor) -> float:
    """The standard deviation of the logarithm of the size of the strokes' bounding box."""
    sample = images[:: max(1, len(images) // _SAMPLE), 0]
    is_light = preprocessor.background == "light"
    boxes = [ink_box(255 - image if is_light else image) for image in sample]
    sides = [max(box[2] - box[0], box[3] - box[1]) for box in boxes if box]
    if not sides:
        return 0.0
    sizes = log(sides).tolist()
    mean = fsum(sizes) / len(sizes)
    return math.sqrt(fsum((size - mean) ** 2 for size in sizes) / len(sizes))


def batch_size_for(count: int) -> int:
    """32 to 128, so that an epoch has at least 16 steps if there are enough inputs."""
    batch = max(SMALLEST_BATCH, min(128, 1 << (max(1, count // 16).bit_length() - 1)))
    return without_small_rest(batch, count)


def without_small_rest(batch: int, count: int) -> int:
    """The batch size, or a larger one if the last batch of an epoch would be so small that its
    batch-norm statistics say little."""
    while batch < count and 0 < count % batch < SMALLEST_REST:
        batch += GROUP_SIZE
    return batch


def drawing_layers(shape: Shape) -> str:
    """Two 3x3 convolutions with batch norm before each pooling, then fully connected layers."""
    return _small_kernels(shape, 64, twice=True)


def photo_layers(shape: Shape) -> str:
    """A 3x3 convolution with batch norm before each pooling, then one fully connected layer. The
    first convolution of a large photo has a stride of 2: four times the epochs help more."""
    return photo_blocks(shape, 16, stride=2)


def quick_photo_layers(shape: Shape, *, small: bool = False) -> str:
    """Those of `photo_layers`."""
    return quick_layers(shape, small=True) if small else photo_layers(shape)


def thorough_photo_layers(shape: Shape) -> str:
    """As `photo_layers`, with twice as many features and without the stride."""
    return photo_blocks(shape, 32)


def quick_layers(shape: Shape, *, small: bool = False) -> str:
    """Few and larger kernels, which learn most in little time. ``small``: fewer features and a
    single fully connected layer, for analyses that train hundreds of networks."""
    return _with_head(_large_kernels(shape, small=small)[0], 0 if small else 128, shape)


def sound_layers(shape: Shape, *, small: bool = False) -> str:
    """As `quick_layers`, but the last pooling covers all time steps of each band. So the time at
    which a word is spoken does not matter, and new voices are recognized better."""
    items, steps = _large_kernels(shape, small=small)
    if items:
        items[-1] = f"pool 1x{steps}"
    return _with_head(items, 0 if small else 128, shape)


def quick_sound_layers(shape: Shape, *, small: bool = False) -> str:
    """As `sound_layers`, with two convolutions, the first with a stride of 2."""
    height, steps = ((side - 5) // 2 + 1 for side in shape[1:])
    height, steps = -(-height // 2) - 2, -(-steps // 2) - 2
    if small or min(shape[1:]) < LARGE or min(height, steps) < 1:
        return sound_layers(shape, small=small)
    first = "conv 16 5 stride=2, norm, relu, pool 2"
    return f"{first}, conv 32 3, norm, relu, pool 1x{steps}, dropout 0.3, full"


def text_layers(shape: Shape, *, small: bool = False) -> str:
    """An embedding, a convolution over three words, max pooling over all positions, and a fully
    connected layer. ``small``: half the features."""
    features, words = 32 if small else 64, min(3, shape[2])
    convolution = f"embed {features // 2}, conv {features} 1x{words}, norm, relu, pool all"
    return f"{convolution}, dropout 0.5, full"


def _large_kernels(shape: Shape, *, small: bool) -> tuple[list[str], int]:
    """Convolutions with pooling until the feature map is small, and its width before the last
    pooling. ``small``: half the features, and a stride of 2 on large inputs."""
    items: list[str] = []
    (height, width), last_width = shape[1:], 0
    features = 8 if small else 16
    while min(height, width) >= 6:
        kernel = 5 if min(height, width) >= 10 else 3
        stride = 2 if small and min(height, width) >= LARGE else 1
        option = f" stride={stride}" if stride > 1 else ""
        items += [f"conv {features} {kernel}{option}, norm, relu", "pool 2"]
        height, width = ((side - kernel) // stride + 1 for side in (height, width))
        last_width = width
        height, width = -(-height // 2), -(-width // 2)
        features = min(64, 2 * features)
    return items, last_width


def photo_blocks(shape: Shape, features: int, *, repeats: int = 1, stride: int = 1) -> str:
    """3x3 convolutions with pooling until the map is small: ``features`` at first, up to four times
    as many later. ``stride``: that of the first convolution if the photo is large."""
    items: list[str] = []
    side, most = min(shape[1:]), 4 * features
    while side >= 6:
        options = "pad=same"
        if stride > 1 and not items and side >= LARGE:
            options, side = f"stride={stride} pad=same", -(-side // stride)
        block = f"conv {features} 3 {options}, norm, relu"
        items += [block if repeats == 1 else f"{repeats} * ({block})", "pool 2"]
        side, features = -(-side // 2), min(most, 2 * features)
    if not items:
        return _with_head(items, 0, shape)
    return ", ".join([*items, "dropout 0.3", "full"])


def _small_kernels(shape: Shape, neurons: int, *, twice: bool) -> str:
    """3x3 convolutions, ``twice`` as many on large maps, with pooling until the map is small."""
    items: list[str] = []
    side, features = min(shape[1:]), 16
    while side >= 6:
        block = f"conv {features} 3 pad=same, norm, relu"
        items += [f"2 * ({block})" if twice and side >= 12 else block, "pool 2"]
        side, features = -(-side // 2), min(64, 2 * features)
    return _with_head(items, neurons, shape)


def _with_head(items: list[str], neurons: int, shape: Shape) -> str:
    """The layers with a fully connected head, which has a hidden layer of ``neurons`` unless 0.

    Without layers, inputs of at least 3x3 get one convolution.
    """
    if not items and min(shape[1:]) < 3:
        return "full"
    items = items or ["conv 16 3 pad=same, norm, relu"]
    hidden = ["dropout 0.3", f"full {neurons}", "relu"] if neurons else []
    return ", ".join([*items, *hidden, "full"])


@dataclass(frozen=True)
class KindDefaults:
    """The defaults of a kind of input: layers by shape, and hyperparameters."""

    layers: Callable[[Shape], str]
    quick_layers: Callable[..., str]
    learning_rate: float
    """For batches of 128; for smaller ones it is scaled by the square root of their size."""
    optimizer: str = "sgd"
    steps: int = 720
    """The largest number of steps, unless the epochs become too few."""
    work: float | None = None
    """The largest work, in place of ``steps``."""
    min_epochs: int = MIN_EPOCHS
    """If the layers would get fewer epochs, the quick layers replace them."""
    thorough_layers: Callable[[Shape], str] | None = None
    shrinks_batches: bool = False
    """Whether batches become smaller if the work allows fewer than ``steps``."""


KINDS = {
    "drawings": KindDefaults(drawing_layers, quick_layers, 0.1),
    "photos": KindDefaults(
        photo_layers,
        quick_photo_layers,
        0.06,
        work=PHOTO_WORK,
        min_epochs=3,
        thorough_layers=thorough_photo_layers,
    ),
    "sounds": KindDefaults(sound_layers, quick_sound_layers, 0.05, shrinks_batches=True),
    "texts": KindDefaults(text_layers, text_layers, 6e-3, "adamw", steps=1_600),
}
