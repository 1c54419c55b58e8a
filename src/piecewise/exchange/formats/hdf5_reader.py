"""Reading HDF5 files of networks: groups, arrays, and attributes of texts.

The reader knows what Keras and h5py write: groups as B-trees of names or as lists of links, object
headers of both versions, texts of fixed and of any length, and arrays as `hdf5_arrays.py` says.
It follows no link to another name or file (The HDF Group, "HDF5 File Format Specification Version
3.0").
"""

from __future__ import annotations

from ...core.errors import shown
from .hdf5_arrays import Hdf5Array, read_dataspace
from .hdf5_blocks import Block, FileBytes, Hdf5Error, Message
from .hdf5_writer import ATTRIBUTE, LAYOUT, SIGNATURE, SYMBOL_TABLE, UNDEFINED

MAX_TEXT_BYTES = 64 << 20
"""Bytes of all attributes that are read of a file."""
_LINK_INFO, _LINK, _ATTRIBUTE_INFO = 0x2, 0x6, 0x15
_FIXED_TEXT, _ANY_LENGTH = 3, 9  # classes of types
_HARD, _SOFT_SYMBOL = 0, 2
_MAX_PATH = 64  # groups of one path
_NOTHING = memoryview(b"")


class Hdf5Group:
    """A group: its members by name, and its attributes."""

    def __init__(self, file: _File, messages: list[Message]) -> None:
        self._file, self._messages = file, messages
        self._links: dict[str, int] | None = None

    @property
    def names(self) -> list[str]:
        """The names of its arrays and groups, in the order of the file."""
        return list(self._members())

    def get(self, path: str) -> Hdf5Group | Hdf5Array | None:
        """What is at a path such as ``layers/conv2d``; None if there is nothing."""
        found: Hdf5Group | Hdf5Array = self
        names = [name for name in path.split("/") if name]
        if len(names) > _MAX_PATH:
            raise Hdf5Error(f"a path of more than {_MAX_PATH} names")
        for name in names:
            address = found._members().get(name) if isinstance(found, Hdf5Group) else None
            if address is None:
                return None
            if address == UNDEFINED:
                raise Hdf5Error(f"{shown(name)} is a link to another name or file; none is opened")
            found = self._file.object(address)
        return found

    def group(self, path: str) -> Hdf5Group | None:
        """The group at a path; None if there is none."""
        found = self.get(path)
        return found if isinstance(found, Hdf5Group) else None

    def array(self, path: str) -> Hdf5Array | None:
        """The array at a path; None if there is none."""
        found = self.get(path)
        return found if isinstance(found, Hdf5Array) else None

    def text(self, name: str) -> str | None:
        """The attribute that is one text; None if there is none of this name."""
        texts = self.texts(name)
        return texts[0] if texts else None

    def texts(self, name: str) -> list[str] | None:
        """The attribute that is a list of texts; None if there is none of this name."""
        for message in self._messages:
            if message.kind == ATTRIBUTE:
                content = message.content
                content.at = 0
                if (found := self._file.attribute(content, name)) is not None:
                    return found
            elif message.kind == _ATTRIBUTE_INFO:
                _refuse_dense(message.content, "attributes")
        return None

    def _members(self) -> dict[str, int]:
        """The addresses of the members; `UNDEFINED` for links to other names."""
        if self._links is None:
            self._links = {}
            for message in self._messages:
                if message.kind == SYMBOL_TABLE:
                    self._links |= self._file.symbols(message.checked())
                elif message.kind == _LINK:
                    name, address = _link(message.checked())
                    self._links[name] = address
                elif message.kind == _LINK_INFO:
                    _refuse_dense(message.content, "names")
        return self._links


def read_hdf5(data: memoryview) -> Hdf5Group:
    """The root group of a file; Hdf5Error if it is damaged, or has what this reader does not know.

    Arrays are views of ``data`` where the file has their numbers in one piece.
    """
    root = _File(data).root
    if not isinstance(root, Hdf5Group):
        raise Hdf5Error("the root of the file is no group")
    return root


class _File(FileBytes):
    """An open file: its root, and what several objects share."""

    def __init__(self, data: memoryview) -> None:
        super().__init__(data)
        self._text_bytes = 0
        self._heaps: dict[int, dict[int, memoryview]] = {}
        self._objects: dict[int, Hdf5Group | Hdf5Array] = {}
        self.root = self.object(self._root_address())

    def _root_address(self) -> int:
        if bytes(self.data[:8]) != SIGNATURE:
            raise Hdf5Error("not an HDF5 file, as Keras writes it")
        block = self.block(0)
        block.take(8)
        version = block.integer(1)
        if version in {0, 1}:
            block.take(4)
            sizes = block.integer(1), block.integer(1)
            block.take(9 if version == 0 else 13)
            base, _, end = block.integer(8), block.integer(8), block.integer(8)
            block.take(8 + 8)
        elif version in {2, 3}:
            sizes = block.integer(1), block.integer(1)
            block.take(1)
            base, _, end = block.integer(8), block.integer(8), block.integer(8)
        else:
            raise Hdf5Error(f"a superblock of version {version}, wanted 0 to 3")
        if sizes != (8, 8) or base:
            raise Hdf5Error("addresses that are not 8 bytes from the start of the file")
        if end > len(self.data):
            raise Hdf5Error(f"{len(self.data):,} bytes, wanted {end:,}; the file is truncated")
        return block.integer(8)

    def object(self, address: int) -> Hdf5Group | Hdf5Array:
        """The group or array whose object header is at an address."""
        if address not in self._objects:
            messages = self.messages(address)
            is_array = any(message.kind == LAYOUT for message in messages)
            self._objects[address] = (Hdf5Array if is_array else Hdf5Group)(self, messages)
        return self._objects[address]

    # Groups.

    def symbols(self, table: Block) -> dict[str, int]:
        """The members of a group that is a B-tree of names."""
        tree, heap = table.integer(8), self.block(table.integer(8))
        heap.expect(b"HEAP\0", "a heap of names")
        heap.take(3)
        size, _, address = heap.integer(8), heap.integer(8), heap.integer(8)
        names = self.block(address, size)
        found = dict[str, int]()
        self._collect(tree, names.take(size), found, None)
        return found

    def _collect(
        self, address: int, names: memoryview, found: dict[str, int], level: int | None
    ) -> None:
        """Add the symbols of a node of the B-tree, which has one level less than the one above."""
        if level == -1:
            self._symbols(self.block(address), names, found)
            return
        node, own, count = self.tree_node(address, b"\0", "a group", level)
        for _ in range(count):
            node.take(8)  # the key
            self._collect(node.integer(8), names, found, own - 1)

    def _symbols(self, node: Block, names: memoryview, found: dict[str, int]) -> None:
        node.expect(b"SNOD\1", "a list of names")
        node.take(1)
        for _ in range(node.integer(2)):
            self.spend()
            offset, address, kind = node.integer(8), node.integer(8), node.integer(4)
            node.take(20)
            name = _text(_until_zero(names, offset))
            found[name] = UNDEFINED if kind == _SOFT_SYMBOL else address

    # Attributes.

    def attribute(self, content: Block, wanted: str) -> list[str] | None:
        """The texts of an attribute message; None if it has another name."""
        version, flags = content.integer(1), content.integer(1)
        sizes = [content.integer(2) for _ in range(3)]
        if not 1 <= version <= 3:
            raise Hdf5Error(f"an attribute of version {version}")
        if version == 3:
            content.take(1)  # the encoding of its name
        parts = []
        for size in sizes:
            parts.append(content.take(size))
            if version == 1:
                content.align()
        if bytes(parts[0]).rstrip(b"\0") != wanted.encode():
            return None
        if flags:
            raise Hdf5Error(f"the attribute {shown(wanted)} has a type that objects share")
        shape = read_dataspace(Block(parts[2]))
        count = 0 if shape is None else (shape or (1,))[0]
        if shape is not None and len(shape) > 1:
            raise Hdf5Error(f"the attribute {shown(wanted)} is not a list")
        return self._texts(Block(parts[1]), count, content, wanted)

    def _texts(self, kind: Block, count: int, data: Block, name: str) -> list[str]:
        if not count:
            return []
        first, size = kind.integer(1) & 15, (kind.take(3), kind.integer(4))[1]
        if first not in {_FIXED_TEXT, _ANY_LENGTH} or not size or count * size > data.left:
            raise Hdf5Error(f"the attribute {shown(name)} is not text")
        self.spend(count)
        texts = []
        for _ in range(count):
            if first == _FIXED_TEXT:
                found = data.take(size)
            else:
                length, address, number = data.integer(4), data.integer(8), data.integer(4)
                found = self._heap(address).get(number, _NOTHING) if length else _NOTHING
                found = found[:length]
            self._text_bytes += len(found)
            if self._text_bytes > MAX_TEXT_BYTES:
                raise Hdf5Error(f"attributes of more than {MAX_TEXT_BYTES:,} bytes")
            texts.append(_text(bytes(found).partition(b"\0")[0]))
        return texts

    def _heap(self, address: int) -> dict[int, memoryview]:
        """The objects of the global heap at an address, by number."""
        if address not in self._heaps:
            head = self.block(address)
            head.expect(b"GCOL\1", "a heap of texts")
            head.take(3)
            size = head.integer(8)
            block, objects = self.block(address, size), dict[int, memoryview]()
            block.take(16)
            while block.left >= 16:
                self.spend()
                number = block.integer(2)
                block.take(6)
                length = block.integer(8)
                if not number:
                    break  # the free space at the end
                objects[number] = block.take(length)
                block.align()
            self._heaps[address] = objects
        return self._heaps[address]


def _link(content: Block) -> tuple[str, int]:
    """The name and the address of a link message; `UNDEFINED` if it leads to another name."""
    if content.integer(1) != 1:
        raise Hdf5Error("a link of an unknown version")
    flags = content.integer(1)
    kind = content.integer(1) if flags & 8 else _HARD
    content.take(8 * (flags >> 2 & 1) + (flags >> 4 & 1))
    name = _text(content.take(content.integer(1 << (flags & 3))))
    return name, content.integer(8) if kind == _HARD else UNDEFINED


def _refuse_dense(content: Block, what: str) -> None:
    """Refuse members or attributes that are in a heap of their own, as files of very many have."""
    content.at = 1
    flags = content.integer(1)
    content.take((8 if what == "names" else 2) * (flags & 1))
    if content.integer(8) != UNDEFINED:
        raise Hdf5Error(f"{what} in a fractal heap; save the file with an older format of HDF5")


def _until_zero(names: memoryview, offset: int) -> bytes:
    """The bytes from an offset to the next zero."""
    if offset > len(names):
        raise Hdf5Error("a name past the end of its heap")
    name, zero, _ = bytes(names[offset : offset + 4_096]).partition(b"\0")
    if not zero:
        raise Hdf5Error("a name without an end, or of more than 4,096 bytes")
    return name


def _text(content: bytes | memoryview) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise Hdf5Error("a name or text that is not UTF-8") from None
