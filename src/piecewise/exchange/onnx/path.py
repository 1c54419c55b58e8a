"""The single path of a graph from its input to its output; an error names a branch."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import ModelFileError, shown
from .constants import Constants, refused
from .model_proto import ModelProto, NodeProto, ValueInfo

LABEL_TYPES = {2, 3, 4, 5, 6, 7, 8, 9, 12, 13}
"""Element types of outputs that are labels: whole numbers and texts."""
ML_DOMAIN = "ai.onnx.ml"
_NEWEST_OPSET, _OLDEST_OPSET = 28, 7
_END = {"ArgMax", "ZipMap"}


@dataclass
class Path:
    """The nodes from the input to the output, in order."""

    input: ValueInfo
    nodes: list[NodeProto]
    """Those that compute something from the input."""
    consumers: dict[str, list[NodeProto]]
    """The nodes of the path that read a tensor."""
    output: str
    """The name of the output."""
    opset: int
    """The version of the operators."""

    @property
    def batch(self) -> int | None:
        """The number of examples, where the graph fixes it."""
        return (self.input.dims or [None])[0]

    def start_at(self, index: int) -> None:
        """Leave out the first nodes: the input is what the node at this index reads."""
        first = self.nodes[index]
        self.input.name = next(name for name in first.inputs if name in self._outputs(index))
        del self.nodes[:index]

    def _outputs(self, index: int) -> set[str]:
        return {name for node in self.nodes[:index] for name in node.outputs}

    def next(self, node: NodeProto) -> NodeProto | None:
        """The only node that reads the output of a node."""
        readers = self.consumers.get(node.outputs[0], [])
        return readers[0] if len(readers) == 1 else None


def path_of(model: ModelProto, constants: Constants) -> Path:
    """The path of a model, with all constants on it computed; ModelFileError."""
    _check_operators(model)
    producers = _producers(model)
    output, cone = _output(model, producers)
    nodes: list[NodeProto] = []
    for node in cone:
        _check_node(node)
        if all(name in constants for name in node.inputs if name):
            constants.evaluate(node)
        else:
            nodes.append(node)
    consumers: dict[str, list[NodeProto]] = {}
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            if name not in constants:
                consumers.setdefault(name, []).append(node)
    return Path(_input(model, consumers, producers), nodes, consumers, output, model.opsets[""])


def class_labels(model: ModelProto) -> list[str] | None:
    """The names of the classes, as scikit-learn's converter writes them; None without."""
    for node in model.nodes:
        if node.domain != ML_DOMAIN:
            continue
        for name in ("classlabels_strings", "classlabels_int64s"):
            if node.operator == "ZipMap" and node.attributes.get(name):
                return [str(label) for label in node.attributes[name]]
        if node.operator == "ArrayFeatureExtractor":
            tensor = model.initializers.get(node.inputs[0]) if node.inputs else None
            if tensor is not None:
                values = tensor.strings() if tensor.holds_texts else tensor.array().ravel().tolist()
                return [str(label) for label in values]
    return None


def _check_operators(model: ModelProto) -> None:
    version = model.opsets.get("", 0)
    if not _OLDEST_OPSET <= version <= _NEWEST_OPSET:
        raise ModelFileError(
            f"its operators are of version {shown(version)}, wanted opset {_OLDEST_OPSET} to "
            f"{_NEWEST_OPSET}; convert the file to one of these"
        )


def _check_node(node: NodeProto) -> None:
    if node.subgraph:
        raise refused(node, "it has a subgraph, a branch or a loop; piecewise has chains of layers")
    if not node.outputs or (
        node.domain and not (node.domain == ML_DOMAIN and node.operator in _END)
    ):
        raise refused(node, f"an operator of {shown(node.domain)}, which piecewise does not have")


def _producers(model: ModelProto) -> dict[str, int]:
    """The number of the node that computes each tensor."""
    producers: dict[str, int] = {}
    known = {info.name for info in model.inputs} | set(model.initializers)
    for index, node in enumerate(model.nodes):
        for name in filter(None, node.outputs):
            if name in producers or name in known:
                raise refused(node, f"another tensor has the name of its output, {shown(name)}")
            producers[name] = index
    return producers


def _output(model: ModelProto, producers: dict[str, int]) -> tuple[str, list[NodeProto]]:
    """The output for all classes, and the nodes that it depends on, in order.

    Labels are left out. Of several outputs, that which depends on all others: probabilities, and
    not the logits before them.
    """
    outputs = [info for info in model.outputs if info.name in producers]
    chosen = [info for info in outputs if info.type not in LABEL_TYPES] or outputs[:1]
    if not chosen:
        raise ModelFileError("it has no output that a node computes")
    cones = {info.name: _cone(model, producers, info.name) for info in chosen}
    name = max(cones, key=lambda one: len(cones[one]))
    for other, cone in cones.items():
        if not cone <= cones[name] and not _is_copy(model, producers, other, cones[name]):
            raise ModelFileError(
                f"it has the outputs {shown(name)} and {shown(other)} of two branches; piecewise's "
                "networks have one output"
            )
    return name, [model.nodes[index] for index in sorted(cones[name])]


def _is_copy(model: ModelProto, producers: dict[str, int], name: str, cone: set[int]) -> bool:
    """Whether an output is one step aside from the path: another form of a tensor on it."""
    own = _cone(model, producers, name) - cone
    return len(own) == 1 and model.nodes[own.pop()].operator in (
        "Identity", "Softmax", "LogSoftmax", "Cast", "Sigmoid",
    )  # fmt: skip


def _cone(model: ModelProto, producers: dict[str, int], name: str) -> set[int]:
    """The numbers of the nodes that a tensor depends on."""
    found: set[int] = set()
    names = [name]
    while names:
        index = producers.get(names.pop())
        if index is None or index in found:
            continue
        found.add(index)
        names += model.nodes[index].inputs
    return found


def _input(
    model: ModelProto, consumers: dict[str, list[NodeProto]], producers: dict[str, int]
) -> ValueInfo:
    """The input that the path starts from."""
    used = [info for info in model.inputs if info.name in consumers]
    if len(used) != 1:
        names = ", ".join(shown(info.name) for info in used[:3]) or "no input"
        raise ModelFileError(f"its output depends on {names}, wanted one input")
    known = {used[0].name, *producers}
    for name, nodes in consumers.items():
        if name and name not in known:
            raise refused(nodes[0], f"it reads {shown(name)}, which nothing computes")
    return used[0]
