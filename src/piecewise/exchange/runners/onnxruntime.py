"""ONNX Runtime (Microsoft), which runs the files of the ONNX exporter."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.array_types import Array
from ..onnx.exporter import LAYERS, NET
from ..onnx.layers import LOGITS, PROBABILITIES
from ..runner import Outputs, Runner, Samples

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxRuntime(Runner):
    """Runs ``net.onnx`` on raw examples where there are some, else ``layers.onnx``."""

    name = "onnxruntime"
    exporter = "onnx"

    def version(self) -> str | None:
        try:
            return version("onnxruntime")
        except PackageNotFoundError:
            return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        if samples.raw is None:
            return run_session(session(folder / LAYERS), samples.layer_inputs)
        return run_session(session(folder / NET), samples.inputs)


def session(path: Path) -> InferenceSession:
    """A file, ready to run on the processor."""
    import onnxruntime  # noqa: PLC0415 -- an extra

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run_session(net: InferenceSession, inputs: Array) -> Outputs:
    """Logits and probabilities of inputs (N, ...)."""
    logits, probabilities = net.run([LOGITS, PROBABILITIES], {net.get_inputs()[0].name: inputs})
    return Outputs(logits, probabilities)
