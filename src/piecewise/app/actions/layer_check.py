"""The shapes and sizes of layers on the inputs of a project, before they are taught."""

from __future__ import annotations

from ...spec.architecture import Architecture
from ...spec.notation import write_layer
from ..fields import Values
from ..project import Project


def check_layers(project: Project, layers: str) -> Values:
    """The shapes and sizes of layers; LimitError or NotationError if no net can have them."""
    preprocessor = project.preprocessor
    shape = preprocessor.shape if preprocessor else (1, 28, 28)
    architecture = Architecture(layers, shape, max(2, len(project.classes())))
    return {
        "layers": [
            {"name": stage.name, "notation": write_layer(stage.layer),
             "shape": list(stage.output), "products": stage.multiplications,
             "parameters": sum(row.size for row in stage.parameters)}
            for stage in architecture.stages
        ],
        "parameters": architecture.parameter_count,
    }  # fmt: skip
