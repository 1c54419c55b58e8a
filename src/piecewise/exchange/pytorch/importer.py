"""Import from PyTorch: the tensors of a state dict in a .safetensors file, and a notation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.array_types import Array, Float32
from ...core.constraints import MAX_LAYERS
from ...core.errors import ModelFileError, shown
from ...spec.architecture import Architecture, ArrayEntry, Stage, input_shape
from ...spec.layer_base import InputShapeError
from ...spec.layers import Full, Norm
from ...spec.notation import parse
from ...spec.parameters import all_finite
from ...storage import model_file
from ...storage.model_file import MAX_FILE_BYTES, SavedModel
from ...storage.safetensors_file import TensorEntry, open_safetensors, tensor_table
from ..checked_layers import assembled, default_preprocessor
from ..formats.mapped import mapped
from ..input_scale import InputScale
from ..registry import ImportOptions
from .matching import StateModule, match, modules_of

TITLE = "PyTorch state dict"
FILES_OF_LAYERS: tuple[str, ...] = ("layers",)
KIND = "safetensors file"
MAX_TENSORS = 8 * MAX_LAYERS
DTYPES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
"""Types of tensors that are converted to float32; NumPy has no bfloat16."""


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is a .safetensors file, by its suffix."""
    return path.suffix.lower() == ".safetensors"


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a state dict, for the layers and the input that the options give; a model file of
    piecewise needs neither.

    Modules are matched with layers by the shapes of their tensors; where shapes are equal, by the
    numbers in their names.

    Raises
    ------
    ValueError
        If it cannot be read, or its tensors do not fit the layers in exactly one way.
    """
    with open_safetensors(path, f"a {KIND}", MAX_FILE_BYTES) as file:
        is_own = model_file.KEY in file.metadata
    if is_own:
        return _own(path)
    if options.layers is None or options.input is None:
        raise ModelFileError(
            "it holds parameters alone; give the layers in the notation with `layers`, such as "
            "'conv 8 3, relu, pool 2, full', and channels, rows and columns with `input`"
        )
    table = tensor_table(path, f"a {KIND}", MAX_FILE_BYTES)
    if len(table) > MAX_TENSORS:
        raise ModelFileError(f"{len(table):,} tensors, wanted at most {MAX_TENSORS:,}")
    modules = modules_of({name: entry.shape for name, entry in table.items()})
    architecture, matched = _architecture(options, modules)
    reader = _TensorReader(mapped(path, KIND, MAX_FILE_BYTES), table)
    layers, arrays = list(architecture.layers), []
    for stage in architecture.stages:
        found = reader.arrays(stage, matched[stage.name]) if stage.parameters else {}
        arrays.append({row.tensor.name: found[row.name] for row in stage.arrays})
    background = "any"
    if options.levels is not None:
        inputs = InputScale(architecture.input, options.levels)
        if architecture.reads_texts:
            inputs.refuse_levels("texts")
        else:
            layers, arrays, background, notes = inputs.applied(layers, arrays)
            reader.notes += notes
    architecture, tensors = assembled(layers, arrays, architecture.input, architecture.classes)
    summary = {"imported": {"format": TITLE, "notes": reader.notes}}
    preprocessor = default_preprocessor(architecture, background)
    return SavedModel(architecture, 0, preprocessor, tensors, training_summary=summary)


def _own(path: Path) -> SavedModel:
    try:
        return model_file.read(path)
    except ModelFileError as error:
        raise ModelFileError(str(error).removeprefix(f"{path}: ")) from None


def _architecture(
    options: ImportOptions, modules: Mapping[str, StateModule]
) -> tuple[Architecture, dict[str, StateModule]]:
    """The architecture of the options, and the module of each of its layers."""
    assert options.layers is not None
    assert options.input is not None
    errors: list[ModelFileError] = []
    counts = _class_counts(options.layers, options.input, modules)
    names = options.classes or ()
    # Of several numbers that fit, that of the names; `import_model` refuses another one.
    for count in sorted(counts, key=lambda count: count != len(names)):
        classes = names if count == len(names) else count
        architecture = Architecture(options.layers, options.input, classes)
        try:
            return architecture, match(architecture.stages, modules)
        except ModelFileError as error:
            errors.append(error)
    raise errors[0]


def _class_counts(
    layers: str, input: tuple[int, int, int], modules: Mapping[str, StateModule]
) -> list[int]:
    """The numbers of classes that the notation and the tensors allow; at least one number."""
    shape = input_shape(input)
    for layer in parse(layers):
        if isinstance(layer, Full) and layer.neurons is None:
            weights = [one.shapes.get("weight", ()) for one in modules.values()]
            rows = {one[0] for one in weights if one[1:] in ((shape.values,), (shape.values, 1, 1))}
            return sorted(rows - {0}) or [1]
        try:
            shape = layer.output(shape)
        except InputShapeError:
            break  # the architecture says it with the position in the notation
    return [shape.values]


class _TensorReader:
    """Reads the arrays of layers from a mapped file."""

    def __init__(self, content: memoryview, table: Mapping[str, TensorEntry]) -> None:
        self.notes: list[str] = []
        self._content, self._table = content, table

    def arrays(self, stage: Stage, module: StateModule) -> dict[str, Float32]:
        """The arrays of a stage, by their names in the parameter table."""
        names = dict(module.names)
        arrays = {}
        for row in stage.arrays:
            name = names.pop(row.tensor.name, None)
            if name is None:
                arrays[row.name] = self._default(stage, row, module)
            else:
                arrays[row.name] = self._array(name, row)
        if names:
            unused = ", ".join(shown(name, 80) for name in names.values())
            raise ModelFileError(f"{stage.name} does not take {unused}; leave out bias=no or mean")
        return arrays

    def _default(self, stage: Stage, row: ArrayEntry, module: StateModule) -> Float32:
        """A tensor that a module of PyTorch may go without."""
        short = row.tensor.name
        if not isinstance(stage.layer, Full | Norm) or short not in ("weight", "bias"):
            module_name = next(iter(module.names.values()))
            remedy = "; write bias=no" if short == "bias" else ""
            raise ModelFileError(f"{row.name} is missing beside {shown(module_name, 80)}{remedy}")
        value = 1 if short == "weight" else 0
        self.notes.append(f"{row.name}: the file has none, so it is {value}")
        return np.full(row.shape, value, np.float32)

    def _array(self, name: str, row: ArrayEntry) -> Float32:
        """The values of a tensor as float32, a view of the file if it holds float32."""
        entry = self._table[name]
        where = f"the tensor {shown(name, 80)}"
        if entry.dtype not in DTYPES:
            raise ModelFileError(f"{where}: got {entry.dtype}, wanted one of {', '.join(DTYPES)}")
        if np.prod(entry.shape, dtype=np.int64) != row.size:
            raise ModelFileError(f"{where}: got the shape {entry.shape}, wanted {row.shape}")
        kind = np.dtype(DTYPES[entry.dtype])
        stored = np.frombuffer(self._content, kind, row.size, entry.start).reshape(row.shape)
        values = _as_float32(stored, entry.dtype)
        if not all_finite(values):
            raise ModelFileError(f"{where} has values that are not finite in float32")
        if values.min() < row.tensor.minimum:
            raise ModelFileError(f"{where} has values below {row.tensor.minimum:g}")
        return values


def _as_float32(stored: Array, dtype: str) -> Float32:
    if dtype == "BF16":  # the upper half of a float32
        return (stored.astype(np.uint32) << 16).view(np.float32)
    if dtype == "F32" and stored.flags.aligned:
        return stored
    with np.errstate(over="ignore"):  # infinity is refused by name
        return stored.astype(np.float32)
