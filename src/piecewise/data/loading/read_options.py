"""The options of `read_data` that depend on the kind of data, and the check that each applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.constraints import Constraint, Integer, Size2D, checked
from ...core.errors import DataError
from ..images.fitting import FRAMING_OPTIONS
from ..images.preprocessor import RESIZES, ImagePreprocessor
from ..preprocessing import Preprocessor
from ..text.preprocessor import POSITIONS

_SIDES = 1, 1_024
_OPTIONS: Mapping[str, tuple[str, Constraint]] = {
    "size": ("pictures", Size2D(*_SIDES)),
    "most": ("pictures", Integer(*_SIDES)),
    "resize": ("pictures", RESIZES),
    "framing": ("pictures", FRAMING_OPTIONS),
    "text_length": ("texts", POSITIONS),
}
"""The modality that each option applies to, and its constraint."""
_WORDS = {"pictures": "images", "texts": "texts"}


def fit_options(
    path: object, modality: str, values: Mapping[str, Any], preprocessor: Preprocessor | None
) -> dict[str, Any]:
    """The options that are set (not None), checked; DataError, naming the path, for one that does
    not apply: to this modality, or to any data, as a ``preprocessor`` is chosen already."""
    chosen = {
        name: checked(f"`{name}`", _OPTIONS[name][1], value)
        for name, value in values.items()
        if value is not None
    }
    for name, value in chosen.items():
        kind = _OPTIONS[name][0]
        if value == "auto":  # it asks for nothing
            continue
        if kind != modality:
            raise DataError(
                f"{path}: got {modality}; `{name}` applies to {_WORDS[kind]} only; leave it out"
            )
        if preprocessor is not None:
            raise DataError(
                f"{path}: `{name}` does not apply, because the preprocessor of a net decides it; "
                "leave it out"
            )
    return {name: value for name, value in chosen.items() if _OPTIONS[name][0] == modality}


def check_fitted(path: object, preprocessor: Preprocessor, options: Mapping[str, Any]) -> None:
    """DataError, naming the path, for a framing of images that turned out to be photos."""
    if preprocessor.kind == "photos" and options.get("framing", "auto") != "auto":
        raise DataError(
            f"{path}: got photos, or drawings in colour; `framing` applies to drawings in grey "
            "only; leave it out"
        )


def fit_warnings(preprocessor: Preprocessor, options: Mapping[str, Any]) -> list[str]:
    """A sentence for each option that was set, and has little effect on these data."""
    is_cropped = isinstance(preprocessor, ImagePreprocessor) and preprocessor.crops_to_ink
    if "resize" in options and is_cropped:
        return [
            "`resize` has little effect: the images are drawings, which are cropped to their ink; "
            "set `framing` to canvas to resize the whole images"
        ]
    return []
