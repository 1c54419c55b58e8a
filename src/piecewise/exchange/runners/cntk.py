"""CNTK 2.7 (Microsoft), through its C interface: the ONNX file of the CNTK exporter, converted to
CNTK's own format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import run_script, toolkits_folder

_MADE = "made"
"""The file with the version, which scripts/toolkits/cntk.sh writes last."""


class CntkRunner(Runner):
    """The libraries in .toolkits/cntk."""

    name: ClassVar[str] = "CNTK"
    exporter: ClassVar[str] = "cntk"

    def version(self) -> str | None:
        try:
            made = (toolkits_folder() / "cntk" / _MADE).read_text("utf-8")
        except OSError:
            return None
        return made.split()[0].removeprefix("cntk==")

    def run(self, folder: Path, samples: Samples) -> Outputs:
        if self.version() is None:
            raise RunnerError("CNTK is not installed; scripts/toolkits/cntk.sh installs it")
        variables = {"CNTK_FOLDER": str(toolkits_folder() / "cntk")}
        arrays = {"inputs": samples.layer_inputs}
        made = run_script(sys.executable, "cntk.py.txt", folder, arrays, variables)
        return Outputs(made["logits"], made["probabilities"])
