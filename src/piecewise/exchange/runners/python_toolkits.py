"""Toolkits with a Python package; a script runs each in a Python that has the package."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from .environments import package_version, toolkits_folder
from .script_runner import Interpreter, ScriptRunner, python_with

THEANO_FLAGS = "device=cpu,floatX=float32,blas.ldflags=,optimizer_excluding=fusion:inplace"
"""Without fused operations, fewer of them have to be compiled."""
_OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")


def _keras() -> Interpreter | None:
    """The installed Keras, or that of .toolkits/tensorflow."""
    return python_with("tensorflow", "keras")


def _opencv() -> Interpreter | None:
    """OpenCV before version 5, which reads the files of Caffe and of Torch."""
    for package in _OPENCV:
        found = package_version(sys.executable, package)
        if found and int(found.split(".", maxsplit=1)[0]) < 5:
            return Interpreter(sys.executable, found)
    return None


def _cntk() -> Interpreter | None:
    """CNTK 2.7 (Microsoft), through its C interface, which converts the ONNX file to its format.
    scripts/toolkits/cntk.sh installs it, and writes the file with the version last."""
    folder = toolkits_folder() / "cntk"
    try:
        made = (folder / "made").read_text("utf-8")
    except OSError:
        return None
    version = made.split()[0].removeprefix("cntk==")
    return Interpreter(sys.executable, version, {"CNTK_FOLDER": str(folder)})


def _theano() -> Interpreter | None:
    """Theano 1.0.5 of .toolkits/theano; scripts/toolkits/theano.sh installs it."""
    found = python_with("theano", "theano")
    if found is None:
        return None
    # Compiled operations are kept, because a network needs a minute to compile its own.
    cache = Path(found.python).parents[1] / "compiled"
    return found._replace(variables={"THEANO_FLAGS": f"{THEANO_FLAGS},base_compiledir={cache}"})


def _numpy() -> Interpreter | None:
    """The running Python, with NumPy alone."""
    return Interpreter(sys.executable, np.__version__)


PYTORCH = ScriptRunner(
    "PyTorch", "pytorch", "pytorch.py.txt", partial(python_with, "pytorch", "torch")
)
KERAS = ScriptRunner("Keras", "tensorflow", "keras.py.txt", _keras)
KERAS_LEGACY = ScriptRunner("Keras (reads the same file)", "dl4j", "keras.py.txt", _keras)
"""The file for Deeplearning4j is a file of Keras 2."""
OPENCV_CAFFE = ScriptRunner("OpenCV (Caffe)", "caffe", "opencv.py.txt", _opencv)
OPENCV_TORCH = ScriptRunner("OpenCV (Torch)", "torch", "opencv.py.txt", _opencv)
CNTK = ScriptRunner("CNTK", "cntk", "cntk.py.txt", _cntk)
THEANO = ScriptRunner("Theano", "theano", "theano.py.txt", _theano)
NUMPY = ScriptRunner("NumPy", "numpy", "numpy_script.py.txt", _numpy)
