"""What a person waits for: the first page of help, a report, a search through the data.

python -m benchmarks.waits            # all of it, in about a minute
python -m benchmarks.waits --only help import
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import piecewise as pw
from piecewise.data.inspection.near_duplicate_images import near_pairs
from piecewise.data.sources.csv_tables import read_text_table
from piecewise.data.text.preprocessor import fit_text_preprocessor
from piecewise.engine.runtime.code_cache import cached
from piecewise.insight.data_quality.influence import influential_examples
from piecewise.page.explain import explain_html

Wait = Callable[[Path], float]


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def process(*code: str) -> Wait:
    """The start of a process; the bytecode of modules is cached."""
    kept = {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def wait(_: Path) -> float:
        command = [sys.executable, *code]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True, env=kept))

    return wait


def code_cache(_: Path) -> float:
    """Machine code of 200 kB from the cache."""
    code = bytes(200_000)
    cached("benchmarks.waits", lambda: code)
    return seconds(lambda: cached("benchmarks.waits", bytes))


def page(folder: Path) -> float:
    """From the file to the drawn page of a net for digits, as the page itself measures it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this one needs it

    drawn, classes = pw.make_xo(1, size=28, seed=3), [f"{number}" for number in range(10)]
    layers = "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full"
    net = pw.Network(layers, (1, 28, 28), classes, 1, drawn.preprocessor)
    path = folder / "page.html"
    path.write_text(explain_html(net, drawn.inputs[0]), encoding="utf-8")
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(path.as_uri())
        opened.wait_for_selector("html[data-ready]")
        return float(opened.evaluate("document.documentElement.dataset.ready")) / 1_000


def messages(folder: Path) -> float:
    """5,000 messages from a table to numbers."""
    drawn, path = np.random.default_rng(0), folder / "messages.csv"
    texts = [" ".join(f"w{n}" for n in drawn.zipf(1.3, 16) % 20_000) for _ in range(5_000)]
    path.write_text("text,label\n" + "".join(f"{text},{len(text) % 2}\n" for text in texts))

    def read() -> None:
        table = read_text_table(path)
        preprocessor = fit_text_preprocessor(table.texts)
        for text in table.texts:
            preprocessor.transform(text)

    return seconds(read)


def near(_: Path) -> float:
    """Nearly equal ones among 10,000 drawings of 28x28."""
    pictures = pw.make_xo(10_000, size=28, seed=0).inputs
    return seconds(lambda: near_pairs(pictures, "drawings"))


def influence(_: Path) -> float:
    """Each of sixty drawings left out in turn."""
    drawn = pw.make_xo(60, size=20, seed=0)
    plan = pw.plan_training(pw.Dataset(drawn.inputs, drawn.labels, drawn.classes,
                                np.full(60, "train"), drawn.preprocessor))  # fmt: skip
    net = plan.network()
    pw.train(net, drawn.inputs, drawn.labels, plan.config.recipe)
    return seconds(lambda: influential_examples(net, drawn.inputs, drawn.labels))


def epochs(images: int) -> Wait:
    """1,000 epochs of a small net on this many X/O images, 64 per step, on one thread."""

    def wait(_: Path) -> float:
        drawn = pw.make_xo(images, size=9, seed=0)
        net = pw.Network("conv 3 3, relu, pool 2, full", (1, 9, 9), drawn.classes)

        def train(epochs: int) -> object:
            recipe = pw.Recipe(epochs=epochs, batch_size=64, learning_rate=0.01)
            return pw.train(net, drawn.inputs, drawn.labels, recipe, threads=1)

        train(1)
        return seconds(lambda: train(1_000))

    return wait


WAITS: dict[str, tuple[str, Wait]] = {
    "help": ("`piecewise --help`", process("-m", "piecewise", "--help")),
    "import": ("`import piecewise`", process("-c", "import piecewise")),
    "network": ("`piecewise.Network`", process("-c", "import piecewise; piecewise.Network")),
    "cache": ("machine code of 200 kB from the cache", code_cache),
    "page": ("a report of digits is drawn (needs Chromium)", page),
    "messages": ("5,000 messages, from a table to numbers", messages),
    "near": ("near duplicates among 10,000 drawings", near),
    "epochs64": ("1,000 epochs of 64 X/O images", epochs(64)),
    "epochs256": ("1,000 epochs of 256 X/O images", epochs(256)),
    "influence": ("what each of 60 drawings did to a net", influence),
}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.waits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, names = parser.add_argument, list(WAITS)
    of = f"what to measure, of {', '.join(names)} (default: all)"
    add("--only", nargs="+", choices=names, default=names, metavar="NAME", help=of)
    add("--rounds", type=int, default=3, help="how many times each is measured (default: 3)")
    options = parser.parse_args(arguments)
    print("| what | seconds, the best of rounds |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            title, wait = WAITS[name]
            best = min(wait(Path(folder)) for _ in range(options.rounds))
            print(f"| {title} | {best:.4f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
