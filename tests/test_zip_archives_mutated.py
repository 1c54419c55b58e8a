"""Archives with their bytes changed: a data set or an error of ours, in little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data

from .test_zip_archives import ENTRY, packed

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("set", "flip", "word", "cut", "insert", "end")),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from((0, 1, 2, 20, 127, 255, 0xFFFF, 0xFFFFFFFF, 1 << 26)),
    ),
    min_size=1,
    max_size=6,
)


def mutated(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    """Bytes and words overwritten, taken out, put in; cut off at the end."""
    made = bytearray(content)
    for kind, where, value in changes:
        at = int(where * len(made))
        if kind == "set":
            made[at : at + 1] = bytes([value & 255])
        elif kind == "flip":
            made[at : at + 1] = bytes([made[at] ^ (1 << value % 8)])
        elif kind == "word":
            made[at : at + 4] = value.to_bytes(4, "little")
        elif kind == "cut":
            del made[at : at + value % 100 + 1]
        elif kind == "insert":
            made[at:at] = value.to_bytes(4, "little")
        else:
            del made[len(made) - at % 40 :]
        made = made or bytearray(b"\0")
    return bytes(made)


@settings(
    max_examples=700, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES, tail=st.booleans())
@example(changes=[("set", 0.0, 0)], tail=False)
def test_mutated_archive_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[str, float, int]], tail: bool
) -> None:
    whole = packed(tmp_path, "top/train/a/1.png", "top/test/b/1.png", "top/train/b/1.png")
    content = whole.read_bytes()
    start = content.index(ENTRY) if tail else 0  # its directory only, or all of it
    path = tmp_path / "changed.zip"
    path.write_bytes(content[:start] + mutated(content[start:], changes))
    message = f"{path}: "
    tracemalloc.start()
    try:
        found = read_data(path)
        assert len(found) == len(found.labels) > 0
        assert found.inputs.dtype == np.uint8
    except DataError as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16 << 20
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
