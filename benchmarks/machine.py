"""The machine and the versions that results were measured with."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from piecewise.engine.runtime.llvm_compiler import compiler_version, host_target

PACKAGES = ("numpy", "torch", "onnx", "onnxruntime")
OWN_ENVIRONMENT = {"openvino": "openvino", "jax": "jax", "tensorflow": "tensorflow-cpu"}
"""The toolkits with an environment of their own, and the package of each."""


def describe_machine() -> dict[str, str | int]:
    """The processor, the number of processors, the system, and the vector instructions."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "vectors": host_target().name,
    }


def versions() -> dict[str, str]:
    """The versions of Python, piecewise, LLVM and the toolkits."""
    results = {"python": platform.python_version(), "piecewise": version("piecewise-convnet")}
    results |= {"llvm": compiler_version()} | {name: version(name) for name in PACKAGES}
    for toolkit, package in OWN_ENVIRONMENT.items():
        folders = environment(toolkit).glob("lib/python*/site-packages")
        for found in distributions(name=package, path=[str(folder) for folder in folders]):
            results[toolkit] = found.version
    return results


def environment(toolkit: str) -> Path:
    """The folder of a toolkit's own environment, which scripts/toolkits makes."""
    folder = os.environ.get("PIECEWISE_TOOLKITS") or Path(__file__).parents[1] / ".toolkits"
    return Path(folder).absolute() / toolkit


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    results = {"python": platform.python_version()}
    for name in packages:
        with suppress(PackageNotFoundError):
            results[name] = version(name)
    return results


def commit() -> str | None:
    """The date and the short name of the commit; None outside a clone."""
    command = ["git", "log", "-1", "--format=%cs (%h)"]
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip() or None


def cpu_seconds() -> float:
    """CPU seconds of this process and of its ended children, user and system time."""
    return sum(os.times()[:4])


class OtherPrograms:
    """The load of other programs during the measurement; it affects every result."""

    def __init__(self) -> None:
        self._began, self._busy_seconds, self._own_seconds = (
            time.perf_counter(),
            _busy_seconds(),
            cpu_seconds(),
        )

    def load(self) -> str:
        """The fraction of all processors' time, as text; call it after all children ended."""
        if self._busy_seconds is None:
            return "unknown"
        whole = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        others = (_busy_seconds() or 0.0) - self._busy_seconds - (cpu_seconds() - self._own_seconds)
        return f"{max(0.0, others / whole):.1%}"


def _busy_seconds() -> float | None:
    """Busy seconds of all processors since the system started; None if unknown."""
    table = Path("/proc/stat")
    if not table.exists():
        return None
    ticks = [int(part) for part in table.read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    """The processor's model name, family and model number."""
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
