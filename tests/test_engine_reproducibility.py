"""Training gives the same bits for all numbers of threads, vector forms and cache states."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from piecewise.core.errors import LimitError
from piecewise.engine.runtime.llvm_compiler import host_target

TRAIN_SCRIPT = """
import hashlib
import piecewise as pw
dataset = pw.make_xo(200, size=12, seed=3)
layers = "conv 5 3 pad=same, norm, relu, pool 2, conv 18 3, relu, pool 2, dropout 0.3, full 9, full"
for threads in (1, 2, 3, 4):
    net = pw.Network(layers, (1, 12, 12), ("X", "O"), seed=4, preprocessor=dataset.preprocessor)
    recipe = pw.Recipe(epochs=3, batch_size=72, seed=5)
    pw.train(net, dataset.inputs, dataset.labels, recipe, threads=threads)
    answers = net.logits(dataset.inputs).tobytes() + net.logits(dataset.inputs[:1]).tobytes()
    print(net.parameters_sha256, hashlib.sha256(answers).hexdigest())
"""


@pytest.mark.parametrize("form", ["avx512", "avx2", "four"])
def test_training_any_threads_and_vectors_gives_pinned_hash(form: str, tmp_path: Path) -> None:
    try:
        host_target(form)
    except LimitError as error:
        pytest.skip(f"this processor has no such vectors: {error}")
    cache = tmp_path / "code"
    environment = {**os.environ, "PIECEWISE_VECTORS": form}
    outputs = set()
    for folder in (cache, cache, "off"):  # cold, filled and disabled
        run = subprocess.run(
            [sys.executable, "-c", TRAIN_SCRIPT],
            env={**environment, "PIECEWISE_CACHE": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs |= set(run.stdout.splitlines())
        assert len(list(cache.iterdir())) > 3
    assert outputs == {PINNED}


PINNED = (
    "93a8b05cf269acea395e3b2a5bff53cd349a71ff4fffd74fc665eca1baf6be47 "
    "b326a5542f8550bf4a807a956471c37fa7a1fea61fc818cd2fcd8f4566695c55"
)
"""Hashes of the weights, and of the logits of many inputs and of one."""
