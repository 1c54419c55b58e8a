"""A compiled network has the bits of the network, for one input or many."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from piecewise import DataError, LimitError, Network
from piecewise import compiled as compiled_module
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.engine.runtime.compiled_program import InferenceProgram
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.engine.runtime.single_image import SingleImageProgram
from piecewise.inputs import HasInputs, check_inputs
from piecewise.raw_inputs import Inputs

from .networks import network, sample

WIDE = "conv 37 3 pad=same, norm, relu, pool 3 stride=2, conv 17 2x3, relu, full 19, relu, full"

FIRST = (WIDE, f"norm, {WIDE}", f"relu, pool 2, {WIDE}", "conv 20 1x15 stride=1x2, pool all, full")


def forms() -> list[str]:
    """The forms of vectors that this processor has."""
    found = []
    for name in ("avx512", "avx2", "four"):
        try:
            host_target(name)
        except LimitError:
            continue
        found.append(name)
    return found


def assert_same_bits(net: Network, x: np.ndarray, form: str, said: object) -> None:
    machine, flat, running_stats = host_target(form), net.parameters.flat, net.running_stats.flat
    fraction = net.preprocessor.scaling
    uint8_input = x.dtype == np.uint8
    group = InferenceProgram(net.architecture, uint8_input=uint8_input, target=machine)
    single = SingleImageProgram(net.architecture, uint8_input=uint8_input, target=machine, guard=64)
    single.set_weights(flat, running_stats, fraction)
    single.memory[:] = 0
    one_by_one = np.stack([single.logits(picture) for picture in x])
    wanted = group.logits(x, flat, running_stats, fraction, 1)
    assert one_by_one.tobytes() == wanted.tobytes(), said


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("seed", range(12))
def test_single_image_has_the_bits_of_a_batch(seed: int, form: str) -> None:
    made = sample(seed, count=5)
    assert_same_bits(network(made), made.to(np.float32).x, form, made)


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("layers", FIRST)
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_single_image_more_channels_than_lanes_has_same_bits(
    layers: str, kind: type, form: str
) -> None:
    net = Network(layers, (18, 9, 21), 21, seed=1)
    drawn = np.random.default_rng(0).integers(0, 256, size=(3, 18, 9, 21))
    assert_same_bits(
        net, (drawn if kind is np.uint8 else drawn / 99 - 1).astype(kind), form, layers
    )


def test_compiled_network_keeps_weights_after_training() -> None:
    net = Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    x = np.random.default_rng(0).normal(size=(40, 1, 9, 9)).astype(np.float32)
    wanted, compiled = net.logits(x), net.compile()
    net.parameters.flat[:] = 7
    assert compiled.logits(x).tobytes() == wanted.tobytes()
    assert compiled.logits(x[3]).tobytes() == wanted[3].tobytes()
    assert compiled.logits(x[3:4]).tobytes() == wanted[3:4].tobytes()
    assert compiled.logits(x[3].astype(float)).tobytes() == wanted[3].tobytes()
    assert compiled.predict(x[3]) == ["X", "O"][int(wanted[3].argmax())]
    assert compiled.predict(x[:3]) == [["X", "O"][k] for k in wanted[:3].argmax(axis=1)]
    assert compiled.probabilities(x[3]).sum() == pytest.approx(1)
    assert net.logits(x[3:4]).tobytes() != wanted[3:4].tobytes()  # the network itself has moved on


def test_compiled_network_images_of_bytes_have_same_bits() -> None:
    net = Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 9, 9)).astype(np.uint8)
    wanted, compiled = net.logits(x), net.compile()
    net.parameters.flat[:] = 7
    for given in (x[1], x[1].copy(order="F")):
        assert compiled.logits(given).tobytes() == wanted[1].tobytes()
    assert compiled.logits(x[1:2]).tobytes() == wanted[1:2].tobytes()
    assert compiled.logits(x).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, ">i8", np.uint64])
def test_compiled_network_tokens_have_same_bits(kind: type) -> None:
    net = Network("embed 5, conv 4 1x3, relu, pool all, full", (1, 300, 7), 3)
    tokens = np.random.default_rng(0).integers(0, 250, (3, 7))
    wanted, compiled = net.logits(tokens), net.compile()
    net.parameters.flat[:] = 7
    assert compiled.logits(tokens[1].astype(kind)).tobytes() == wanted[1].tobytes()
    assert compiled.logits(tokens[1:2].astype(kind)).tobytes() == wanted[1:2].tobytes()
    assert compiled.logits(tokens.astype(kind)).tobytes() == wanted.tobytes()
    assert compiled.logits(tokens[1].tolist()).tobytes() == wanted[1].tobytes()


@pytest.mark.parametrize("token", [-1, 300, -(2**63), 2**63 - 1])
def test_compiled_network_invalid_token_raises(token: int) -> None:
    compiled = Network("embed 3, full", (1, 300, 4), 2).compile()
    with pytest.raises(DataError, match="from 0 to 299"):
        compiled.logits(np.array([0, token, 2, 4]))


@pytest.mark.parametrize("count", [1, 2, 40])
def test_compiled_network_keeps_its_threads_for_batches(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Network("conv 4 3, relu, full", (1, 9, 9), 2)
    compiled, asked, checks = net.compile(threads=1), list[int | None](), list[int]()
    own, check = compiled.net.logits, check_inputs

    def logits(inputs: np.ndarray, threads: int | None = None) -> np.ndarray:
        asked.append(threads)
        return own(inputs, threads)

    def counted(net: HasInputs, inputs: Inputs) -> np.ndarray:
        checks.append(1)
        return check(net, inputs)

    monkeypatch.setattr(compiled.net, "logits", logits)
    monkeypatch.setattr(compiled_module, "check_inputs", counted)
    x = np.ones((count, 1, 9, 9), np.float32)
    assert compiled.logits(x).tobytes() == net.logits(x).tobytes()
    assert asked == [1] * (count > 1)
    assert len(checks) == (count == 1)  # a batch is checked by the network, and only there


def test_compiled_network_copy_has_same_logits() -> None:
    compiled = Network(WIDE, (1, 9, 9), 2).compile()
    x = np.ones((1, 9, 9), np.float32)
    for other in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert other.logits(x).tobytes() == compiled.logits(x).tobytes()


def test_logits_few_inputs_follow_weight_changes() -> None:
    net = Network("conv 4 3, norm, full", (1, 9, 9), 2)
    x = np.random.default_rng(0).normal(size=(3, 1, 9, 9)).astype(np.float32)
    for array in (net.parameters.flat, net.running_stats.flat):
        for _ in range(2):
            array[-1] += 0.5
            assert net.logits(x[:1]).tobytes() == net.logits(x)[:1].tobytes()


def test_compiled_network_invalid_input_raises() -> None:
    compiled = Network("full", (1, 3, 3), 2).compile()
    with pytest.raises(DataError, match="inputs"):
        compiled.logits(np.zeros((2, 2), np.float32))
    with pytest.raises(LimitError, match="are not finite numbers"):
        compiled.logits(np.full((1, 3, 3), np.nan, np.float32))
    words = Network("embed 3, full", (1, 5, 4), 2)
    assert words.compile().logits(np.array([0, 1, 2, 4])).shape == (2,)
    with pytest.raises(DataError, match="from 0 to 4"):
        words.compile().logits(np.array([0, 1, 2, 5]))


def test_processor_without_fused_multiply_add_warns_once() -> None:
    code = (
        "import warnings; warnings.simplefilter('always'); import numpy as np, piecewise as pw;"
        "net = pw.Network('full', (1, 2, 2), 2); x = np.ones((3, 1, 2, 2), np.float32);"
        "net.logits(x); net.logits(x[:1]); print(net.logits(x).tobytes().hex())"
    )
    outputs = {}
    for form in ("plain", forms()[0]):
        environment = {**os.environ, "PIECEWISE_VECTORS": form}
        run = subprocess.run([sys.executable, "-c", code], env=environment, check=True,
                             capture_output=True, text=True)  # fmt: skip
        outputs[form] = run.stderr.count("has no fused multiply-add"), run.stdout
    assert outputs["plain"][0] == 1
    assert outputs[forms()[0]][0] == 0
    assert outputs["plain"][1] == outputs[forms()[0]][1]


def test_compiled_network_takes_texts_and_images_as_the_network_does() -> None:
    texts = TextPreprocessor("words", ("good", "bad"), 4)
    net = Network("embed 3, pool all kind=average, full", texts.shape, ("p", "q"), 1, texts)
    compiled = net.compile()
    assert [compiled.predict("good bad")] == net.predict("good bad")
    assert compiled.predict(["good", "bad"]) == net.predict(["good", "bad"])
    net = Network("conv 2 3, full", (1, 9, 9), ("X", "O"), 1)
    image = Image.fromarray(np.arange(81, dtype=np.uint8).reshape(9, 9) * 3)
    assert [net.compile().predict(image)] == net.predict(image)
