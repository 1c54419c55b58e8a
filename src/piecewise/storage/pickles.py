"""Recognizes pickles of Python and PyTorch, which are refused because reading one can run code."""

from __future__ import annotations

from pathlib import Path

from ..data.file_bytes import first_bytes
from ..data.file_kinds import KIND_BYTES, PICKLES, file_kind

_SUFFIXES = (".pickle", ".pkl")  # the oldest kind of pickle begins like a text


def check_no_pickle(path: Path) -> None:
    """Refuse a pickle, whatever its name, with what to do; ValueError."""
    kind = file_kind(first_bytes(path, KIND_BYTES))
    if kind in PICKLES or path.suffix.lower() in _SUFFIXES:
        name = kind.name if kind in PICKLES else "a Python pickle"
        raise ValueError(
            f"it is {name}, which is not read because it can run code; in PyTorch, save the "
            "parameters with safetensors.torch.save_file(model.state_dict(), 'net.safetensors'), "
            "and use `piecewise import net.safetensors --layers ... --input ...`"
        )
