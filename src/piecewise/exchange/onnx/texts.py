"""Texts in ONNX: embeddings, the lengths of texts, and zeros after their ends.

A text of a network ends at its last token that is not padding, and so it does in every layer
(`spec/text_lengths.py`). The lengths are nodes of the graph: the length of the text, and for every
layer the entry of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...core.array_types import Float32, Int64
from ...spec.architecture import Stage
from ...spec.layer_base import PADDING
from ...spec.layers import Pool, Relu
from ...spec.text_lengths import length_tables
from ...storage.model_file import SavedModel
from .graph import BATCH, Graph, Value

AddPool = Callable[[Graph, Stage, Mapping[str, Float32], Value], Value]


class Texts:
    """The texts of a graph: which tokens are padding, and where each text ends in each layer.

    Parameters
    ----------
    graph : Graph
        The graph, to which the lengths are added.
    model : SavedModel
        A network that reads texts.
    tokens : Value
        int64 (N, positions).
    """

    def __init__(self, graph: Graph, model: SavedModel, tokens: Value) -> None:
        self._graph, stages = graph, model.architecture.stages
        positions = model.architecture.input.width
        tables = [np.arange(positions + 1), *length_tables(stages)]
        self._inputs = dict(zip([stage.name for stage in stages], tables, strict=False))
        self._outputs = dict(zip([stage.name for stage in stages], tables[1:], strict=True))
        self._masks: dict[bytes, Value] = {}
        padding = graph.constant("padding", np.int64(PADDING))
        self._is_padding = graph.add("Equal", [tokens, padding], "is_padding", dtype=np.bool_)
        one = graph.constant("one", np.int64(1))
        numbers = graph.constant("positions", np.arange(1, positions + 1))
        ends = graph.add(
            "Where", [self._is_padding, one, numbers], "ends", tokens.dims, tokens.dtype
        )
        self._length = graph.add("ReduceMax", [ends], "length", (BATCH,), axes=[1], keepdims=0)

    def embedding(self, stage: Stage, arrays: Mapping[str, Float32], tokens: Value) -> Value:
        """Tokens (N, positions) -> their vectors (N, C, 1, positions); zeros for padding."""
        graph, name, (channels, _, positions) = self._graph, stage.name, stage.output
        table = graph.constant(f"{name}.weight", arrays["weight"])
        dims = (BATCH, positions, channels)
        rows = graph.add("Gather", [table, tokens], f"{name}_rows", dims)
        axis = graph.constant("axis_2", np.array([2]))
        where = graph.add("Unsqueeze", [self._is_padding, axis], "no_vector", (BATCH, positions, 1))
        inputs = [where, self._zero(), rows]
        vectors = graph.add("Where", inputs, f"{name}_vectors", dims, np.float32)
        dims = (BATCH, channels, positions)
        turned = graph.add("Transpose", [vectors], f"{name}_channels", dims, perm=[0, 2, 1])
        return graph.add("Unsqueeze", [turned, axis], name, (BATCH, channels, 1, positions))

    def without_padding(self, stage: Stage, x: Value) -> Value:
        """The output x of a stage with zeros after the end of each text."""
        table, width = self._outputs[stage.name], stage.output.width
        if isinstance(stage.layer, Relu) or _is_full(table, width):
            return x  # zeros stay zeros
        inputs = [self._mask(stage.name, table, width), x, self._zero()]
        return self._graph.add("Where", inputs, f"{stage.name}_text", x.dims, x.dtype)

    def pool(self, stage: Stage, x: Value, add_pool: AddPool) -> Value:
        """Pooling that sees the positions of each text alone."""
        layer, table = stage.layer, self._inputs[stage.name]
        assert isinstance(layer, Pool)
        if _is_full(table, stage.input.width):
            return add_pool(self._graph, stage, {}, x)
        if layer.kind == "max":
            lowest = self._graph.constant("lowest", np.float32(-np.inf))
            inputs = [self._mask(f"{stage.name}_input", table, stage.input.width), x, lowest]
            x = self._graph.add("Where", inputs, f"{stage.name}_cells", x.dims, x.dtype)
            return add_pool(self._graph, stage, {}, x)
        return self._for_cells(stage, add_pool(self._graph, stage, {}, x))

    def _for_cells(self, stage: Stage, averages: Value) -> Value:
        """Averages over all cells of each window, as averages over the cells of the text."""
        graph, name, dims = self._graph, stage.name, (BATCH, 1, 1, stage.output.width)
        columns = stage.layer.windows(stage.input)[1]
        cells = [columns.cells(index) for index in range(columns.count)]
        starts = graph.constant(f"{name}.starts", np.array([one.start for one in cells]))
        stops = graph.constant(f"{name}.stops", np.array([one.stop for one in cells]))
        all_cells = graph.constant(f"{name}.cells", np.array([len(one) for one in cells], "f4"))
        lengths = self._lengths(f"{name}_input", self._inputs[name])
        ends = graph.add("Min", [lengths, stops], f"{name}_ends", dims)
        counts = graph.add("Sub", [ends, starts], f"{name}_counts", dims)
        one = graph.constant("one", np.int64(1))
        counts = graph.add("Max", [counts, one], f"{name}_text_counts", dims)
        real = graph.add("Cast", [counts], f"{name}_text_cells", dtype=np.float32, to=1)
        factors = graph.add("Div", [all_cells, real], f"{name}_factors", dims)
        return graph.add("Mul", [averages, factors], f"{name}_averages")

    def _mask(self, name: str, table: Int64, width: int) -> Value:
        """Whether a position (N, 1, 1, width) is before the end of its text."""
        key = table.tobytes() + str(width).encode()
        if key not in self._masks:
            numbers = self._graph.constant(f"columns_{width}", np.arange(width))
            inputs = [numbers, self._lengths(name, table)]
            dims = (BATCH, 1, 1, width)
            self._masks[key] = self._graph.add("Less", inputs, f"{name}_mask", dims, np.bool_)
        return self._masks[key]

    def _lengths(self, name: str, table: Int64) -> Value:
        """The lengths (N, 1, 1, 1) that a table gives for the lengths of the texts."""
        graph = self._graph
        axes = graph.constant("axes_1_2_3", np.array([1, 2, 3]))
        of_stage = graph.constant(f"{name}.lengths", table)
        length = graph.add("Gather", [of_stage, self._length], f"{name}_length", (BATCH,))
        return graph.add("Unsqueeze", [length, axes], f"{name}_lengths", (BATCH, 1, 1, 1))

    def _zero(self) -> Value:
        return self._graph.constant("zero", np.float32(0))


def _is_full(table: Int64, width: int) -> bool:
    """Whether texts of all lengths fill a layer."""
    return bool((table[1:] == width).all())
