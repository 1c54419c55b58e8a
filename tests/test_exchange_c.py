"""Export to C: the compiled source gives the same numbers as the reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange.c_source.exporter import CExporter
from piecewise.exchange.c_source.literals import c_float, c_string, c_table
from piecewise.exchange.c_source.memory import plan_memory
from piecewise.exchange.exporter import inference_stages
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.c_compiler import FLAGS, CCompiler, _compiler
from piecewise.reference import model as reference

from .exchange_judging import (
    ALL,
    assert_agrees,
    assert_catches_changes,
    errors,
    net_of,
    usage_code,
    write,
)
from .exchange_nets import random_net, samples_of, saved
from .long import now_and_long
from .test_exchange_sources import HOSTILE

EXPORTER = CExporter()
SANITIZED = (*FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STRICT = (*FLAGS, "-Wpedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion")
needs_compiler = pytest.mark.skipif(_compiler() is None, reason="there is no C compiler")


def judge(folder: Path, samples: Samples) -> Outputs:
    return CCompiler().run(folder, samples)


@needs_compiler
@pytest.mark.parametrize("kind", ALL)
def test_c_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    logits, probabilities = errors(net_of(kind), EXPORTER, judge, tmp_path)
    assert logits < 1e-5
    assert probabilities < 1e-6


@needs_compiler
@pytest.mark.parametrize("seed", now_and_long(range(50), range(16)))
def test_c_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    net = random_net(seed, texts=seed % 4 == 3)
    assert_agrees(net, EXPORTER, CCompiler(("-O1", *FLAGS[1:])).run, tmp_path)


@needs_compiler
@pytest.mark.parametrize("kind", ["picture grey", "picture deck", "sound", "text windows"])
def test_c_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@needs_compiler
def test_c_gives_the_bits_of_the_engine_or_of_the_reference(tmp_path: Path) -> None:
    """With a fused multiply-add those of the engine, without it those of the reference."""
    net = Network(
        "conv 5 3x2 stride=2 pad=2, relu, pool 3 stride=2, conv 4 2 mean, full", (2, 9, 8), 3
    )
    samples = samples_of(net)
    outputs = judge(write(EXPORTER.files(saved(net)), tmp_path), samples)
    added = reference.logits(net.architecture, net.state, samples.layer_inputs)
    assert outputs.logits is not None
    assert outputs.logits.tolist() in (net.logits(samples.inputs).tolist(), added.tolist())


def has_sanitizers(folder: Path) -> bool:
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    command = [str(_compiler()), *SANITIZED, "empty.c", "-o", "empty"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@needs_compiler
@pytest.mark.parametrize("kind", ["picture colour", "picture average", "text windows", "long pad"])
def test_c_breaks_no_rule_of_memory_and_arithmetic(kind: str, tmp_path: Path) -> None:
    if not has_sanitizers(tmp_path):
        pytest.skip("the compiler has no sanitizers")
    net = Network("conv 3 2x3 stride=3 pad=9x7, relu, pool 5x4 stride=1x7 kind=average, full",
                  (2, 5, 4), 3) if kind == "long pad" else net_of(kind)  # fmt: skip
    assert_agrees(net, EXPORTER, CCompiler(SANITIZED).run, tmp_path)


@needs_compiler
@pytest.mark.parametrize("kind", ALL)
def test_c_compiles_without_any_warning(kind: str, tmp_path: Path) -> None:
    write(EXPORTER.files(saved(net_of(kind))), tmp_path)
    command = [str(_compiler()), *STRICT, "-c", "net.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_compiler
@pytest.mark.parametrize("notation", ["dropout 0.5", "relu", "norm", "dropout 0.5, relu, norm"])
def test_c_of_net_that_writes_in_place_agrees(notation: str, tmp_path: Path) -> None:
    assert_agrees(Network(notation, (1, 1, 3), 3), EXPORTER, judge, tmp_path)


@needs_compiler
@pytest.mark.parametrize("kind", ["picture grey", "text average"])
def test_c_usage_prints_a_probability_for_each_class(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    write(EXPORTER.files(saved(net)), tmp_path)
    (tmp_path / "main.c").write_text(usage_code(EXPORTER, net, "c"), "utf-8")
    command = [str(_compiler()), *FLAGS, "main.c", "net.c", "-lm", "-o", "use"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "use"], input="", capture_output=True, encoding="utf-8",
                          check=True)  # fmt: skip
    shares = net.probabilities(np.zeros_like(samples_of(net, 1).inputs))[0]
    expected = [f"{p:.3f} {name}" for p, name in zip(shares, net.classes, strict=True)]
    assert done.stdout.splitlines() == expected


@needs_compiler
def test_c_holds_hostile_class_names_as_data(tmp_path: Path) -> None:
    net = Network("full", (1, 1, 2), HOSTILE)
    write(EXPORTER.files(saved(net)), tmp_path)
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n#include <stdio.h>\nint main(void) {\n'
        "  for (int i = 0; i < NET_CLASSES; i++)\n    printf(\"%s%c\", net_classes[i], 1);\n}\n"
    )  # fmt: skip
    command = [str(_compiler()), *STRICT, "main.c", "net.c", "-lm", "-o", "use"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "use"], capture_output=True, check=True)
    names = [name.split("\0")[0] for name in HOSTILE]  # C ends a text at a zero byte
    assert done.stdout.decode().split("\1")[:-1] == names
    assert EXPORTER.files(saved(net))["net.c"].isascii()


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.5, 1e-45, 1.1754942e-38, 3.4028235e38, 0.1])
def test_table_holds_every_bit(value: float) -> None:
    array = np.array([value, np.nextafter(np.float32(value), np.float32(1))], np.float32)
    body = c_table("x", array).split("{")[1].split("}")[0]
    found = [float.fromhex(one.strip().rstrip("f")) for one in body.split(",")[:-1]]
    assert np.array(found, np.float32).tobytes() == array.tobytes()
    assert np.float32(c_float(value).rstrip("f")) == np.float32(value)


def test_string_is_ascii_without_trigraphs() -> None:
    assert c_string('a"\\b??/é\n') == '"a\\"\\\\b\\?\\?/\\303\\251\\012"'


@pytest.mark.parametrize("seed", range(60))
def test_memory_of_a_layer_never_overlaps_that_of_the_next(seed: int) -> None:
    stages = inference_stages(saved(random_net(seed, max_layers=9)))
    if not stages:
        return
    memory = plan_memory(stages, stages[0].input.values)
    values, source = stages[0].input.values, memory.scaled
    for number, (stage, target) in enumerate(zip(stages, memory.outputs, strict=True)):
        assert _end(source) + values <= memory.size
        if target == "logits":
            break
        is_in_place = number > 0 and source == target
        assert is_in_place or not _overlap(source, values, target, stage.output.values)
        assert not is_in_place or stage.layer.word in ("relu", "norm")
        values, source = stage.output.values, target


def _end(pointer: str) -> int:
    return int(pointer.partition(" + ")[2] or 0)


def _overlap(first: str, values: int, second: str, others: int) -> bool:
    start, other = _end(first), _end(second)
    return start < other + others and other < start + values


def test_c_refuses_a_net_too_large_for_compilers() -> None:
    net = Network("full 3000, full", (1, 40, 40), 2)
    refusal = EXPORTER.refusal(saved(net))
    assert refusal is not None
    assert "4,809,002 parameters" in refusal
    assert EXPORTER.refusal(saved(net_of("sound"))) is None


@needs_compiler
@pytest.mark.long
def test_c_of_a_million_parameters_compiles_and_agrees(tmp_path: Path) -> None:
    net = Network("full 1000, relu, full", (1, 32, 32), 3)
    assert_agrees(net, EXPORTER, judge, tmp_path)
