"""The check that each hyperparameter that a user sets has an effect on the planned training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from ..core.errors import LimitError, shown
from .recipe import Recipe

_OF_SGD = {
    "momentum": "which has no momentum",
    "nesterov": "which has no momentum",
    "token_scaling": "which scales gradients itself",
}
"""What only has an effect with sgd, and why not with adamw."""


def check_knobs_apply(
    knobs: Mapping[str, Any],
    recipes: Collection[Recipe],
    modality: str,
    splits: Collection[str],
    *,
    folds: int,
) -> None:
    """LimitError for a hyperparameter without effect. ``recipes``: those of all candidates;
    ``splits``: the splits that the data have. All values of a recipe together are accepted, because
    they may come from another training."""
    if modality == "texts" and any(one.augmentation.changes_anything for one in recipes):
        raise LimitError("augmentation: got one for texts, which are not augmented; wanted none")
    if all(field.name in knobs for field in fields(Recipe)):
        return
    if modality != "texts" and knobs.get("token_scaling", "none") != "none":
        raise LimitError(
            f"token_scaling: got {shown(knobs['token_scaling'])} for {modality}; it scales the "
            "tokens of texts, so leave it out"
        )
    for name, why in _OF_SGD.items():
        if name in knobs and all(recipe.optimizer == "adamw" for recipe in recipes):
            raise LimitError(
                f"{name}: got {shown(knobs[name])} for the optimizer adamw, {why}; "
                "leave it out, or set `optimizer` to sgd"
            )
    if knobs.get("validation_fraction"):
        got = f"validation_fraction: got {shown(knobs['validation_fraction'])}"
        if "validation" in splits:
            raise LimitError(f"{got}, but the data have a validation split; leave it out")
        if folds:
            raise LimitError(
                f"{got}, but the data are cross-validated, so that no fixed fraction is held out; "
                "leave it out, or set `folds` to 0"
            )
