"""Event files: TensorBoard's own reader finds the history in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.training.recipe import Recipe
from piecewise.training.train import train


@pytest.mark.parametrize("validated", [True, False])
def test_a_run_folder_holds_its_history_as_events(tmp_path: Path, validated: bool) -> None:
    lessons = make_xo(100, 9, seed=0)
    given = lessons.inputs, lessons.labels
    net = Network("full", (1, 9, 9), ("X", "O"), preprocessor=lessons.preprocessor)
    seen = given if validated else None
    train(net, *given, Recipe(epochs=4), seen, run_dir=tmp_path / "run", tensorboard=True)
    found = EventAccumulator(str(tmp_path / "run"))
    found.Reload()
    names = {"loss", "seconds"} | (
        {"validation_accuracy", "validation_loss"} if validated else set()
    )
    assert set(found.Tags()["scalars"]) == names
    for name in names:
        events = found.Scalars(name)
        assert [event.step for event in events] == [1, 2, 3, 4]
        values = [epoch[name] for epoch in net.history]
        assert [event.value for event in events] == pytest.approx(values, rel=1e-6)
