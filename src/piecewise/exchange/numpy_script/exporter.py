"""NumPy: a short script without other dependencies, and its arrays."""

from __future__ import annotations

from ...storage.model_file import SavedModel
from ..source_code.preparation import input_code
from ..source_code.python_code import byte_scaling
from ..source_code.script_exporter import ScriptExporter
from ..source_code.sentences import input_sentence, preparation_sentence


class NumPyExporter(ScriptExporter):
    """A script that needs NumPy only."""

    name = "numpy"
    title = "NumPy"

    def words(self, model: SavedModel) -> dict[str, str]:
        return {"argument": "tokens" if model.architecture.reads_texts else "inputs"}

    def imports(self, helpers: str) -> list[str]:
        views = "from numpy.lib.stride_tricks import sliding_window_view"
        return [views, ""] if "sliding_window_view(" in helpers else []

    def start_lines(self, model: SavedModel) -> list[str]:
        return [
            "    x = inputs.astype(np.float32)",
            "    if inputs.dtype == np.uint8:",
            f"        x = {byte_scaling(model.preprocessor.scaling, 'x')}",
        ]

    def usage(self, model: SavedModel) -> str:
        code = input_code(model)
        return f"""\
`net.py` needs NumPy only. Run this in its folder, or `python net.py inputs.npy`:

```python
{code.numpy}from net import CLASSES, probabilities
{code.imports}
{code.lines}
for row in probabilities(inputs):
    print(CLASSES[row.argmax()], f"{{row.max():.1%}}")
```

{code.note} {input_sentence(model)} {preparation_sentence(model)}
"""
