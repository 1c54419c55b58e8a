"""The .npz format of NumPy: named arrays in a ZIP file, the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from ...core.array_types import Array


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An .npz file of arrays, not compressed, that `numpy.load` reads without pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # with a fixed time, and
            info.create_system = 3  # the same system everywhere
            archive.writestr(info, entry.getvalue())
    return file.getvalue()
