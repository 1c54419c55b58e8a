"""The data set of a command: its options, and how it is read for a net."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from ..core.progress import OnProgress
from ..data.dataset import Dataset, read_data
from ..network import Network
from .options import (
    Decorator,
    data_argument,
    framing_option,
    groups_option,
    image_size_option,
    table_options,
    text_length_option,
)


@dataclass(frozen=True)
class DataOptions:
    """The data, how to read a table (arguments of `read_data`), and whether to print JSON."""

    source: str
    table: dict[str, Any]
    as_json: bool


@dataclass(frozen=True)
class PreprocessingOptions(DataOptions):
    """The data, and how to group, cut and resize examples that no net has read before."""

    groups: str | None
    image_size: tuple[int, int] | None
    text_length: int | None
    framing: str

    def read(self, on_progress: OnProgress, **more: Any) -> Dataset:
        """Read the data; ``more``: other arguments of `read_data`."""
        return read_data(
            self.source,
            size=self.image_size,
            text_length=self.text_length,
            framing=self.framing,
            groups=self.groups,
            on_progress=on_progress,
            **self.table,
            **more,
        )


def preprocessing_options(effect: str) -> Decorator:
    """Add the argument DATA and the options of `PreprocessingOptions`; ``effect``: a sentence on
    how the command uses the groups."""
    decorators = (
        data_argument,
        image_size_option,
        framing_option,
        text_length_option,
        table_options,
        groups_option(effect),
    )
    return lambda function: reduce(lambda made, add: add(made), reversed(decorators), function)


def read_for(
    net: Network, source: str, table: dict[str, Any], on_progress: OnProgress, **more: Any
) -> Dataset:
    """Read data with the preprocessor and the classes of a net; ``more``: other arguments of
    `read_data`."""
    return read_data(
        source,
        net.preprocessor,
        classes=net.classes,
        on_progress=on_progress,
        **table,
        **more,
    )
