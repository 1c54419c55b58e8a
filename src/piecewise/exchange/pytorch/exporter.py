"""PyTorch: the model file, and a module as source code that reads it."""

from __future__ import annotations

from typing import ClassVar

from ...spec.layers import Norm
from ...storage import model_file
from ...storage.model_file import SavedModel
from ..exporter import FULL_SUPPORT, Exporter, Files
from ..source_code.preparation import input_code, preparation_files
from ..source_code.python_code import WIDTH, byte_scaling, is_flat_after
from ..source_code.sentences import input_sentence, layer_lines, preparation_sentence, title
from ..source_code.templates import functions, template, used_functions
from ..source_code.text_steps import TextStep, text_steps
from .layers import INDENT, module_lines, step_lines

_STATE_NAME = '''

def state_name(name: str) -> str:
    """What PyTorch calls an array of the file: norm1.mean is norm1.running_mean."""
    return name.replace(".mean", ".running_mean").replace(".variance", ".running_var")
'''


class PyTorchExporter(Exporter):
    """Writes net.safetensors, the model file itself, and net.py."""

    name = "pytorch"
    title = "PyTorch"
    support: ClassVar = {**FULL_SUPPORT, "dropout": "yes"}

    def files(self, model: SavedModel) -> Files:
        return {
            "net.py": _source(model).encode(),
            "net.safetensors": model_file.content(model),
            **preparation_files(model),
        }

    def usage(self, model: SavedModel) -> str:
        code = input_code(model)
        return f"""\
`net.py` is a `torch.nn.Module` that reads `net.safetensors`. Run this in their folder, with PyTorch
and the package `safetensors` installed:

```python
{code.numpy}import torch
from net import load
{code.imports}
net = load("net.safetensors")
{code.lines}
for row in net.probabilities(torch.tensor(inputs)):
    index = int(row.argmax())
    print(net.classes[index], f"{{row[index]:.1%}}")
```

{code.note} {input_sentence(model)} {preparation_sentence(model)}
"""


def _source(model: SavedModel) -> str:
    """The text of net.py."""
    architecture = model.architecture
    modules, steps = _body(model)
    body = "\n".join(steps)
    helpers = used_functions(body, functions(__package__, "text_functions.py.txt"))
    has_norm = any(isinstance(stage.layer, Norm) for stage in architecture.stages)
    texts = architecture.reads_texts
    source = template(__package__, "net.py.txt").substitute(
        title=title(model, "as a PyTorch module"),
        layers="\n".join(layer_lines(model, WIDTH)),
        classes=len(architecture.classes),
        inputs=input_sentence(model),
        modules="\n".join(modules),
        argument="tokens" if texts else "inputs",
        steps=body,
        state_name="state_name(name)" if has_norm else "name",
        helpers=(_STATE_NAME if has_norm else "") + "".join(f"\n\n{one}\n" for one in helpers),
    )
    if "F.pad(" not in source:
        source = source.replace("import torch.nn.functional as F\n", "")
    return source.rstrip("\n") + "\n"


def _body(model: SavedModel) -> tuple[list[str], list[str]]:
    """The lines of the modules, and those of the forward pass."""
    stages, texts = model.architecture.stages, model.architecture.reads_texts
    plan: list[TextStep] | list[None] = text_steps(stages) if texts else [None] * len(stages)
    modules, steps, flat = [], [], False
    for stage, step in zip(stages, plan, strict=True):
        modules += module_lines(stage, flat)
        steps += step_lines(stage, step, flat)
        flat = is_flat_after(stage, flat)
    steps = _start(model, uses_lengths="lengths" in "".join(steps)) + steps
    return modules, [*steps, f"{' ' * INDENT}return x" + ("" if flat else ".flatten(1)")]


def _start(model: SavedModel, *, uses_lengths: bool) -> list[str]:
    """The first lines of the forward pass."""
    if model.architecture.reads_texts:
        lines = ["lengths = text_lengths(tokens)"] if uses_lengths else []
    else:
        scaled = byte_scaling(model.preprocessor.scaling, "x")
        lines = ["x = inputs.float()", "if inputs.dtype == torch.uint8:", f"    x = {scaled}"]
    return [" " * INDENT + line for line in lines]
