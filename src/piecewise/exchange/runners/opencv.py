"""OpenCV before version 5, which reads the files of Caffe and of Torch."""

from __future__ import annotations

import sys
from typing import ClassVar

from .environments import package_version
from .script_runner import Interpreter, ScriptRunner

_PACKAGES = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")


class _OpenCV(ScriptRunner):
    """Runs the files of one format."""

    script: ClassVar[str] = "opencv.py.txt"

    def interpreter(self) -> Interpreter | None:
        for package in _PACKAGES:
            found = package_version(sys.executable, package)
            if found and int(found.split(".", maxsplit=1)[0]) < 5:
                return Interpreter(sys.executable, found)
        return None


class OpenCVCaffe(_OpenCV):
    """Runs deploy.prototxt and net.caffemodel."""

    name: ClassVar[str] = "OpenCV (Caffe)"
    exporter: ClassVar[str] = "caffe"


class OpenCVTorch(_OpenCV):
    """Runs net.t7."""

    name: ClassVar[str] = "OpenCV (Torch)"
    exporter: ClassVar[str] = "torch"
