"""C: one source file with the parameters, which needs no library but expf."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...core.array_types import Float32
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...spec.architecture import Stage
from ...spec.layers import Norm
from ...storage.model_file import SavedModel
from ..exporter import FULL_SUPPORT, Exporter, Files, inference_stages, stage_arrays
from ..source_code.preparation import input_code, preparation_files, reads_files
from ..source_code.sentences import input_sentence, layer_lines, plural, preparation_sentence, title
from ..source_code.templates import functions, template, used_functions
from .layers import record_lines, step_lines
from .literals import c_float, c_string, c_table
from .memory import Memory, plan_memory

MAX_PARAMETERS = 4_000_000
"""A compiler takes some seconds and a gigabyte for so many numbers in a source file."""


class CExporter(Exporter):
    """Writes net.c and net.h."""

    name = "c"
    title = "C"
    support: ClassVar = {**FULL_SUPPORT, "norm": "yes; the root is computed beforehand"}

    def refusal(self, model: SavedModel) -> str | None:
        count = model.architecture.parameter_count
        if count > MAX_PARAMETERS:
            return (
                f"the net has {count:,} parameters; compilers take a source file with at most "
                f"{MAX_PARAMETERS:,}"
            )
        return super().refusal(model)

    def files(self, model: SavedModel) -> Files:
        files = {"net.c": _source(model).encode(), "net.h": _header(model).encode()}
        return files | preparation_files(model)

    def usage(self, model: SavedModel) -> str:
        texts = model.architecture.reads_texts
        order = "" if texts else " Their order is channel, row, column."
        kind, call = ("int", "net_predict") if texts else ("unsigned char", "net_predict_bytes")
        return f"""\
`net.c` is C99 and needs no library but `expf`. It is compiled with your own source, such as this
`main.c`, which reads the numbers of an input: `cc -O2 -std=c99 main.c net.c -lm -o main`.

```c
#include "net.h"

#include <stdio.h>

int main(void) {{
  static {kind} input[NET_INPUTS];
  float probabilities[NET_CLASSES];
  for (int i = 0, value; i < NET_INPUTS && scanf("%d", &value) == 1; i++)
    input[i] = value;
  {call}(input, probabilities);
  for (int i = 0; i < NET_CLASSES; i++)
    printf("%.3f %s\\n", probabilities[i], net_classes[i]);
  return 0;
}}
```

{_input_commands(model)}{input_sentence(model)}{order} {preparation_sentence(model)}
"""


def _input_commands(model: SavedModel) -> str:
    """How to pass an input to the program."""
    texts = isinstance(model.preprocessor, TextPreprocessor)
    if not reads_files(model) or (texts and not model.architecture.reads_texts):
        return ""
    command = 'tokenizer.py "your text"'
    if not texts:
        is_sound = isinstance(model.preprocessor, AudioPreprocessor)
        command = f"prepare.py {'sound.wav' if is_sound else 'photo.jpg'}"
    return f"""\
```console
$ python {command} | ./main
```

{input_code(model).note} """


def _header(model: SavedModel) -> str:
    """The text of net.h."""
    texts = model.architecture.reads_texts
    declared = """
/* Calibrated probabilities of one input of bytes, 0 to 255. */
void net_predict_bytes(const unsigned char input[NET_INPUTS],
                       float probabilities[NET_CLASSES]);
"""
    return template(__package__, "net.h.txt").substitute(
        title=title(model, "in C99"),
        sizes="\n".join(_sizes(model)),
        inputs="The input is tokens." if texts else "The input is scaled already.",
        type="int" if texts else "float",
        space=" " if texts else f"\n{' ' * 17}",
        bytes="" if texts else declared,
    )


def _sizes(model: SavedModel) -> list[str]:
    """The definitions of the sizes of inputs and outputs."""
    channels, height, width = model.architecture.input
    classes = f"#define NET_CLASSES {len(model.architecture.classes)}"
    if model.architecture.reads_texts:
        return [
            f"#define NET_INPUTS {width} /* numbers of tokens; 0 is padding at the end */",
            f"#define NET_TOKENS {height} /* token 1 stands for all that are not known */",
            classes,
        ]
    order = f"{plural(channels, 'channel')} of {plural(height, 'row')} of {plural(width, 'column')}"
    return [f"#define NET_INPUTS {channels * height * width} /* {order} */", classes]


def _source(model: SavedModel) -> str:
    """The text of net.c."""
    stages, texts = inference_stages(model), model.architecture.reads_texts
    memory = plan_memory(stages, 0 if texts else model.architecture.input.values)
    tables = [table for stage in stages for table in _tables(model, stage).items()]
    steps = "\n".join(step_lines(stages, memory, texts))
    helpers = used_functions(steps, functions(__package__, "functions.c.txt"))
    records = "\n\n".join("\n".join(lines) for one in stages if (lines := record_lines(one)))
    types = used_functions(records + "".join(helpers), functions(__package__, "types.c.txt"))
    text = template(__package__, "net.c.txt").substitute(
        title=title(model, "in C99"),
        layers="\n".join(f" * {line}" for line in layer_lines(model, 76)),
        flash=f"{4 * sum(table.size for _, table in tables):,}",
        ram=f"{4 * memory.size:,}",
        arrays="\n\n".join(c_table(name, table) for name, table in tables),
        types="\n\n".join(types),
        layer_records=records,
        classes="\n".join(f"    {c_string(name)}," for name in model.architecture.classes),
        arena=_arena(memory),
        functions="\n\n".join(helpers),
        type="int" if texts else "float",
        steps=steps,
        temperature=c_float(model.calibration.temperature),
        bytes="" if texts else _bytes(model, memory),
    )
    return text.rstrip("\n") + "\n"


def _arena(memory: Memory) -> str:
    """The definition of the memory of activations."""
    if not memory.size:
        return ""
    comment = "/* The activations of two layers at a time, at both ends. */"
    return f"\n{comment}\nstatic float arena[{memory.size}];\n"


def _bytes(model: SavedModel, memory: Memory) -> str:
    """The function that reads bytes."""
    a, b, c = (float(one) for one in model.preprocessor.scaling)
    shift = f"{'-' if b < 0 else '+'} {c_float(abs(b))}"
    scaling = f"({c_float(a)} * input[i] {shift}) / {c_float(c)}"
    return template(__package__, "bytes.c.txt").substitute(scaled=memory.scaled, scaling=scaling)


def _tables(model: SavedModel, stage: Stage) -> dict[str, Float32]:
    """The arrays of a stage by their names in C."""
    arrays = stage_arrays(model, stage)
    if isinstance(stage.layer, Norm):
        variance = arrays.pop("variance") + np.float32(Norm.epsilon)
        arrays["scale"] = np.float32(1) / np.sqrt(variance)
    return {f"{stage.name}_{name}": array for name, array in arrays.items()}
