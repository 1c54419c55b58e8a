"""The base class of exporters, and the queries about a network that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ..core.array_types import Float32
from ..spec.architecture import Stage
from ..storage.model_file import SavedModel

Files = dict[str, bytes]
"""The content of each file that an exporter makes, by its name in the folder of the exporter."""
COMMON_SUPPORT: Mapping[str, str] = {
    **dict.fromkeys(("conv", "relu", "pool", "full"), "yes"),
    "dropout": "left out (dropout acts only in training)",
}
"""`Exporter.support` of the layers that most toolkits have. An exporter names all others itself."""
FULL_SUPPORT: Mapping[str, str] = {**COMMON_SUPPORT, "norm": "yes", "embed": "yes"}
"""`Exporter.support` of toolkits that have a layer for each."""


class Exporter(ABC):
    """The base class of exporters. Each writes into a folder of its own name."""

    name: ClassVar[str]
    """Its name on the command line, and that of its folder: "onnx"."""
    title: ClassVar[str]
    """Its name in texts: "ONNX"."""
    support: ClassVar[Mapping[str, str]]
    """For each word of the notation: "yes", "as ..." with how the layer is rewritten, "left
    out ...", or "no: ..." with the reason. docs/exchange.md shows it, and `refusal` follows it."""

    @property
    def folder(self) -> str:
        """The folder of its files, in that of the export."""
        return self.name

    def refusal(self, model: SavedModel) -> str | None:
        """Why this exporter cannot express a network, naming the layer; None if it can.

        Subclasses extend it by what depends on the hyperparameters of a layer.
        """
        for stage in model.architecture.stages:
            answer = self.support[stage.layer.word]
            if answer.startswith("no"):
                return f"{stage.name}: {answer.removeprefix('no: ')}"
        return None

    @abstractmethod
    def files(self, model: SavedModel) -> Files:
        """The files of a network that `refusal` accepts. The same network gives the same bytes."""

    @abstractmethod
    def usage(self, model: SavedModel) -> str:
        """How to use the files in the toolkit, as Markdown: some ten lines of code.
        Without any, there is no USAGE.md."""


def inference_stages(model: SavedModel) -> tuple[Stage, ...]:
    """The stages that compute something at inference, in order: all but dropout."""
    stages = model.architecture.stages
    return tuple(stage for stage in stages if not stage.layer.identity_at_inference)


def stage_arrays(model: SavedModel, stage: Stage) -> dict[str, Float32]:
    """The arrays of a stage by their short names: weight, bias, mean, variance."""
    return {row.tensor.name: model.tensors[row.name] for row in stage.arrays}
