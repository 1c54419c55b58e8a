"""Helper threads for one input: the same bits, with any number of helpers, late ones or none."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from piecewise import LimitError, Network
from piecewise.core.windows import complete_windows
from piecewise.engine.codegen.layer_pieces import SplitThresholds, split_layer
from piecewise.engine.ir.feature_maps import FeatureMapLayout
from piecewise.engine.ir.window_terms import forward_terms
from piecewise.engine.kernels.convolution import Correlation
from piecewise.engine.runtime import helper_threads, single_image, thread_pool
from piecewise.engine.runtime.helper_threads import HELPERS
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.engine.runtime.single_image import SingleImageProgram
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Shape

from .networks import network, sample
from .steps import HANG
from .test_compiled import FIRST, forms

pytestmark = pytest.mark.serial  # helpers come where a processor is free

SMALLEST = SplitThresholds(layer=0, piece=1, thread=1)
"""Every layer in as many pieces as there may be."""
LARGE = "conv 64 3 pad=same, relu, pool 2, conv 64 3, relu, full 40, relu, full"
SHAPE = (5, 24, 24)
GUARD = 192


def pictures(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, *shape)).astype(np.float32)


@contextmanager
def polling_helpers(count: int) -> Iterator[None]:
    """So many helpers look for pieces all the time."""
    leave, help_out = threading.Event(), HELPERS.compile()

    def serve(number: int) -> None:
        while not leave.is_set():
            help_out(HELPERS.block.address, number, 100)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    yield
    leave.set()
    for thread in threads:
        thread.join(HANG)
        assert not thread.is_alive()


def taken() -> int:
    return sum(HELPERS.block.pieces_claimed(number) for number in range(7))


def guarded(made: SingleImageProgram) -> np.ndarray:
    """Where nothing may be written; it is filled with what would show in every sum."""
    free = np.ones(made.memory.size, bool)
    for place in made.plan.buffers.values():
        free[place.offset : place.offset + place.size] = False
    made.memory[free] = 0xA5
    return free


def assert_same_bits(net: Network, x: np.ndarray, form: str, said: object) -> None:
    made = partial(
        SingleImageProgram,
        net.architecture,
        uint8_input=x.dtype == np.uint8,
        target=host_target(form),
    )
    numbers = net.parameters.flat, net.running_stats.flat, net.preprocessor.scaling
    alone = made(thresholds=SplitThresholds(layer=1 << 60))
    alone.set_weights(*numbers)
    wanted = [alone.logits(picture).tobytes() for picture in x]
    together = made(guard=GUARD, thresholds=SMALLEST)
    together.set_weights(*numbers)
    free = guarded(together)
    for threads in (1, 2, 4):
        for picture, bits in zip(x, wanted, strict=True):
            assert together.logits(picture, together.thread_count(threads)).tobytes() == bits, said
    assert (together.memory[free] == 0xA5).all(), said


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("seed", range(40, 52))
def test_single_image_any_thread_count_has_same_bits(seed: int, form: str) -> None:
    made = sample(seed, count=5)
    with polling_helpers(3):
        assert_same_bits(network(made), made.to(np.float32).x, form, made)


@pytest.mark.parametrize(
    "layers",
    [*FIRST, "conv 70 3x9, relu, full", "conv 40 2, pool 4, full", "conv 40 3, relu, pool 2, full"],
)
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_single_image_uneven_pieces_have_same_bits(layers: str, kind: type) -> None:
    net = Network(layers, (18, 9, 21), 21, seed=1)
    drawn = np.random.default_rng(0).integers(0, 256, size=(5, 18, 9, 21))
    x: np.ndarray = (drawn if kind is np.uint8 else drawn / 99 - 1).astype(kind)
    before, until = taken(), time.monotonic() + HANG
    with polling_helpers(3):
        assert_same_bits(net, x, forms()[0], layers)
        while taken() == before and time.monotonic() < until:
            assert_same_bits(net, x, forms()[0], layers)
    assert taken() > before  # somebody did help


def helper_computes_pieces() -> bool:
    """Whether a helper that is called takes pieces, and they are right."""
    net, x = Network(LARGE, SHAPE, 3), pictures(8)
    wanted = net.logits(x)
    compiled, before, until = net.compile(threads=2), taken(), time.monotonic() + HANG
    while taken() == before and time.monotonic() < until:
        for picture, bits in zip(x, wanted, strict=True):
            assert compiled.logits(picture).tobytes() == bits.tobytes()
    return taken() > before


def test_woken_helper_computes_pieces() -> None:
    assert helper_computes_pieces()


def wait_for_sleep() -> None:
    """Until no helper is called any more: each waits in its queue, and looks nowhere."""
    until = time.monotonic() + HANG
    while any(HELPERS._awake) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(HELPERS._awake)


def test_helpers_sleep_without_work() -> None:
    compiled, x = Network(LARGE, SHAPE, 3).compile(threads=4), pictures(1)[0]
    for _ in range(50):
        compiled.logits(x)
    wait_for_sleep()
    assert all(calls.empty() for calls in HELPERS._queues)
    assert HELPERS._threads


def test_more_threads_than_processors_has_same_bits() -> None:
    net, x = Network(LARGE, SHAPE, 3), pictures(20)
    wanted, compiled = net.logits(x), net.compile(threads=256)
    busy = [threading.Event() for _ in range(3)]

    def spin(stop: threading.Event) -> None:
        while not stop.is_set():
            np.dot(np.ones(100_000), np.ones(100_000))

    threads = [threading.Thread(target=spin, args=(event,)) for event in busy]
    for thread in threads:
        thread.start()
    try:
        for picture, bits in zip(x, wanted, strict=True):
            assert compiled.logits(picture).tobytes() == bits.tobytes()
    finally:
        for event in busy:
            event.set()
        for thread in threads:
            thread.join(HANG)


def test_four_concurrent_callers_get_correct_logits() -> None:
    nets = [Network(LARGE, SHAPE, 3, seed=seed) for seed in (1, 2)]
    x = pictures(30)
    wanted = [net.logits(x) for net in nets]
    compiled, found = [net.compile(threads=2) for net in nets], list[bool]()

    def ask(caller: int) -> None:
        one, right = compiled[caller % 2], wanted[caller % 2]
        for _ in range(5):
            for index in np.random.default_rng(caller).permutation(len(x)):
                found.append(one.logits(x[index]).tobytes() == right[index].tobytes())

    callers = [threading.Thread(target=ask, args=(caller,)) for caller in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(HANG)
    assert found == [True] * (4 * 5 * 30)


def logits_with_four_threads() -> bytes:
    compiled, x = Network(LARGE, SHAPE, 3).compile(threads=4), pictures(20)
    return b"".join(compiled.logits(picture).tobytes() for picture in x)


def put_results(queue: multiprocessing.Queue[tuple[bytes, bool]]) -> None:
    queue.put((logits_with_four_threads(), helper_computes_pieces()))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("rest", [False, True], ids=["looking", "resting"])
def test_forked_child_has_its_own_helpers(rest: bool) -> None:
    wanted = logits_with_four_threads()
    assert helper_computes_pieces()
    if rest:
        wait_for_sleep()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=put_results, args=(queue,))
    child.start()
    assert queue.get(timeout=2 * HANG) == (wanted, True)
    child.join(HANG)
    assert child.exitcode == 0
    assert logits_with_four_threads() == wanted


ASK = f"""
import sys, threading, time, numpy as np, piecewise as pw
compiled = pw.Network("{LARGE}", {SHAPE}, 3).compile(threads=3)
x = np.ones({SHAPE}, np.float32)
for _ in range(50):
    compiled.logits(x)
def forever():
    while True:
        compiled.logits(x)
        asked.set()
asked = threading.Event()
def rest():
    from piecewise.engine.runtime.helper_threads import HELPERS
    while any(HELPERS._awake):
        time.sleep(0.01)
"""
ENDS = {
    "looking": "",
    "resting": "rest()",
    "an error": "raise SystemExit(0)",
    "somebody still asks": "threading.Thread(target=forever, daemon=True).start(); asked.wait()",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_process_with_helpers_exits(end: str) -> None:
    run = subprocess.run([sys.executable, "-c", ASK + end], timeout=HANG, check=False,
                         capture_output=True, text=True)  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")


ASKING = """
threading.Thread(target=lambda: asked.wait() and print("now", flush=True)).start()
forever()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal there")
def test_keyboard_interrupt_ends_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", ASK + ASKING],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "now\n"
        child.send_signal(2)
        try:
            _, errors = child.communicate(timeout=HANG)
        finally:
            child.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_single_small_image_wakes_no_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    made, called = helper_threads.HelperThreads(), list[int]()
    monkeypatch.setattr(made, "_wake_helper", called.append)
    now = iter([10.0, 11.0, 11.0005])
    monkeypatch.setattr(helper_threads, "perf_counter", lambda: next(now))
    made.wake(2, large=False)
    made.wake(2, large=False)
    assert called == []
    made.wake(1, large=False)  # half a millisecond later
    assert called == [0]
    other = helper_threads.HelperThreads()
    monkeypatch.setattr(other, "_wake_helper", called.append)
    monkeypatch.setattr(helper_threads, "perf_counter", lambda: 99.0)
    other.wake(2, large=True)
    assert called == [0, 0, 1]


def test_thread_start_failure_still_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made = helper_threads.HelperThreads()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(single_image, "HELPERS", made)
    compiled, x = Network(LARGE, SHAPE, 3).compile(threads=4), pictures(1)[0]
    assert compiled.logits(x).shape == compiled.logits(x).shape == (3,)


def correlation(rows: int, columns: int, blocks: int) -> Correlation:
    down, across = (forward_terms(complete_windows(side, 1, 1)) for side in (rows, columns))
    source, output = (
        FeatureMapLayout(Shape(16, rows, columns)),
        FeatureMapLayout(Shape(blocks, rows, columns)),
    )
    return Correlation(source, output, down, across, 16, 1, 1, bias=True)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("columns", [1, 9])
@pytest.mark.parametrize("blocks", [1, 3, 16, 19])
@pytest.mark.parametrize("least", [1, 5_000, 50_000])
def test_split_layer_covers_each_row_and_block_once(
    rows: int, columns: int, blocks: int, least: int
) -> None:
    met = np.zeros((rows, blocks), int)
    found = split_layer(correlation(rows, columns, blocks), rows, SplitThresholds(0, least, 1))
    for row, high, block, wide in found:
        assert high > 0 < wide
        met[row : row + high, block : block + wide] += 1
    assert len(found) != 1
    assert (met == (1 if found else 0)).all()


def test_small_network_uses_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_image, "processors", lambda: 2)
    for layers, shape, threads in (
        ("conv 3 3, relu, pool 2, full", (1, 9, 9), 1),
        ("conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full", (1, 28, 28), 1),
        ("conv 32 3 pad=same, relu, conv 32 3 pad=same, relu, pool 2, full", (3, 32, 32), 2),
    ):
        made = SingleImageProgram(Architecture(layers, shape, 2))
        assert made.thread_count(None) == threads
        assert made.thread_count(1) == 1
        assert made.thread_count(5) == (5 if threads > 1 else 1)  # a small one is not even cut
    monkeypatch.setattr(single_image, "processors", lambda: 1)
    assert made.thread_count(None) == 1


def test_compile_invalid_thread_count_raises() -> None:
    with pytest.raises(LimitError, match="threads: got 0, wanted"):
        Network("full", (1, 2, 2), 2).compile(threads=0)


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [(["max 100000"], None), (["150000 100000"], 1), (["300000 100000"], 3), (["50000 100000"], 1),
     (["-1", "100000"], None), (["200000", "100000"], 2), (["what"], None), ([], None)],
)  # fmt: skip
def test_cgroup_quota_limits_processors(
    contents: list[str], wanted: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / str(number) for number in range(max(1, len(contents)))]
    for path, text in zip(paths, contents, strict=False):
        path.write_text(text + "\n")
    monkeypatch.setattr(thread_pool, "_QUOTA_FILES", (tuple(map(str, paths)),))
    thread_pool._cgroup_quota.cache_clear()
    assert thread_pool._cgroup_quota() == (wanted or thread_pool._NO_QUOTA)
    thread_pool._cgroup_quota.cache_clear()
