"""Builds the sdist and the wheel into dist/ and tests both. `make build` runs it.

The wheel is installed with the pinned run requirements in a fresh environment, and its commands
train a net and use it. The sdist is unpacked; its tests are collected, and some of them run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
IN_SDIST = (
    "ARCHITECTURE.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "SECURITY.md", "pyproject.toml", ".ci/run", "benchmarks/__main__.py",
    "docs/layers.md", "examples/see-through.ipynb", "requirements/run.txt", "requirements/test.txt",
    "scripts/build_dist.py", "src/piecewise/__init__.py", "tests/conftest.py",
)  # fmt: skip
IN_WHEEL = (
    "__init__.py", "py.typed", "exchange/c_source/net.c.txt", "exchange/numpy_script/net.py.txt",
    "exchange/pytorch/net.py.txt", "exchange/runners/scripts/judge.c.txt",
    "exchange/html/page.html", "exchange/html/modules/net/layers.js",
    "page/modules/explain.js", "page/modules/style/1-base.css",
)  # fmt: skip
TESTS = ("tests/test_notation.py",)
USE = """
import sys
from pathlib import Path
from PIL import Image
import piecewise as pw
here = Path(sys.prefix)
assert here in Path(pw.__file__).parents, pw.__file__
drawings = pw.make_xo(40, size=9, seed=0)
for number, (picture, label) in enumerate(zip(drawings.inputs, drawings.labels)):
    folder = here / "drawings" / "XO"[label]
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture[0]).save(folder / f"{number}.png")
"""


def run(*command: str | Path, **environment: str) -> str:
    """Run a command outside the project, so that nothing is imported from it by accident."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=tempfile.gettempdir(),
        env=clean | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
        sys.exit(f"build: {' '.join(map(str, command))} ended with {done.returncode}")
    return done.stdout


def build() -> tuple[Path, Path]:
    """The paths of the sdist and the wheel, both newly built."""
    for old in [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]:
        old.unlink()
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", DIST], cwd=ROOT, check=True)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check_wheel(wheel: Path, folder: Path) -> None:
    """Install a wheel in a fresh environment in ``folder`` and use it."""
    with zipfile.ZipFile(wheel) as archive:
        missing = {f"piecewise/{name}" for name in IN_WHEEL} - set(archive.namelist())
    if missing:
        sys.exit(f"build: the wheel lacks {sorted(missing)}")
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = (scripts / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    run(*pip, "--no-deps", "--no-index", wheel)
    print(run(scripts / "piecewise", "--version").strip())
    run(scripts / "python", "-c", USE)
    net, drawings = folder / "net.safetensors", folder / "drawings"
    drawing = next((drawings / "X").iterdir())
    run(scripts / "piecewise", "train", drawings, "-o", net, "--epochs", "2")
    print(run(scripts / "piecewise", "predict", net, drawing).strip().splitlines()[-1])
    run(scripts / "piecewise", "explain", net, drawing, "-o", folder / "report.html")


def check_sdist(sdist: Path, folder: Path) -> None:
    """Unpack an sdist into ``folder``, collect its tests, and run some of them."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    missing = [name for name in IN_SDIST if not (unpacked / name).is_file()]
    if missing:
        sys.exit(f"build: the sdist lacks {missing}")
    pytest = (sys.executable, "-m", "pytest", "-q", "--rootdir", unpacked, "-c",
              unpacked / "pyproject.toml", "-p", "no:cacheprovider")  # fmt: skip
    source = str(unpacked / "src")
    collected = run(*pytest, "--collect-only", "--ignore", unpacked / "tests" / "toolkits",
                    unpacked / "tests", PYTHONPATH=source)  # fmt: skip
    print(f"sdist: {collected.strip().splitlines()[-1]}")
    some = [unpacked / name for name in TESTS]
    done = run(*pytest, *some, "-k", "not thousands", PYTHONPATH=source)
    print(f"sdist: {done.strip().splitlines()[-1]}")


def main() -> None:
    sdist, wheel = build()
    with tempfile.TemporaryDirectory() as folder:
        check_wheel(wheel, Path(folder) / "environment")
        unpacked = Path(folder) / "sdist"
        unpacked.mkdir()
        check_sdist(sdist, unpacked)
    print(f"built and tested: dist/{sdist.name}, dist/{wheel.name}")


if __name__ == "__main__":
    main()
