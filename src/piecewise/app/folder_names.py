"""Names of classes as names of folders, on every operating system."""

from __future__ import annotations

import re
from unicodedata import category, normalize

from ..core.constraints import MAX_CLASS_NAME
from ..core.errors import DataError, shown
from ..data.sources.split_names import split_of

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt")
                                          for n in range(10))}  # fmt: skip
"""Names that Windows keeps for devices."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_MOST_BYTES = 100  # of the name of a folder


def checked_class_name(name: object) -> str:
    """A name of a class, composed and without spaces around it; DataError if it is none."""
    if not isinstance(name, str):
        raise DataError(f"class: got {shown(name)}, wanted a name")
    composed = normalize("NFC", name).strip()
    if not composed or len(composed) > MAX_CLASS_NAME:
        raise DataError(f"class: got {shown(name)}, wanted 1 to {MAX_CLASS_NAME:,} characters")
    try:
        composed.encode()
    except UnicodeEncodeError:
        raise DataError(f"class: got {shown(name)}, wanted characters of Unicode") from None
    return composed


def can_be_folder(name: str) -> bool:
    """Whether a class name can be the name of its folder, so that readers of folders see it."""
    is_plain = not any(category(one) in ("Cc", "Cf", "Co", "Cn") for one in name)
    stem = name.split(".", maxsplit=1)[0].rstrip().lower()
    return (
        is_plain
        and not _FORBIDDEN.search(name)
        and not name.startswith((".", "_"))
        and not name.endswith((".", " "))
        and stem not in _RESERVED
        and len(name.encode()) <= _MOST_BYTES
        and split_of(name) is None
    )


def folder_for(name: str, taken: set[str]) -> str:
    """The name of a folder for a class: the class name if it can be one, else class1, class2, ...
    Names that differ in case only are the same folder on some systems, so they get a number."""
    used = {one.lower() for one in taken}
    if can_be_folder(name) and name.lower() not in used:
        return name
    number = 1
    while f"class{number}" in used:
        number += 1
    return f"class{number}"
