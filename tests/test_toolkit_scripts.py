"""The scripts that make the environments of toolkits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts" / "toolkits"


@pytest.mark.parametrize("failing", [True, False])
def test_all_runs_every_script_and_names_those_that_fail(failing: bool, tmp_path: Path) -> None:
    shutil.copy(SCRIPTS / "all.sh", tmp_path)
    (tmp_path / "a.sh").write_text(f"echo ran a\nexit {int(failing)}\n")
    (tmp_path / "b.sh").write_text("echo ran b\n")
    done = subprocess.run(
        ["/bin/sh", f"{tmp_path}/all.sh"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ran a\nran b\n"
    assert done.returncode == failing
    assert ("a.sh" in done.stderr) == failing
    assert "b.sh" not in done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_script_is_valid_and_stops_at_the_first_error(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)
    assert script.name == "all.sh" or "\nset -eu\n" in script.read_text()
