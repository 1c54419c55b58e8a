"""Theano, which has no format of models: a script that builds the graph, and its arrays."""

from __future__ import annotations

from ...storage.model_file import SavedModel
from ..source_code.preparation import input_code
from ..source_code.python_code import byte_scaling
from ..source_code.script_exporter import ScriptExporter
from ..source_code.sentences import input_sentence, preparation_sentence


class TheanoExporter(ScriptExporter):
    """A script for Theano 1.0."""

    name = "theano"
    title = "Theano"
    module = "T"

    def words(self, model: SavedModel) -> dict[str, str]:
        texts = model.architecture.reads_texts
        return {
            "argument": "tokens" if texts else "x",
            "variable": 'T.lmatrix("tokens")' if texts else 'T.ftensor4("x")',
            "prepared": "\n".join(_prepared(model)),
        }

    def imports(self, helpers: str) -> list[str]:
        lines = {
            "conv2d(": "from theano.tensor.nnet import conv2d",
            "pool_2d(": "from theano.tensor.signal.pool import pool_2d",
        }
        return [*(line for name, line in lines.items() if name in helpers), ""]

    def end_line(self, flat: bool) -> str:
        return "    return x" + ("" if flat else ".flatten(2)")

    def unflattened(self) -> str:
        return 'x.dimshuffle(0, 1, "x", "x")'

    def usage(self, model: SavedModel) -> str:
        code = input_code(model)
        return f"""\
`net.py` builds the graph of the net in Theano 1.0. Run this in its folder, with
`THEANO_FLAGS=device=cpu,floatX=float32`:

```python
{code.numpy}from net import CLASSES, build, prepared
{code.imports}
{code.lines}
logits, probabilities = build()(prepared(inputs))
for row in probabilities:
    print(CLASSES[row.argmax()], f"{{row.max():.1%}}")
```

{code.note} {input_sentence(model)} {preparation_sentence(model)}
"""


def _prepared(model: SavedModel) -> list[str]:
    """The function that converts inputs for the compiled function."""
    if model.architecture.reads_texts:
        return [
            "def prepared(tokens):",
            '    """Numbers of tokens as the compiled function takes them."""',
            "    return np.asarray(tokens, np.int64)",
        ]
    return [
        "def prepared(inputs):",
        '    """Bytes as the numbers that the layers read; other numbers as float32."""',
        "    x = np.asarray(inputs, np.float32)",
        f"    return {byte_scaling(model.preprocessor.scaling, 'x')} "
        "if inputs.dtype == np.uint8 else x",
    ]
