"""ONNX Runtime (Microsoft), which runs the files of the ONNX exporter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.array_types import Array
from ...data.audio.decoding import Sound
from ...data.audio.preprocessor import AudioPreprocessor, resample
from ...data.images.preprocessor import ImagePreprocessor
from ...data.modalities import preprocessor_from_json
from ...data.text.preprocessor import TextPreprocessor
from ..onnx.exporter import LAYERS, NET
from ..onnx.layers import LOGITS, PROBABILITIES
from ..onnx.pictures import reads_pixels
from ..own_metadata import KEY
from ..runner import Outputs, Runner, Samples

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxRuntime(Runner):
    """Runs ``net.onnx`` on raw examples where there are some, else ``layers.onnx``."""

    name = "onnxruntime"
    exporter = "onnx"
    reads_raw = True

    def version(self) -> str | None:
        try:
            return version("onnxruntime")
        except PackageNotFoundError:
            return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        if samples.raw is None:
            return run_session(session(folder / LAYERS), samples.layer_inputs)
        net = session(folder / NET)
        own = json.loads(net.get_modelmeta().custom_metadata_map[KEY])
        preprocessor = preprocessor_from_json(own["preprocessor"], own["input"])
        if isinstance(preprocessor, AudioPreprocessor):
            return _run_sounds(net, samples.raw, preprocessor.rate)
        if isinstance(preprocessor, TextPreprocessor):
            return run_session(net, np.stack([preprocessor.transform(one) for one in samples.raw]))
        if isinstance(preprocessor, ImagePreprocessor) and reads_pixels(preprocessor):
            pixels = [preprocessor.pixels(one) for one in samples.raw]
            return _joined([run_session(net, one[None]) for one in pixels])
        return run_session(net, samples.inputs)


class CntkInOnnxRuntime(OnnxRuntime):
    """Runs the file of the CNTK exporter, which is an ONNX file, too."""

    exporter = "cntk"
    reads_raw = False

    def run(self, folder: Path, samples: Samples) -> Outputs:
        return run_session(session(folder / NET), samples.layer_inputs)


def _run_sounds(net: InferenceSession, sounds: Sequence[Sound], rate: int) -> Outputs:
    """Sounds of any rates and lengths, one by one."""
    return _joined([run_session(net, resample(sound, rate)[None]) for sound in sounds])


def _joined(outputs: Sequence[Outputs]) -> Outputs:
    logits = [one.logits for one in outputs if one.logits is not None]
    return Outputs(np.concatenate(logits), np.concatenate([one.probabilities for one in outputs]))


def session(path: Path) -> InferenceSession:
    """A file, ready to run on the processor."""
    import onnxruntime  # noqa: PLC0415 -- an extra

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run_session(net: InferenceSession, inputs: Array) -> Outputs:
    """Logits and probabilities of inputs (N, ...)."""
    logits, probabilities = net.run([LOGITS, PROBABILITIES], {net.get_inputs()[0].name: inputs})
    return Outputs(logits, probabilities)
