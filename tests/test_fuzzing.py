"""Every reader with changed files, some thousands of each, by the script that does millions; and
that the script sees what it looks for."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.images.containers import detect_format
from piecewise.data.images.decoding import read_picture

from .long import now_and_long
from .steps import HANG

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name: str) -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SCRIPTS))


table, pictures, fuzzing = map(script, ("fuzz_table", "fuzz_pictures", "fuzz_readers"))
PICTURES: list[bytes] = pictures.picture_seeds()
IDS = [f"{number}-{detect_format(content)}" for number, content in enumerate(PICTURES)]


@pytest.mark.parametrize("content", PICTURES, ids=IDS)
def test_truncated_image_is_refused_or_complete(content: bytes) -> None:
    whole, refused = read_picture(content), 0
    for end in range(len(content)):
        try:
            found = read_picture(content[:end], "x")
        except DataError:
            refused += 1
        else:
            assert np.array_equal(found, whole)
    assert refused > len(content) // 3


MANY = """
import re, sys
from collections import Counter
from pathlib import Path
sys.path.insert(0, {scripts!r})
import fuzz_pictures, fuzz_readers
from piecewise.data.images.containers import detect_format
from tests.steps import at_most
def most():  # its own, while that of `resource` may be that of the process before it
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
check, contents = {check}, fuzz_pictures.picture_seeds()
counts = Counter()
for content in contents:
    check(content)
before = most()
for number in range({count}):
    content = fuzz_readers.case("pictures", 1, number, contents)
    with at_most({steps}):
        found, words = fuzz_readers.outcome(check, content)
    assert found != "failed", (number, words)
    counts[detect_format(content), found] += 1
for kind in map(detect_format, contents):
    assert min(counts[kind, "read"], counts[kind, "refused"]) > 5, counts
print(most() - before)
"""


def many(count: int, check: str) -> int:
    """The bytes of memory that changed pictures took, none of them more than 5,000,000 steps: in a
    process of their own, as what others took before would hide it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell what memory a process has used")
    code = MANY.format(scripts=str(SCRIPTS), count=count, check=check, steps=5_000_000)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=2 * HANG
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_mutated_images_are_read_or_refused() -> None:
    memory = many(4_000, "fuzz_pictures.check_picture")
    assert memory < 512 << 20


def test_fuzzing_detects_a_memory_leak() -> None:
    hungry = "lambda one, kept=[]: kept.append(b'a' * 2**20) or fuzz_pictures.check_picture(one)"
    memory = many(1_000, hungry)
    assert memory > 512 << 20


def fuzzed(*arguments: str, path: Path = SCRIPTS / "fuzz_readers.py") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, str(path), *arguments], capture_output=True, text=True, check=False,
        timeout=2 * HANG, env=None,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("each", now_and_long([300, 1_000], [300]))
def test_every_reader_reads_or_refuses_mutated_files(each: int) -> None:
    count = each * len(table.READERS)
    code, out, err = fuzzed(
        "--count", str(count), "--seed", "2", "--processes", "2", "--slowest", str(HANG)
    )
    found = re.findall(r"^(\w+): ([\d,]+) read, ([\d,]+) refused, 0 failed$", out, re.MULTILINE)
    assert [name for name, *_ in found] == list(table.READERS), out + err
    for _, read, refused in found:
        numbers = [int(number.replace(",", "")) for number in (read, refused)]
        assert sum(numbers) == each
        assert min(numbers) > each // 50
    assert code == 0


BAD = """
import sys, os, time, zlib
sys.path.insert(0, {scripts!r})
import fuzz_readers, fuzz_table
from piecewise.core.errors import DataError
def bad(content):
    match zlib.crc32(content) % 150:
        case 1: raise KeyError("a")
        case 2: os.abort()
        case 3: time.sleep(3600)
        case 4: bytearray(1 << 33)
        case 5: raise DataError("two\\nlines")
        case 6: raise SystemExit(0)
        case 7: os._exit(0)
        case number if number % 2: raise DataError("no")
fuzz_readers.SLOWEST = 15.0  # much longer than a busy machine takes for the others
fuzz_table.READERS.clear()
fuzz_table.READERS["bad"] = (bad, lambda: [bytes(202)])
sys.exit(fuzz_readers.main())
"""


def test_fuzzing_reports_every_failure(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(BAD.format(scripts=str(SCRIPTS)))
    code, out, err = fuzzed("--seed", "4", "--count", "170", path=path)
    assert code == 1
    for words in ("KeyError: 'a'", "ended by -6", "over 15 seconds", "MemoryError",
                  "an error of other than one line: 'two", "SystemExit", "ended by 0"):  # fmt: skip
        assert words in err, words
    counts = re.search(r"bad: (\d+) read, (\d+) refused, (\d+) failed", out)
    assert counts
    assert sum(map(int, counts.groups())) == 170
    failures = re.split(r"^bad (\d+): ", err, flags=re.MULTILINE)[1:]
    numbers = [
        n for n, words in zip(*[iter(failures)] * 2, strict=True) if "KeyError: 'a'" in words
    ]
    code, out, _ = fuzzed("--seed", "4", "--repeat", "bad", numbers[0], path=path)
    assert code == 1
    assert "KeyError: 'a'" in out


@pytest.mark.long
def test_fuzzing_finds_the_same_with_any_processes(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(BAD.format(scripts=str(SCRIPTS)))
    arguments = ("--seed", "4", "--count", "170", "--processes")
    one, two = (fuzzed(*arguments, processes, path=path) for processes in "12")
    assert one[0] == 1
    assert one[:2] == two[:2]


def test_fuzzing_reports_a_reader_that_refuses_valid_files(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(BAD.format(scripts=str(SCRIPTS)).replace("bytes(202)", "bytes(204)"))
    code, _, err = fuzzed("--count", "10", path=path)
    assert code == 1
    assert "bad 0: cannot begin: " in err


def test_fuzzing_folder_is_removed_with_its_process(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "import os, stat, fuzz_table\n"
        "def look(path):\n"
        "    assert path.read_bytes() == b'a'\n"
        "    print(path, oct(stat.S_IMODE(os.stat(path.parent).st_mode)))\n"
        "for suffix in ('.a', '.b'): fuzz_table.as_file(suffix, look)(b'a')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    found = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    assert [Path(path).suffix for path, *_ in found] == [".a", ".b"]
    for path, mode in found:
        assert Path(path).parent.parent == tmp_path
        assert mode == "0o700"
    assert list(tmp_path.iterdir()) == []


def test_fuzzing_has_images_of_many_tiny_pieces() -> None:
    for kind, piece in (("PNG", b"\0\0\0\1IDAT"), ("PNG", b"teSt"), ("JPEG", b"\xff\xfe\0\2")):
        assert any(c.count(piece) > 100 for c in PICTURES if detect_format(c) == kind), piece
    whole = pictures.encoded(pictures.Image.new("L", (9, 7), 40), "PNG")
    assert np.array_equal(read_picture(pictures.in_tiny_chunks(whole)), read_picture(whole))


def test_fuzzing_cases_are_spread_over_readers() -> None:
    tasks = fuzzing.shared_out(["a", "b", "c"], 100, chunk=20)
    assert sum(task.last - task.first for task in tasks) == 100
    assert [task.name for task in tasks[:3]] == ["a", "b", "c"]
    assert fuzzing.shared_out(["a", "b"], 1) == [fuzzing.Task("a", 0, 1)]


def test_fuzzing_mutations_change_something_and_are_independent() -> None:
    content = bytes(range(256)) * 4
    for way in set(fuzzing.WAYS):
        made = set()
        for seed in range(50):
            changed = bytearray(content)
            way(changed, fuzzing.Draw(seed), [b"other", content])
            made.add(bytes(changed))
            way(bytearray(), fuzzing.Draw(seed), [b"other"])  # nothing left to change
        assert len(made) > 25, way
    first = [fuzzing.case("a", 0, number, [content]) for number in range(20)]
    assert [fuzzing.case("a", 0, number, [content]) for number in range(19, -1, -1)] == first[::-1]
    assert fuzzing.case("b", 0, 3, [content]) != first[3] != fuzzing.case("a", 1, 3, [content])
