"""OpenCV before version 5, which reads the files of Caffe and of Torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, Samples
from .environments import package_version, run_script

_PACKAGES = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")


class _OpenCV(Runner):
    """Runs the files of one format."""

    exporter: ClassVar[str]

    def version(self) -> str | None:
        for package in _PACKAGES:
            found = package_version(sys.executable, package)
            if found and int(found.split(".")[0]) < 5:
                return found
        return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        arrays = {"inputs": samples.layer_inputs}
        made = run_script(sys.executable, "opencv.py.txt", folder, arrays)
        return Outputs(made["logits"], made["probabilities"])


class OpenCVCaffe(_OpenCV):
    """Runs deploy.prototxt and net.caffemodel."""

    name: ClassVar[str] = "OpenCV (Caffe)"
    exporter: ClassVar[str] = "caffe"


class OpenCVTorch(_OpenCV):
    """Runs net.t7."""

    name: ClassVar[str] = "OpenCV (Torch)"
    exporter: ClassVar[str] = "torch"
