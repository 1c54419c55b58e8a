"""Files mapped into memory: arrays are views of the file, so a large one is not read twice."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from ...core.errors import ModelFileError
from ...data.file_bytes import open_error, open_regular_file


def mapped(path: Path, kind: str, most: int) -> memoryview:
    """The bytes of a file, mapped for as long as a view of them is used.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        The expected kind of file, in errors.
    most : int
        The largest size in bytes.

    Raises
    ------
    ModelFileError
        If it cannot be opened, is no regular file, is empty, or is larger.
    """
    try:
        with open_regular_file(path, kind) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise ModelFileError(f"{size:,} bytes, wanted at most {most:,}")
            if not size:
                raise ModelFileError(f"an empty file, wanted a {kind}")
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
    except ModelFileError:
        raise
    except (OSError, ValueError) as error:
        raise ModelFileError(str(open_error(error, kind, path))) from None
