"""Event files for TensorBoard, written by its own package."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import CheckpointError


class Events:
    """One event file in a folder. RunError without the package."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.summary.writer.event_file_writer import (  # noqa: PLC0415 - an extra
                EventFileWriter,
            )
        except ImportError:
            raise CheckpointError(
                "events want the package tensorboard, which is not installed; try: pip install "
                "'piecewise-convnet[tensorboard]'"
            ) from None
        self._writer = EventFileWriter(str(folder))

    def write(self, step: int, values: Mapping[str, float | None]) -> None:
        """Numbers by name, those that are not None, at a step."""
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415

        told = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in values.items()
            if value is not None
        ]
        event = Event(step=step, wall_time=time.time(), summary=Summary(value=told))
        self._writer.add_event(event)

    def close(self) -> None:
        """To the disk."""
        self._writer.close()
