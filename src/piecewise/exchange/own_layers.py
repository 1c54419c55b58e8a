"""Import of files that piecewise wrote: the layers, and the metadata for what layers cannot
hold."""

from __future__ import annotations

from ..spec.architecture import Architecture, Stage
from ..spec.layers import Convolution, Pool
from ..storage.model_file import SavedModel
from .input_scale import InputLevels, OptionError
from .own_metadata import model_without_arrays
from .pool_axis import pool_axes


def refuse_levels(levels: InputLevels | None) -> None:
    """OptionError if a user says something about pixels, because the file says it."""
    name = levels and levels.first_given()
    if name:
        raise OptionError(
            f"{name}: piecewise wrote this file, which has its own preprocessing; leave the option "
            "out"
        )


def with_metadata(model: SavedModel, text: str) -> SavedModel:
    """The network that metadata describe, with the arrays of the layers that were read.

    If the layers are others, the file was changed after the export: then they count, and a note
    says that the metadata are not used.
    """
    own = model_without_arrays(text)
    if computes_the_same(own.architecture, model.architecture):
        own.tensors = model.tensors
        return own
    model.training_summary["imported"]["notes"].append(
        "its layers are not those that piecewise wrote, so the classes and the preprocessing that "
        "the file describes are not used"
    )
    return model


def computes_the_same(one: Architecture, other: Architecture) -> bool:
    """Whether two networks with the same arrays compute the same at inference."""
    stages = [
        [stage for stage in net.stages if not stage.layer.identity_at_inference]
        for net in (one, other)
    ]
    if len(stages[0]) != len(stages[1]):
        return False
    return all(_are_the_same(*pair) for pair in zip(*stages, strict=True))


def _are_the_same(one: Stage, other: Stage) -> bool:
    a, b = one.layer, other.layer
    shapes = [(stage.input, stage.output, stage.name) for stage in (one, other)]
    arrays = [[(row.name, row.shape) for row in stage.arrays] for stage in (one, other)]
    if type(a) is not type(b) or shapes[0] != shapes[1] or arrays[0] != arrays[1]:
        return False
    if isinstance(a, Convolution) and isinstance(b, Convolution):
        return a.mean == b.mean and a.windows(one.input) == b.windows(other.input)
    if isinstance(a, Pool) and isinstance(b, Pool):
        axes = [[(axis.window, axis.count, axis.count > 1 and axis.stride)
                 for axis in pool_axes(stage)] for stage in (one, other)]  # fmt: skip
        return a.kind == b.kind and axes[0] == axes[1]
    return True
