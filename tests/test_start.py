"""What a person waits for before anything happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest


def fastest(code: list[str]) -> float:
    """The best of five runs in seconds: what a machine at rest takes, that keeps bytecode."""
    kept = {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, *code], check=True, capture_output=True, env=kept)
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.alone
def test_help_and_import_are_quick() -> None:
    assert fastest(["-m", "piecewise", "--help"]) < 0.3
    assert fastest(["-c", "import piecewise"]) < 0.25
    assert fastest(["-c", "import piecewise; piecewise.Network"]) < 0.6


def test_a_network_is_described_without_a_compiler() -> None:
    code = (
        "import sys, piecewise as pw; net = pw.Network('conv 2 3, relu, full', (1, 9, 9), 2); "
        "print(net.summary(), {'llvmlite', 'pydantic', 'safetensors'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.endswith(" set()\n")


def test_nothing_heavy_is_imported_for_help() -> None:
    code = (
        "import sys; from piecewise.cli.main import status; status(['--help']); "
        "heavy = {'numpy', 'llvmlite', 'PIL', 'pydantic', 'safetensors'}; "
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.strip() == "set()"
