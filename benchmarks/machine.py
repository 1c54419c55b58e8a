"""What a figure has to say of itself: the machine and the versions it was measured with."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from piecewise.engine.runtime.llvm_compiler import compiler_version, host_target

PACKAGES = ("numpy", "torch", "onnx", "onnxruntime")


def described() -> dict[str, str | int]:
    """The processor, how many there are, the system, and the vectors that are used."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "vectors": host_target().name,
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "piecewise": version("piecewise-convnet")}
    return found | {"llvm": compiler_version()} | {name: version(name) for name in PACKAGES}


class Others:
    """How busy other programs keep the processors meanwhile: what they do shows in every figure."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.perf_counter(), _busy(), _own()

    def share(self) -> str:
        """Of all processors' time since the beginning, as text. Ask it when all children ended."""
        if self._busy is None:
            return "unknown"
        whole = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        others = (_busy() or 0.0) - self._busy - (_own() - self._own)
        return f"{max(0.0, others / whole):.1%}"


def _busy() -> float | None:
    """Seconds of all processors that were not idle, since the system started; None if unknown."""
    table = Path("/proc/stat")
    if not table.exists():
        return None
    ticks = [int(part) for part in table.read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _processor() -> str:
    """Its name; where it gives only a maker's, its family and model too."""
    table = Path("/proc/cpuinfo")
    if not table.exists():
        return platform.processor() or platform.machine()
    pairs = [line.split(":", 1) for line in table.read_text().splitlines() if ":" in line]
    facts: dict[str, str] = {}
    for name, value in pairs:
        facts.setdefault(name.strip(), value.strip())
    if "model name" not in facts:
        return platform.machine()
    numbers = f"family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}"
    return f"{facts['model name']} ({numbers})"
