"""CNTK 2.7 (Microsoft), through its C interface: the ONNX file of the CNTK exporter, converted to
CNTK's own format."""

from __future__ import annotations

import sys
from typing import ClassVar

from .environments import toolkits_folder
from .script_runner import Interpreter, ScriptRunner

_MADE = "made"
"""The file with the version, which scripts/toolkits/cntk.sh writes last."""


class CntkRunner(ScriptRunner):
    """The libraries in .toolkits/cntk; scripts/toolkits/cntk.sh installs them."""

    name: ClassVar[str] = "CNTK"
    exporter: ClassVar[str] = "cntk"
    script: ClassVar[str] = "cntk.py.txt"

    def interpreter(self) -> Interpreter | None:
        folder = toolkits_folder() / "cntk"
        try:
            made = (folder / _MADE).read_text("utf-8")
        except OSError:
            return None
        version = made.split()[0].removeprefix("cntk==")
        return Interpreter(sys.executable, version, {"CNTK_FOLDER": str(folder)})
