"""HDF5 files: ours as h5py reads them, h5py's and ours as our reader does, and damaged ones."""

from __future__ import annotations

import io
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.exchange.formats.hdf5_blocks import MAX_STEPS, Hdf5Error
from piecewise.exchange.formats.hdf5_reader import read_hdf5
from piecewise.exchange.formats.hdf5_writer import Hdf5Tree, hdf5_bytes

LONG = "é{" * 60_000
NUMBERS = np.arange(35, dtype=np.float32).reshape(5, 7) / 8 - 2
FLOATS = ("<f2", "<f4", "<f8", ">f2", ">f4", ">f8")


def tree(layers: int = 3) -> Hdf5Tree:
    names = [f"layer{number}" for number in range(layers)]
    made = Hdf5Tree({"config": LONG, "names": names, "none": [], "version": "2.1.0"})
    for number in range(layers):
        made.put(f"layers/layer{number}/vars/0", NUMBERS + number)
        made.put(f"layers/layer{number}/vars/1", np.array(number, np.float32))
    made.put("z/empty", np.zeros((0, 3), np.float32))
    made.members["bare"] = Hdf5Tree({"version": "2.1.0"})
    return made


@pytest.mark.parametrize("layers", [1, 8, 9, 700])
def test_written_file_read_by_h5py_has_the_same_content(layers: int) -> None:
    with h5py.File(io.BytesIO(hdf5_bytes(tree(layers)))) as file:
        assert file.attrs["config"] == LONG
        assert [name.decode() for name in file.attrs["names"]] == list(file["layers"]) or layers > 9
        assert len(file.attrs["names"]) == len(file["layers"]) == layers
        assert file.attrs["none"].shape == (0,)
        assert file["bare"].attrs["version"] == "2.1.0"
        assert list(file["bare"]) == []
        assert file["z/empty"].shape == (0, 3)
        for number in range(layers):
            variables = file[f"layers/layer{number}/vars"]
            assert variables["0"].dtype == "<f4"
            assert np.array_equal(variables["0"][()], NUMBERS + number)
            assert variables["1"][()] == number


def test_same_content_written_twice_gives_the_same_bytes() -> None:
    assert hdf5_bytes(tree()) == hdf5_bytes(tree())


@pytest.mark.parametrize("layers", [1, 700])
def test_written_file_is_read_back(layers: int) -> None:
    content = hdf5_bytes(tree(layers))
    root = read_hdf5(memoryview(content))
    assert root.text("config") == LONG
    assert root.texts("names") == [f"layer{number}" for number in range(layers)]
    assert root.texts("none") == []
    assert root.text("missing") is None
    assert root.get("layers/layer0/vars/7/more") is None
    for number in range(layers):
        array = root.array(f"layers/layer{number}/vars/0")
        assert array is not None
        assert np.array_equal(array.read(), NUMBERS + number)
    view = root.array("layers/layer0/vars/0")
    assert view is not None
    assert not view.read().flags.owndata  # a view of the file, not a copy


def h5py_file(libver: Any, track_order: bool) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=libver, track_order=track_order) as file:
        group = file.create_group("a/b", track_order=track_order)
        group.attrs["text"], group.attrs["texts"] = "ü", ["x", "yy"]
        group.attrs["fixed"], group.attrs["number"] = np.array([b"q", b"rr"]), 3
        for dtype in FLOATS:
            group.create_dataset(
                dtype.replace("<", "l").replace(">", "b"), data=NUMBERS, dtype=dtype
            )
        file["soft"], file["other"] = h5py.SoftLink("/a"), h5py.ExternalLink("other.h5", "/a")
        file["integers"] = np.arange(3)
        file.create_dataset("chunks/unwritten", NUMBERS.shape, "f4")
        if libver != "latest":
            for name, filters in (("plain", {}), ("gzip", {"compression": "gzip"}),
                                  ("both", {"compression": "gzip", "shuffle": True})):  # fmt: skip
                file.create_dataset(f"chunks/{name}", data=NUMBERS, chunks=(2, 3), **filters)
            file.create_dataset("chunks/other filter", data=NUMBERS, compression="lzf")
            file.create_dataset("chunks/gaps", NUMBERS.shape, "f4", chunks=(2, 3))
    return buffer.getvalue()


FORMS = [("earliest", False), ("earliest", True), (("v108", "v108"), False), ("latest", False)]


@pytest.mark.parametrize(("libver", "track_order"), FORMS)
def test_files_of_h5py_of_every_version_are_read(libver: Any, track_order: bool) -> None:
    root = read_hdf5(memoryview(h5py_file(libver, track_order)))
    group = root.group("a/b")
    assert group is not None
    assert group.text("text") == "ü"
    assert group.texts("texts") == ["x", "yy"]
    assert group.texts("fixed") == ["q", "rr"]
    assert len(group.names) == len(FLOATS)
    for name in group.names:
        array = group.array(name)
        assert array is not None
        assert np.array_equal(array.read(), NUMBERS), name
    for name in ("plain", "gzip", "both"):
        array = root.array(f"chunks/{name}")
        assert libver == "latest" or (array is not None and np.array_equal(array.read(), NUMBERS))


def refused(content: bytes, path: str, text: str = "") -> str:
    try:
        group = read_hdf5(memoryview(content))
        group.texts(text)
        array = group.array(path)
        assert array is not None
        array.read()
    except Hdf5Error as error:
        return str(error)
    raise AssertionError(f"{path} was read")


def test_what_is_not_supported_is_refused_by_name() -> None:
    content = h5py_file("earliest", False)
    for name in ("soft", "other"):
        assert f"'{name}' is a link" in refused(content, name)
    assert "other numbers than float" in refused(content, "integers")
    assert "another compression" in refused(content, "chunks/other filter")
    assert "without some of its chunks" in refused(content, "chunks/gaps")
    assert "never written" in refused(content, "chunks/unwritten")
    with h5py.File(buffer := io.BytesIO(), "w", libver="latest") as file:
        for number in range(30):
            file[f"{number}"] = NUMBERS
            file.attrs[f"{number}"] = "a"
    assert "fractal heap" in refused(buffer.getvalue(), "1")
    assert "attributes in a fractal heap" in refused(buffer.getvalue(), "1", "1")
    assert "not an HDF5 file" in refused(b"PK\3\4" * 40, "a")


def test_group_that_contains_itself_ends_in_an_error() -> None:
    with h5py.File(buffer := io.BytesIO(), "w") as file:
        group = file.create_group("a")
        group["a"] = group
    root = read_hdf5(memoryview(buffer.getvalue()))
    assert root.group("a/a/a/a") is root.group("a")
    with pytest.raises(Hdf5Error, match="more than 64 names"):
        root.get("a/" * 100)


def test_array_larger_than_its_file_is_refused_before_memory_is_allocated() -> None:
    with h5py.File(buffer := io.BytesIO(), "w") as file:
        file.create_dataset("huge", (1 << 40, 3), "f4", chunks=(1 << 10, 3), compression="gzip")
        file.create_dataset("large", (1 << 26, 1), "f4", chunks=(1 << 20, 1), compression="gzip")
    assert "wanted at most 838,860,800" in refused(buffer.getvalue(), "huge")
    assert "more bytes than the file can hold" in refused(buffer.getvalue(), "large")


@pytest.mark.parametrize(("libver", "track_order"), FORMS)
def test_truncated_file_is_refused(libver: Any, track_order: bool) -> None:
    content = h5py_file(libver, track_order)
    for end in range(96, len(content), 97):
        assert "truncated" in refused(content[:end], "a/b/lf4")
    assert "is longer than its place" in refused(content[:20], "a/b/lf4")


def everything(content: bytes) -> None:
    """Read all that a file has, down to a depth of six."""
    groups = [read_hdf5(memoryview(content))]
    for _ in range(6):
        below = []
        for group in groups:
            group.texts("names"), group.text("config")
            for name in group.names[:20]:
                if (array := group.array(name)) is not None:
                    array.read()
                elif (inner := group.group(name)) is not None:
                    below.append(inner)
        groups = below[:20]


@pytest.mark.parametrize("form", range(len(FORMS) + 1))
def test_changed_file_is_read_or_refused(form: int) -> None:
    content = h5py_file(*FORMS[form]) if form < len(FORMS) else hdf5_bytes(tree())
    drawn, counts = Random(form), {True: 0, False: 0}
    for _ in range(400):
        made = bytearray(content)
        for _ in range(drawn.choice((1, 1, 4))):
            made[drawn.randrange(len(made))] = drawn.choice((0, 1, 255, drawn.randrange(256)))
        try:
            everything(bytes(made))
            counts[True] += 1
        except Hdf5Error:
            counts[False] += 1
    assert counts[False] > 10


def test_structures_are_counted_against_a_budget() -> None:
    many = Hdf5Tree({}, {f"{number}": Hdf5Tree() for number in range(200)})
    root = read_hdf5(memoryview(hdf5_bytes(many)))
    root._file._steps = 150
    with pytest.raises(Hdf5Error, match=f"more than {MAX_STEPS:,} structures"):
        _ = root.names


def test_chunks_of_random_shapes_are_read(tmp_path: object) -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        shape = tuple(int(side) for side in generator.integers(1, 9, generator.integers(1, 4)))
        chunks = tuple(int(generator.integers(1, side + 1)) for side in shape)
        array: Array = generator.normal(size=shape).astype(np.float32)
        with h5py.File(buffer := io.BytesIO(), "w") as file:
            file.create_dataset("x", data=array, chunks=chunks, compression="gzip", shuffle=True)
        found = read_hdf5(memoryview(buffer.getvalue())).array("x")
        assert found is not None
        assert np.array_equal(found.read(), array), (shape, chunks)
