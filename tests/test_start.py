"""What has to be imported before anything happens; `python -m benchmarks.waits` says how long it
takes."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("from piecewise.cli.main import status; status(['--help'])", 330),
        ("import piecewise", 110),
        ("import piecewise; piecewise.Network", 340),
    ],
    ids=["help", "package", "network"],
)
def test_help_and_import_load_few_modules(code: str, most: int) -> None:
    script = f"import sys; {code}; print(len(sys.modules), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(run.stderr) < most


def test_summary_loads_no_compiler() -> None:
    code = (
        "import sys, piecewise as pw; net = pw.Network('conv 2 3, relu, full', (1, 9, 9), 2); "
        "print(net.summary(), {'llvmlite', 'pydantic', 'safetensors'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.endswith(" set()\n")


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys; from piecewise.cli.main import status; status(['--help']); "
        "heavy = {'numpy', 'llvmlite', 'PIL', 'pydantic', 'safetensors'}; "
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.strip() == "set()"
