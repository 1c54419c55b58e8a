"""Errors that the readers of several audio containers raise."""

from __future__ import annotations

from ...core.errors import DataError

_MAX_PIECES = 300_000  # Ogg pages or MP3 frames: ten minutes of the shortest


def one_more(count: int) -> int:
    """One more than the pages or frames so far; DataError beyond the limit."""
    if count == _MAX_PIECES:
        raise DataError(f"more than {_MAX_PIECES:,} pieces; cut it into shorter files first")
    return count + 1


def check_end(end: int, content: bytes) -> None:
    """DataError if the content ends before ``end``."""
    if end > len(content):
        raise truncated(content, f"{end:,} bytes")


def truncated(content: bytes, wanted: str) -> DataError:
    """The error that says what a truncated file should have."""
    return DataError(f"truncated: {len(content):,} bytes, wanted {wanted}; copy the complete file")


def codec_error(name: str) -> DataError:
    """The error for a codec that is not supported."""
    return DataError(f"the codec {name} is not supported; save it as plain WAV")
