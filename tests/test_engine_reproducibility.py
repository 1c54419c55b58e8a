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
    "36df799f5128f87e63380a2ea9e46868431dc492e69815ca32bb244bb73841bb "
    "fc15e7b87283a317285b94ebe8788558eb6f16687cb636e2759408e82c729d0d"
)
"""Hashes of the weights, and of the logits of many inputs and of one."""
