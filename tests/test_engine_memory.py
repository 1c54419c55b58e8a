"""The memory of training does not grow with the dataset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .memory import PEAK

MOST = 350  # MB, the interpreter and its libraries included

LEARN = f"""
{PEAK}
import sys
import numpy as np
import piecewise as pw
pictures = np.load(sys.argv[1], mmap_mode="r")
layers = "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full"
net = pw.Network(layers, (1, 28, 28), 10)
labels = np.arange(len(pictures)) % 10
pw.train(net, pictures, labels, pw.Recipe(epochs=1, batch_size=64))
print(peak() >> 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_training_memory_mapped_file_stays_below_memory_limit(tmp_path: Path) -> None:
    path = tmp_path / "pictures.npy"
    shape = (60_000, 1, 28, 28)
    pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    pictures[::7] = 200
    pictures.flush()
    run = subprocess.run(
        [sys.executable, "-c", LEARN, str(path)], capture_output=True, text=True, check=True
    )
    assert 50 < int(run.stdout) < MOST
