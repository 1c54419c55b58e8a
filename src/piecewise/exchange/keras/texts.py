"""Texts in Keras: embeddings, the lengths of texts, and zeros after their ends.

A text of a network ends at its last token that is not padding, and so it does in every layer
(`spec/text_lengths.py`). Layers of Keras compute the length of the text, look up the length in each
layer, and make a mask of it. They hold whole numbers, which float32 represents exactly.
"""

from __future__ import annotations

import numpy as np

from ...core.array_types import Array, Float32, Int64
from ...spec.architecture import Stage
from ...spec.layer_base import PADDING
from ...spec.layers import Pool, Relu
from ...spec.text_lengths import length_tables
from ...storage.model_file import SavedModel
from ..exporter import inference_stages, stage_arrays
from .layers import KERAS, LOWEST, LayerWriter, cell_fractions, overhang

TOKENS = "tokens"
"""The name of the input."""


class TextWriter(LayerWriter):
    """Adds the layers of a network that reads texts to a list."""

    def __init__(self, model: SavedModel) -> None:
        super().__init__(model, KERAS)
        stages = model.architecture.stages
        self._positions = model.architecture.input.width
        tables = [np.arange(self._positions + 1), *length_tables(stages)]
        self._inputs = dict(zip([stage.name for stage in stages], tables, strict=False))
        self._outputs = dict(zip([stage.name for stage in stages], tables[1:], strict=True))
        self._made: dict[bytes, str] = {}

    def add_texts(self) -> None:
        """The input, and all layers."""
        self.layers.add("InputLayer", TOKENS, (self._positions,), dtype="int32")
        for stage in inference_stages(self._model):
            if stage.layer.reads_tokens:
                self._embedding(stage, stage_arrays(self._model, stage)["weight"])
            elif isinstance(stage.layer, Pool):
                self._text_pool(stage)
                self._end_texts(stage)
            else:
                self.add_stage(stage)
                if not isinstance(stage.layer, Relu):  # zeros stay zeros
                    self._end_texts(stage)

    def _embedding(self, stage: Stage, table: Float32) -> None:
        """Vectors (1, positions, channels), with zeros for padding; and the length of each text."""
        tokens, channels = len(table), table.shape[1]
        is_word = np.ones((tokens, 1), np.float32)
        is_word[PADDING] = 0
        words = self._lookup("words", is_word, TOKENS, (self._positions, 1))
        flat = self._reshape("words_flat", (self._positions,), words)
        ends = self.layers.add(
            "Rescaling", "word_ends", (self._positions,), inputs=[flat], offset=0.0,
            scale=[float(number) for number in range(1, self._positions + 1)],
        )  # fmt: skip
        ends = self._reshape("word_ends_list", (self._positions, 1), ends)
        self._length = self.layers.add(
            "GlobalMaxPooling1D", "length", (1,), inputs=[ends], data_format="channels_last"
        )
        rows = self._lookup(stage.name, table, TOKENS, (self._positions, channels))
        dims = (self._positions, channels)
        vectors = self.layers.add("Multiply", f"{stage.name}_words", dims, inputs=[rows, words])
        self._reshape(f"{stage.name}_maps", (1, *dims), vectors)

    def _text_pool(self, stage: Stage) -> None:
        """Pooling that sees the positions of each text alone."""
        layer, table = stage.layer, self._inputs[stage.name]
        assert isinstance(layer, Pool)
        if _is_full(table, stage.input.width):
            self.add_stage(stage)
            return
        self.as_maps(stage)
        after, rows = overhang(stage), layer.windows(stage.input)[0]
        if any(after):
            self.add_pads(stage, after)
        if layer.kind == "max":
            if not self.nonnegative:
                if after[0]:
                    self.lower_padding(stage, 1, after[0])
                self._lower_after_texts(stage, table)
            self.windows_pool(stage, "Max", stage.name)
            return
        self.windows_pool(stage, "Average", stage.name)
        if rows.after:
            fractions = cell_fractions(rows)
            self.normalization(f"{stage.name}_rows", 1, 0 * fractions, fractions)
        self._for_text_cells(stage, table)

    def _lower_after_texts(self, stage: Stage, table: Int64) -> None:
        """Make all values after the end of each text lower than any value before it."""
        x, dims = self.layers.last.name, self.dims
        mask = self._mask(f"{stage.name}_text", table, np.arange(dims[1]), 1)
        name = f"{stage.name}_lowest"
        lowest = self.layers.add(
            "Rescaling", name, (1, dims[1], 1), inputs=[mask], scale=-LOWEST, offset=LOWEST
        )
        self.layers.add("Add", f"{stage.name}_lowered", dims, inputs=[x, lowest])

    def _for_text_cells(self, stage: Stage, table: Int64) -> None:
        """Averages over all cells of each window, as averages over the cells of the text."""
        x, dims = self.layers.last.name, self.dims
        columns = stage.layer.windows(stage.input)[1]
        starts = np.arange(columns.count) * columns.stride
        cells = self._count(f"{stage.name}_cells", table, starts, columns.window)
        factors = np.zeros((columns.window + 1, 1), np.float32)
        factors[1:, 0] = columns.window / np.arange(1, columns.window + 1)
        name = f"{stage.name}_factors"
        looked_up = self._lookup(name, factors, cells, (columns.count, 1))
        row = self._reshape(f"{name}_row", (1, columns.count, 1), looked_up)
        self.layers.add("Multiply", f"{stage.name}_averages", dims, inputs=[x, row])

    def _end_texts(self, stage: Stage) -> None:
        """Zeros after the end of each text."""
        table, x, dims = self._outputs[stage.name], self.layers.last.name, self.dims
        if _is_full(table, stage.output.width):
            return
        mask = self._mask(stage.name, table, np.arange(dims[1]), 1)
        self.layers.add("Multiply", f"{stage.name}_ended", dims, inputs=[x, mask])

    def _mask(self, name: str, table: Int64, starts: Array, window: int) -> str:
        """1 for each position (1, positions, 1) that starts before the end of its text, else 0."""
        mask = self._count(f"{name}_mask", table, starts, window)
        key = b"mask" + mask.encode()
        if key not in self._made:
            self._made[key] = self._reshape(f"{mask}_row", (1, len(starts), 1), mask)
        return self._made[key]

    def _count(self, name: str, table: Int64, starts: Array, window: int) -> str:
        """How many cells of a window from each start are before the end of each text."""
        key = repr((table.tolist(), starts.tolist(), window)).encode()
        if key not in self._made:
            lengths = table.astype(np.float32)[:, None].copy()
            lengths[0] = lengths[1]  # an empty text counts as one token
            length = self._lookup(f"{name}_length", lengths, self._length, (1, 1))
            length = self._reshape(f"{name}_length_flat", (1,), length)
            variables = {
                "kernel": np.ones((1, len(starts)), np.float32),
                "bias": -starts.astype(np.float32),
            }
            left = self.layers.add(
                "Dense", f"{name}_left", (len(starts),), variables, [length], units=len(starts),
                activation="linear", use_bias=True,
            )  # fmt: skip
            self._made[key] = self.layers.add(
                "ReLU", name, (len(starts),), inputs=[left], max_value=float(window)
            )
        return self._made[key]

    def _lookup(self, name: str, table: Float32, of: str, dims: tuple[int, ...]) -> str:
        return self.layers.add(
            "Embedding", name, dims, {"embeddings": table}, [of], input_dim=len(table),
            output_dim=table.shape[1], mask_zero=False,
        )  # fmt: skip

    def _reshape(self, name: str, dims: tuple[int, ...], of: str) -> str:
        return self.layers.add("Reshape", name, dims, inputs=[of], target_shape=list(dims))


def _is_full(table: Int64, width: int) -> bool:
    """Whether texts of all lengths fill a layer."""
    return bool((table[1:] == width).all())
