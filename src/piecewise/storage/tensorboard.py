"""TensorBoard event files: training curves, written with the tensorboard package."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import CheckpointError


class TensorBoardWriter:
    """Writes one event file to a directory; CheckpointError if tensorboard is not installed."""

    def __init__(self, directory: Path) -> None:
        try:
            from tensorboard.summary.writer.event_file_writer import (  # noqa: PLC0415 - an extra
                EventFileWriter,
            )
        except ImportError:
            raise CheckpointError(
                "TensorBoard event files need the package tensorboard, which is not installed; "
                "try: pip install 'piecewise-convnet[tensorboard]'"
            ) from None
        self._writer = EventFileWriter(str(directory))

    def write(self, step: int, scalars: Mapping[str, float | None]) -> None:
        """Write the scalars that are not None for a step."""
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415

        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in scalars.items()
            if value is not None
        ]
        event = Event(step=step, wall_time=time.time(), summary=Summary(value=values))
        self._writer.add_event(event)

    def close(self) -> None:
        """Flush the event file and close it."""
        self._writer.close()
