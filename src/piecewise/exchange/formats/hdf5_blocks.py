"""The bytes of an HDF5 file: checked access, and object headers with their messages.

Every address and length is checked against the size of the file, and every structure that is read
costs steps of one budget. So a damaged file with a loop in it ends in an error.
"""

from __future__ import annotations

from typing import NamedTuple

from ...core.errors import ModelFileError
from .hdf5_writer import UNDEFINED

MAX_STEPS = 500_000
"""Structures that are read of one file: messages, symbols, nodes, texts and chunks."""
_CONTINUATION = 0x10
_SHARED = 0x02  # a flag: the message stands in another place of the file
_MAX_TREE_DEPTH = 16
_MAX_BLOCKS = 1_000  # of one object header


class Hdf5Error(ModelFileError):
    """Bytes that are not an HDF5 file, or not one that this reader knows."""


class Message(NamedTuple):
    """A message of an object header: its type, its flags, and its content."""

    kind: int
    flags: int
    content: Block

    def checked(self) -> Block:
        """The content; Hdf5Error if it stands in another place of the file."""
        if self.flags & _SHARED:
            raise Hdf5Error("a type that several objects share, which is not supported")
        return self.content


class Block:
    """A part of a file that is read from its start to its end."""

    def __init__(self, view: memoryview) -> None:
        self._view, self.at = view, 0

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return len(self._view) - self.at

    def take(self, count: int) -> memoryview:
        """The next bytes."""
        if not 0 <= count <= self.left:
            raise Hdf5Error("a structure is longer than its place in the file; is it complete?")
        self.at += count
        return self._view[self.at - count : self.at]

    def integer(self, size: int) -> int:
        """The next unsigned number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def align(self, to: int = 8) -> None:
        """Skip padding up to the next multiple; less if the block ends before."""
        self.at = min(len(self._view), self.at + -self.at % to)

    def expect(self, signature: bytes, what: str) -> None:
        """Refuse other bytes than the signature of a structure."""
        if self.take(len(signature)) != signature:
            raise Hdf5Error(f"{what} is missing where the file says that one is")


class FileBytes:
    """All bytes of a file, and what may still be read of it."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._steps = MAX_STEPS

    def spend(self, steps: int = 1) -> None:
        """Take steps from the budget; Hdf5Error if none are left."""
        self._steps -= steps
        if self._steps < 0:
            raise Hdf5Error(f"more than {MAX_STEPS:,} structures, or a loop of them")

    def block(self, address: int, size: int | None = None) -> Block:
        """The bytes at an address, up to the end of the file unless ``size`` is passed."""
        self.spend()
        end = len(self.data) if size is None else address + size
        if address == UNDEFINED or not 0 <= address <= end <= len(self.data):
            raise Hdf5Error("an address past the end of the file; is it complete?")
        return Block(self.data[address:end])

    def tree_node(
        self, address: int, kind: bytes, owner: str, level: int | None
    ) -> tuple[Block, int, int]:
        """The entries of a node of a B-tree, its level and their number.

        Its level must be ``level``, unless that is None, at the root. ``owner`` has the tree: "a
        group" or "an array".
        """
        node = self.block(address)
        node.expect(b"TREE" + kind, f"a node of {owner}")
        own, count = node.integer(1), node.integer(2)
        if own > _MAX_TREE_DEPTH or (level is not None and own != level):
            raise Hdf5Error(f"{owner} whose nodes are at the wrong level")
        node.take(16)
        return node, own, count

    def messages(self, address: int) -> list[Message]:
        """The messages of the object header at an address."""
        start = self.block(address)
        if bytes(start.take(4)) == b"OHDR":
            return self._messages_v2(start)
        start.at = 0
        if start.integer(1) != 1:
            raise Hdf5Error("an object header of an unknown version")
        start.take(7)
        size = start.integer(4)
        start.align()
        found, blocks = list[Message](), [Block(start.take(size))]
        for block in blocks:
            while block.left >= 8:
                kind, length, flags = block.integer(2), block.integer(2), block.integer(1)
                block.take(3)
                self._keep(Message(kind, flags, Block(block.take(length))), found, blocks, b"")
        return found

    def _messages_v2(self, start: Block) -> list[Message]:
        if start.integer(1) != 2:
            raise Hdf5Error("an object header of an unknown version")
        flags = start.integer(1)
        start.take(16 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1))
        size = start.integer(1 << (flags & 3))
        found, blocks = list[Message](), [Block(start.take(size))]
        for block in blocks:
            while block.left >= (header := 4 + 2 * (flags >> 2 & 1)):
                kind, length, message_flags = block.integer(1), block.integer(2), block.integer(1)
                block.take(header - 4)
                message = Message(kind, message_flags, Block(block.take(length)))
                self._keep(message, found, blocks, b"OCHK")
        return found

    def _keep(
        self, message: Message, found: list[Message], blocks: list[Block], signature: bytes
    ) -> None:
        """Keep a message, or add the block to which it leads."""
        self.spend()
        if message.kind != _CONTINUATION:
            found.append(message)
            return
        address, size = message.content.integer(8), message.content.integer(8)
        block = self.block(address, size)
        if signature:
            block.expect(signature, "a block of an object header")
            block = Block(block.take(block.left - 4))  # its checksum is at the end
        blocks.append(block)
        if len(blocks) > _MAX_BLOCKS:
            raise Hdf5Error(f"an object header of more than {_MAX_BLOCKS:,} blocks")
