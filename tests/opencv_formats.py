"""The formats that OpenCV runs and piecewise imports again: what both have to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange.exporter import Exporter
from piecewise.exchange.registry import ImportOptions
from piecewise.storage.model_file import SavedModel

from .exchange_judging import (
    PICTURES,
    Judge,
    assert_agrees,
    assert_same_parameters,
    net_of,
    write,
)
from .exchange_nets import random_net, samples_of, saved, text_net

KINDS = [*PICTURES, "sound"]
EDGE_CASES = [
    ("conv 3 4x2 pad=same stride=2x1, relu, full", (2, 9, 8)),  # uneven padding
    ("pool 3 stride=2 edge=drop, full", (1, 8, 6)),  # cells that are left out
    ("pool 1x2 stride=4x3 kind=average, full", (1, 10, 11)),  # a stride longer than the window
    ("pool 1x3 stride=4x2, full", (1, 10, 12)),  # the axes differ in their mode
    ("pool 9 stride=1, full", (1, 4, 5)),  # a window larger than the map
    ("pool 4x3 stride=3 kind=average, full", (2, 9, 8)),  # averages at the edges
    ("full 6, norm, conv 3 1 pad=1, pool 2, full", (1, 3, 3)),  # maps after full
    ("norm, dropout 0.5, conv 4 2, pool all", (2, 5, 5)),  # no full at all
    ("conv 2 2", (1, 2, 3)),  # rows and columns at the end
    ("relu", (4, 1, 1)),  # no parameters
]  # fmt: skip


class OpenCvFormat(NamedTuple):
    """A format: its exporter, the function that imports ``file``, and OpenCV as the judge."""

    exporter: Exporter
    read: Callable[[Path, ImportOptions], SavedModel]
    file: str
    judge: Judge

    def imported_again(self, net: Network, folder: Path) -> Network:
        """The net that the importer reads from the files of the exporter."""
        write(self.exporter.files(saved(net)), folder)
        return Network.from_saved_model(self.read(folder / self.file, ImportOptions()))

    def check_agrees_and_comes_back(self, net: Network, folder: Path) -> None:
        """OpenCV computes what the net computes, and so does the net that is imported again."""
        assert_agrees(net, self.exporter, self.judge, folder)
        again = self.imported_again(net, folder)
        assert_same_parameters(again, net)
        inputs = samples_of(net).layer_inputs
        np.testing.assert_allclose(again.logits(inputs), net.logits(inputs), atol=1e-6)

    def check_random_net(self, seed: int, folder: Path) -> None:
        """A net of random layers agrees and comes back."""
        net = random_net(seed)
        assert_agrees(net, self.exporter, self.judge, folder)
        assert_same_parameters(self.imported_again(net, folder), net)

    def check_keeps_the_bits(self, kind: str, folder: Path) -> Network:
        """Parameters, input and temperature come back as they were; the net that came back."""
        net = net_of(kind)
        again = self.imported_again(net, folder)
        assert_same_parameters(again, net)
        assert again.input == net.input
        wanted = pytest.approx(net.calibration.temperature, rel=1e-6)
        assert again.calibration.temperature == wanted
        return again

    def check_refuses_texts(self) -> None:
        """The refusal of a net that reads texts names the layer; another net is not refused."""
        refusal = self.exporter.refusal(saved(text_net("average")))
        assert refusal is not None
        assert refusal.startswith("embed1: ")
        assert self.exporter.refusal(saved(net_of("sound"))) is None

    def check_files_are_the_same_each_time(self) -> None:
        """Two exports have the same bytes."""
        first, second = (self.exporter.files(saved(net_of("sound"))) for _ in range(2))
        assert first == second

    def check_parameters_are_views(self, folder: Path) -> None:
        """The importer does not copy the parameters, so a large file is not held twice."""
        net = net_of("picture grey")
        write(self.exporter.files(saved(net)), folder)
        model = self.read(folder / self.file, ImportOptions())
        assert model.tensors.keys() == net.state.keys()
        arrays = model.tensors.values()
        assert not any(array.flags.owndata or array.flags.writeable for array in arrays)
