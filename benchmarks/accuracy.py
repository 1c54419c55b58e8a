"""The accuracy of `piecewise train` on your data sets, beside simpler models.

Each data set is trained with several seeds, by the command that the table shows. A test split is
scored if there is one; other data sets are scored by cross-validation.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from piecewise.core.errors import DataError, PiecewiseError
from piecewise.core.version import __version__
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.table_columns import TableOptions
from piecewise.training.effort import EFFORTS, FOLDS
from piecewise.training.plan import plan_training

from . import accuracy_report, machine
from .simple_models import simple_score

EPILOG = """\
examples:
  python -m benchmarks.accuracy my-pictures
  python -m benchmarks.accuracy mnist.npz sms-spam.csv --seeds 1 --effort quick
  python -m benchmarks.accuracy folder-of-data-sets --json results.json
  python -m benchmarks.accuracy --read results.json --write docs/accuracy.md

columns:
  piecewise      the mean accuracy of the seeds, with the lowest and the highest in brackets
  linear model   what logistic regression on the same inputs reaches; `piecewise train` prints it
  other model    a model of scikit-learn, "-" if that is not installed (pip install scikit-learn)
  CPU seconds    of the whole command: user and system time, the mean of the seeds

Progress and messages go to standard error. Exit status: 0 success, 1 a data set could not be read
or trained, 2 wrong usage.
"""
Results = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Measure, or read saved results; print the table, and write it to files on request. Returns
    the exit status."""
    options = _parsed(arguments)
    try:
        if options.write:
            accuracy_report.check_page(options.write)
        if options.read:
            results, complete = _saved(options.read), True
        else:
            results, complete = measure(options)
        print(accuracy_report.page(results))
        if options.write:
            accuracy_report.write(results, options.write)
    except PiecewiseError as error:
        _say(str(error))
        return 1
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}")
        return 1
    return 0 if complete else 1


def measure(options: argparse.Namespace) -> tuple[Results, bool]:
    """The results for all data sets, and whether every one of them could be measured. They are
    saved after each, if asked for."""
    paths = list(data_sets(options.data))
    others = machine.OtherPrograms()
    results: Results = {"header": _header(options), "rows": []}
    for path in paths:
        _say(f"{path.name} ...")
        try:
            row = measure_data_set(path, options.seeds, options.effort)
        except PiecewiseError as error:
            _say(f"left out: {error}")
            continue
        results["rows"].append(row)
        results["header"]["load of other programs"] = others.load()
        _say(accuracy_report.line(row))
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not results["rows"]:
        raise DataError("no data set could be measured")
    return results, len(results["rows"]) == len(paths)


def data_sets(paths: Iterable[Path]) -> Iterator[Path]:
    """The data sets of the arguments. A folder that is not a data set itself is a folder of data
    sets; what cannot be read there is skipped, with a message. DataError for any other path that
    cannot be read."""
    for path in paths:
        error = _reading_error(path)
        if error is None:
            yield path
            continue
        inside = sorted(path.iterdir()) if path.is_dir() else []
        reasons = {entry: _reading_error(entry) for entry in inside if entry.name[0] != "."}
        readable = [entry for entry, reason in reasons.items() if reason is None]
        if not readable:
            raise error
        for reason in reasons.values():
            if reason:
                _say(f"skipped: {reason}")
        yield from readable


def _reading_error(path: Path) -> PiecewiseError | None:
    """Why a path is not a data set; its files are listed, not decoded."""
    try:
        discover(path, TableOptions())
    except PiecewiseError as error:
        return error
    return None


def measure_data_set(path: Path, seeds: int, effort: str) -> Results:
    """Train a data set with each seed, and score the simple model."""
    data = read_data(path)
    tested = bool((data.splits == "test").any())
    options = [] if effort == "normal" else ["--effort", effort]
    folds = 0
    if not tested:
        folds = plan_training(data, str(path), effort=effort).folds
        if not folds:
            options, folds = [*options, "--folds", str(FOLDS)], FOLDS
    runs = []
    for seed in range(seeds):
        runs.append(train(path, [*options, "--seed", str(seed)], "folds" if folds else "test"))
        _say(f"  seed {seed}: {runs[-1]['accuracy']:.4f}, {runs[-1]['seconds']:.0f} CPU seconds")
    simple = simple_score(data, folds)
    command = ["piecewise", "train", path.name, "-o", "net.safetensors", *options, "--seed", "0"]
    return {
        "data": path.name,
        "kind": data.preprocessor.modality,
        "classes": len(data.classes),
        **_counts(data, folds),
        "runs": runs,
        "simple": simple and asdict(simple),
        "command": shlex.join(command),
    }


def train(path: Path, options: list[str], scored: str) -> Results:
    """The scores of a training, and its CPU seconds."""
    began = machine.cpu_seconds()
    with tempfile.TemporaryDirectory() as folder:
        net = str(Path(folder, "net.safetensors"))
        command = ["-m", "piecewise", "train", str(path), "-o", net, "--json", *options]
        run = subprocess.run([sys.executable, *command], capture_output=True, text=True,
                             encoding="utf-8", check=False)  # fmt: skip
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"exit status {run.returncode}"]
        raise DataError(f"{path}: training failed: {lines[-1].removeprefix('piecewise: ')}")
    report = json.loads(run.stdout)
    linear = report["linear"].get(scored)
    return {
        "accuracy": report[scored]["accuracy"],
        "macro_f1": report[scored]["macro_f1"],
        "linear": linear and linear["accuracy"],
        "layers": report["layers"],
        "seconds": machine.cpu_seconds() - began,
    }


def _counts(data: Dataset, folds: int) -> Results:
    """How many examples are trained on and scored; a recording counts once."""
    first = np.ones(len(data), bool)
    if data.recordings is not None:
        first[1:] = np.diff(data.recordings) != 0
    training = data.splits[first] != "test"
    return {"training": int(training.sum()), "test": int((~training).sum()), "folds": folds}


def _header(options: argparse.Namespace) -> Results:
    """The conditions of the measurement."""
    return {
        "seeds": options.seeds,
        "effort": options.effort,
        "machine": machine.describe_machine(),
        "versions": {"piecewise": __version__, **machine.versions_of(("numpy", "scikit-learn"))},
        "commit": machine.commit(),
    }


def _saved(paths: Sequence[Path]) -> Results:
    """Saved results, of several files together: the conditions are those of the first, with all
    commits."""
    parts: list[Results] = []
    for path in paths:
        try:
            part = json.loads(path.read_text(encoding="utf-8"))
            parts.append({"header": part["header"], "rows": part["rows"]})
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = getattr(error, "strerror", None) or "not a file that --json wrote"
            raise DataError(f"{path}: {why}") from None
    commits = dict.fromkeys(part["header"].get("commit") for part in parts)
    header = {**parts[0]["header"], "commit": ", ".join(filter(None, commits)) or None}
    return {"header": header, "rows": [row for part in parts for row in part["rows"]]}


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("data", nargs="*", type=Path, metavar="DATA",
        help="a data set, as `piecewise train` takes it, or a folder of data sets")  # fmt: skip
    add("--seeds", type=_positive, default=3, metavar="N",
        help="train with the seeds 0 to N - 1 (default: 3)")  # fmt: skip
    add("--effort", choices=list(EFFORTS), default="normal",
        help="how much work each training may do (default: normal)")  # fmt: skip
    add("--json", type=Path, metavar="FILE",
        help="save the results in this file after each data set")  # fmt: skip
    add("--read", type=Path, nargs="+", metavar="FILE",
        help="read results that --json saved, instead of measuring")  # fmt: skip
    add("--write", type=Path, metavar="PAGE",
        help="Markdown page to write the table into; created if it does not exist")  # fmt: skip
    options = parser.parse_args(arguments)
    if bool(options.data) == bool(options.read):
        parser.error("wanted either DATA to measure, or --read with saved results")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"got {text!r}, wanted a whole number from 1 to 1,000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
