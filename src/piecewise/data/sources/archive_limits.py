"""The limit on what an archive may unpack to in all, for `.zip` and `.npz` files alike.

A limit on each file is not enough: thousands of small files can be packed a thousandfold, too.
"""

from __future__ import annotations

from ...core.errors import DataError

ALWAYS_ALLOWED = 256 << 20
"""Bytes that any archive may unpack to."""
MAX_TOTAL_RATIO = 200
"""The highest ratio of all unpacked to all packed bytes beyond `ALWAYS_ALLOWED`. Photos, sounds
and texts are packed at most 10 to 1, drawings at most 100 to 1."""


def check_total_ratio(unpacked: int, packed: int) -> None:
    """Refuse an archive that unpacks to far more than its size, by the sizes in its directory.

    ``unpacked`` and ``packed`` are the bytes of all entries that will be read; DataError.
    """
    most = max(ALWAYS_ALLOWED, MAX_TOTAL_RATIO * packed)
    if unpacked > most:
        raise DataError(
            f"its content is {unpacked:,} bytes packed into {packed:,}, wanted at most {most:,} "
            f"({MAX_TOTAL_RATIO} times as many); save it without compression, or divide it"
        )
