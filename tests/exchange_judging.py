"""Judging of exports: all kinds of nets, the error of a judge, and changed nets that it must catch.

A judge takes the exported files and samples, and gives logits and probabilities.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL
from PIL import Image

from piecewise import Network
from piecewise.exchange.exporter import Exporter, Files
from piecewise.exchange.runner import Outputs, Samples

from .exchange_nets import (
    PICTURE_NETS,
    TEXT_NETS,
    logit_error,
    picture_net,
    samples_of,
    saved,
    sound_net,
    text_net,
)

Judge = Callable[[Path, Samples], Outputs]
LOGITS, PROBABILITIES = 1e-4, 1e-5
"""The largest errors of logits, relative to the largest one, and of probabilities."""
PICTURES = [f"picture {name}" for name in PICTURE_NETS]
TEXTS = [f"text {name}" for name in TEXT_NETS]
ALL = [*PICTURES, "sound", *TEXTS]


def net_of(kind: str, seed: int = 0) -> Network:
    """A net by its name in `ALL`."""
    family, _, name = kind.partition(" ")
    if family == "sound":
        return sound_net(seed)
    return picture_net(name, seed) if family == "picture" else text_net(name, seed)


def write(files: Files, folder: Path) -> Path:
    """Write the files of an exporter; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def errors(
    net: Network, exporter: Exporter, judge: Judge, folder: Path, exported: Network | None = None
) -> tuple[float, float]:
    """The largest errors of a judge: relative of logits, absolute of probabilities.

    The files are those of ``exported`` if it is passed: a changed net, which has to be caught.
    """
    samples = samples_of(net)
    outputs = judge(write(exporter.files(saved(exported or net)), folder), samples)
    expected = net.logits(samples.inputs)
    assert outputs.logits is not None
    assert outputs.logits.shape == outputs.probabilities.shape == expected.shape
    difference = np.abs(outputs.probabilities - net.probabilities_of(expected)).max()
    return logit_error(outputs.logits, expected), float(difference)


def assert_agrees(net: Network, exporter: Exporter, judge: Judge, folder: Path) -> None:
    """A judge gives the same logits and probabilities."""
    logits, probabilities = errors(net, exporter, judge, folder)
    assert logits <= LOGITS, f"{net!r}: logits differ by {logits:.3g}"
    assert probabilities <= PROBABILITIES, f"{net!r}: probabilities differ by {probabilities:.3g}"


def assert_catches_changes(kind: str, exporter: Exporter, judge: Judge, folder: Path) -> None:
    """A judge sees one changed weight, and kernels (or a matrix of words) that are transposed."""
    net = net_of(kind)
    for number, changed in enumerate(changed_nets(kind)):
        logits, probabilities = errors(net, exporter, judge, folder / str(number), changed)
        assert logits > 10 * LOGITS, f"{kind}: control {number} went unnoticed"
        assert probabilities > 10 * PROBABILITIES


def assert_same_parameters(net: Network, expected: Network) -> None:
    """The parameters and running statistics of two nets are equal, bit by bit."""
    assert net.state.keys() == expected.state.keys()
    for name, array in expected.state.items():
        assert net.state[name].shape == array.shape, name
        assert net.state[name].tobytes() == array.tobytes(), name


def changed_nets(kind: str) -> Iterator[Network]:
    """The negative controls of a net: a weight of its first layer + 0.05, its kernels turned."""
    for change in ("one weight", "turned"):
        net = net_of(kind)
        name = next(name for name, array in net.parameters.items() if array.ndim == 4)
        weight = net.parameters[name].copy()
        if change == "one weight":
            weight[0, 0, 0, 0] += 0.05 * (weight[0].size if "mean" in net.notation else 1)
        else:
            weight = np.ascontiguousarray(weight[:, :, ::-1, ::-1])
        net.parameters[name] = weight
        yield net


def load_module(folder: Path, name: str = "net") -> ModuleType:
    """The Python module that an exporter wrote, freshly loaded."""
    spec = spec_from_file_location(name, folder / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_formatted(source: bytes, *, lint: bool = True) -> None:
    """A formatter, and a linter, have nothing to change in a Python file."""
    for command in (("format", "--check"), ("check", "--select", "E,F,W,I,B,UP"))[: 1 + lint]:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "88",
             "--no-cache", "--stdin-filename", "net.py", "-"],
            input=source, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{source.decode()}\n{done.stdout.decode()}"


def usage_code(exporter: Exporter, net: Network, language: str = "python") -> str:
    """The code in the text about the use of an export."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", exporter.usage(saved(net)), re.DOTALL)
    assert len(code.splitlines()) <= 18
    return str(code)


def pillow_alone(folder: Path) -> str:
    """A folder with the running Pillow, for the PYTHONPATH of an environment without it."""
    site = Path(PIL.__file__).parents[1]
    folder.mkdir()
    for name in ("PIL", "pillow.libs"):
        if (site / name).exists():
            (folder / name).symlink_to(site / name)
    return str(folder)


def assert_usage_predicts(line: str, net: Network, folder: Path) -> None:
    """The line that `run_usage` printed has the class and the probability that the net predicts."""
    reads_texts = net.preprocessor.modality == "texts"
    inputs = net.preprocess("your text") if reads_texts else folder / "photo.jpg"
    (probabilities,) = np.atleast_2d(net.probabilities(inputs))
    assert line == f"{net.classes[probabilities.argmax()]} {probabilities.max():.1%}"


def run_usage(
    exporter: Exporter,
    net: Network,
    folder: Path,
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
    known_warning: str = "no warning",
) -> str:
    """What the code in the text about the use prints, run beside the files and a picture."""
    write(exporter.files(saved(net)), folder)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.jpg")
    (folder / "use.py").write_text(usage_code(exporter, net), "utf-8")
    done = subprocess.run(
        [python, "-B", "use.py"], cwd=folder, capture_output=True, encoding="utf-8", check=False,
        env={"PYTHONUTF8": "1", "PATH": "/usr/bin:/bin", **(variables or {})},
    )  # fmt: skip
    messages = [line for line in done.stderr.splitlines() if known_warning not in line]
    assert (done.returncode, messages) == (0, []), done.stderr
    return done.stdout
