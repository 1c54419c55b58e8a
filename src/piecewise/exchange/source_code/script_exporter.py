"""Exporters that write a script: code of layers on arrays, or on symbols for arrays."""

from __future__ import annotations

from typing import ClassVar

from ...spec.architecture import Stage
from ...spec.layer_base import Layer
from ...spec.layers import Convolution, Embed, Full, Norm, Pool
from ...storage.model_file import SavedModel
from ..exporter import FULL_SUPPORT, Exporter, Files, inference_stages
from ..formats.npz import npz_bytes
from .preparation import preparation_files
from .python_code import (
    WIDTH,
    byte_scaling,
    call,
    is_flat_after,
    number,
    python_names,
    shape_text,
    window_arguments,
    with_comment,
)
from .sentences import input_sentence, layer_lines, title
from .templates import functions, template, used_functions
from .text_steps import TextStep, text_lines, text_steps


class ScriptExporter(Exporter):
    """Writes net.py and net.npz, from net.py.txt, functions.py.txt and text_functions.py.txt in
    the package of the subclass."""

    support = FULL_SUPPORT
    module: ClassVar[str] = "np"
    """The prefix of ``ones_like``."""

    @property
    def package(self) -> str:
        """Where the templates are."""
        return type(self).__module__.rpartition(".")[0]

    def files(self, model: SavedModel) -> Files:
        rows = [row for stage in model.architecture.stages for row in stage.arrays]
        arrays = {row.name: model.tensors[row.name] for row in rows}
        files = {"net.py": self._source(model).encode(), "net.npz": npz_bytes(arrays)}
        return files | preparation_files(model)

    def start_lines(self, model: SavedModel) -> list[str]:
        """The first lines of ``logits``, about inputs that are not texts."""
        return []

    def _source(self, model: SavedModel) -> str:
        """The text of net.py."""
        architecture = model.architecture
        channels, height, width = architecture.input
        texts = architecture.reads_texts
        steps = "\n".join(self._steps(model))
        available = functions(self.package, "functions.py.txt")
        if texts:
            available = functions(self.package, "text_functions.py.txt") | available
        helpers = "\n\n\n".join(used_functions(steps, available))
        return template(self.package, "net.py.txt").substitute(
            self.words(model),
            title=title(model, f"as a {self.title} script"),
            layers="\n".join(layer_lines(model, WIDTH)),
            inputs=input_sentence(model),
            imports="\n".join(self.imports(helpers)),
            constants="\n".join(_constants(model)),
            shape=f"(N, {width})" if texts else f"(N, {channels}, {height}, {width})",
            classes=len(architecture.classes),
            steps=steps,
            scaling=byte_scaling(model.preprocessor.scaling, "x"),
            helpers=helpers.replace("$epsilon", number(Norm.epsilon)),
        )

    def words(self, model: SavedModel) -> dict[str, str]:
        """What the template has of its own."""
        return {}

    def imports(self, helpers: str) -> list[str]:
        """The imports that only some of the functions need."""
        return []

    def _steps(self, model: SavedModel) -> list[str]:
        """The body of ``logits``."""
        stages = inference_stages(model)
        plan: list[TextStep] | list[None] = [None] * len(stages)
        if model.architecture.reads_texts:
            plan, lines = text_steps(stages), []
        else:
            lines = self.start_lines(model)
        flat = False
        for stage, step in zip(stages, plan, strict=True):
            lines += self._stage_lines(stage, step, flat)
            flat = is_flat_after(stage, flat)
        if "lengths" in "".join(lines):
            lines = ["    lengths = text_lengths(tokens)", *lines]
        return [*lines, self.end_line(flat)]

    def end_line(self, flat: bool) -> str:
        """The last line of ``logits``, which makes x (N, classes)."""
        return "    return x" + ("" if flat else ".reshape(len(x), -1)")

    def unflattened(self) -> str:
        """x of the shape (N, C) as (N, C, 1, 1)."""
        return "x[:, :, None, None]"

    def _stage_lines(self, stage: Stage, step: TextStep | None, flat: bool) -> list[str]:
        """The lines of a stage; ``step`` for texts, ``flat`` if x is (N, C)."""
        layer, x = stage.layer, "x"
        if isinstance(layer, Embed):
            x = "tokens"
        elif isinstance(layer, Convolution | Pool) and flat:
            x = self.unflattened()
        name, arguments = _call(layer, stage, step)
        products = layer.divisor(stage.input) if isinstance(layer, Convolution) else 1
        lines = call(f"x = {name}", [x, *arguments], f" / {products}" if products > 1 else "")
        if isinstance(layer, Full):
            lines = with_comment(lines, f"(N, {layer.neurons})")
        elif stage.output != stage.input:
            lines = with_comment(lines, shape_text(stage.output))
        return lines + text_lines(step, self.module)


def _constants(model: SavedModel) -> list[str]:
    """The classes and the temperature."""
    classes = python_names("CLASSES", model.architecture.classes)
    return [*classes, f"TEMPERATURE = {number(model.calibration.temperature)}"]


def _call(layer: Layer, stage: Stage, step: TextStep | None) -> tuple[str, list[str]]:
    """The function of a layer, and its arguments after x."""
    arrays = [f'*arrays_of("{stage.name}")'] if stage.arrays else []
    if isinstance(layer, Convolution):
        return "convolution", arrays + window_arguments(stage)
    if isinstance(layer, Pool):
        name = f"{layer.kind}_pool"
        if step is not None:
            return f"text_{name}", ["lengths", *window_arguments(stage)]
        return name, window_arguments(stage)
    return layer.word, arrays
