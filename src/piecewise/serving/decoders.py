"""Decoder processes of the server: files are read there, within limits of time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from ..data.decoding.pool import COMMAND, Decoded, DecoderPool, RawFile
from ..network import Network

DECODERS = 4
"""Decoder processes of a server process, at most."""
SECONDS = 20.0
"""Seconds that a process has for the files that it gets at a time."""
MAX_MEMORY = 4 << 30
"""Bytes of address space of a process."""
_MOST_FILES, _MOST_BYTES = 16, 1 << 20
"""Files that a process gets at a time, and their bytes, unless one is larger."""
_NAME_SHOWN = 200
"""Characters of the name of a file in messages."""


class Decoders(DecoderPool):
    """The decoder processes of a server process.

    Parameters
    ----------
    seconds : float
        The limit of time for the files that a process gets at once.
    command : sequence of str
        What starts a process.
    """

    def __init__(self, seconds: float = SECONDS, command: Sequence[str] = COMMAND) -> None:
        super().__init__(DECODERS, seconds, MAX_MEMORY, command)

    async def decode(self, net: Network, files: Sequence[RawFile]) -> list[Decoded]:
        """The files as inputs of a net. Requests take turns after each few files."""
        found = list[Decoded]()
        for some in _portions(files):
            decoded: list[Decoded]
            decoded = await asyncio.wrap_future(self.submit(net.preprocessor, some))
            found += decoded
        return found


def _portions(files: Sequence[RawFile]) -> Iterator[list[RawFile]]:
    """The files in their order, some at a time, with shortened names."""
    some, size = list[RawFile](), 0
    for file in files:
        if some and (len(some) == _MOST_FILES or size + len(file.content) > _MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(file._replace(name=file.name[:_NAME_SHOWN] or "input"))
        size += len(file.content)
    if some:
        yield some
