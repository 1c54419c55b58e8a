"""The layers of a Keras model from its input to its output, those of nested models among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...core.constraints import MAX_LAYERS
from ...core.errors import ModelFileError, shown
from .files import weight_paths
from .settings import Settings

MODELS = {"Sequential", "Functional", "Model"}
MAX_DEPTH = 8
"""Models in each other."""
_MAX_LAYERS = 4 * MAX_LAYERS  # layers without a counterpart included


class FileLayer(NamedTuple):
    """A layer as a file has it."""

    kind: str
    """Its class."""
    name: str
    settings: Settings
    path: str
    """Where a `.keras` file has its arrays."""
    top: str
    """The layer of the outermost model that it is, or is in; `.h5` files list arrays by it."""
    is_custom: bool = False


def model_path(config: Any) -> list[FileLayer]:
    """The layers of a model, in order; ModelFileError unless they are a single path."""
    path = list(_layers(config, "", None, 0))
    if len(path) > _MAX_LAYERS:
        raise ModelFileError(f"more than {_MAX_LAYERS:,} layers")
    return path


def model_layers(config: Any) -> list[FileLayer]:
    """All layers of a model without nested ones, in the order in which Keras lists them."""
    inner = config.get("config") if isinstance(config, dict) else None
    entries = _entries(inner)
    paths = weight_paths([_class_of(one) for one in entries])
    return [_file_layer(entry, path, None) for entry, path in zip(entries, paths, strict=True)]


def _layers(config: Any, above: str, top: str | None, depth: int) -> Iterator[FileLayer]:
    """The layers of a model whose arrays are below a path."""
    if depth > MAX_DEPTH:
        raise ModelFileError(f"more than {MAX_DEPTH} models in each other")
    kind, inner = _class_of(config), config.get("config")
    if kind not in MODELS:
        raise ModelFileError(f"a model of the class {shown(kind)}, wanted Sequential or Functional")
    entries = _entries(inner)
    ordered = entries if kind == "Sequential" else _single_path(inner, entries)
    if kind == "Sequential" and isinstance(inner, dict) and depth == 0:
        ordered = _with_input(inner, entries)
    paths = weight_paths([_class_of(one) for one in ordered], above)
    for entry, path in zip(ordered, paths, strict=True):
        if _class_of(entry) in MODELS:
            yield from _layers(entry, f"{path}/", top or _name_of(entry), depth + 1)
        else:
            yield _file_layer(entry, path, top)


def _entries(inner: Any) -> list[dict[str, Any]]:
    """The layers of a model, as the file has them."""
    entries = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ModelFileError("a model without a list of layers")
    if not entries or len(entries) > _MAX_LAYERS:
        raise ModelFileError(f"a model of {len(entries):,} layers, wanted 1 to {_MAX_LAYERS:,}")
    return entries


def _file_layer(entry: dict[str, Any], path: str, top: str | None) -> FileLayer:
    name, settings = _name_of(entry), entry.get("config")
    if not isinstance(settings, dict):
        raise ModelFileError(f"layer {shown(name, 80)}: its settings are missing")
    kind = _class_of(entry)
    return FileLayer(kind, name, Settings(name, settings), path, top or name, _is_custom(entry))


def _with_input(inner: dict[str, Any], entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers of a Sequential model, with its input shape where only the model says it."""
    shape = inner.get("build_input_shape")
    if _class_of(entries[0]) == "InputLayer" or not isinstance(shape, list):
        return entries
    config = {"name": "input", "build_input_shape": shape}
    return [{"class_name": "InputLayer", "config": config}, *entries]


def _single_path(inner: dict[str, Any], entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers of a Functional model from its input to its output."""
    by_name = {_name_of(entry): entry for entry in entries}
    outputs = set(_names(inner.get("output_layers"), by_name))
    if len(by_name) < len(entries):
        raise ModelFileError("two layers of a model with the same name")
    if len(outputs) != 1 or len(set(_names(inner.get("input_layers"), by_name))) != 1:
        raise ModelFileError("a model with several inputs or outputs, wanted one of each")
    path, name = [], outputs.pop()
    while True:
        entry = by_name[name]
        path.append(entry)
        if len(path) > len(entries):
            raise ModelFileError(f"layer {shown(name, 80)}: it reads its own output")
        nodes = entry.get("inbound_nodes")
        before = _names(nodes, by_name)
        if not before:
            break
        if len(before) != 1:
            raise ModelFileError(
                f"layer {shown(name, 80)}: it joins {len(before)} branches; piecewise has "
                "chains of layers"
            )
        name = before[0]
    return path[::-1]


def _names(value: Any, known: dict[str, Any], depth: int = 0) -> list[str]:
    """The layers to which a part of a model refers: ``[name, 0, 0]`` in any lists, or tensors with
    such a history."""
    if depth > 16:
        raise ModelFileError("a model with inputs in too many lists")
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            return _names(config.get("keras_history") if isinstance(config, dict) else None, known)
        return [name for one in value.values() for name in _names(one, known, depth + 1)]
    if not isinstance(value, list):
        return []
    if len(value) in {3, 4} and isinstance(value[0], str) and type(value[1]) is int:
        if value[0] not in known:
            raise ModelFileError(f"layer {shown(value[0], 80)}: the model does not have it")
        more = _names(value[3], known, depth + 1) if len(value) == 4 else []
        return [value[0], *more]
    return [name for one in value[: 2 * _MAX_LAYERS] for name in _names(one, known, depth + 1)]


def _class_of(entry: Any) -> str:
    kind = entry.get("class_name") if isinstance(entry, dict) else None
    if not isinstance(kind, str) or not kind.isidentifier() or len(kind) > 100:
        raise ModelFileError(f"a layer of the class {shown(kind)}, wanted a name")
    return kind


def _name_of(entry: dict[str, Any]) -> str:
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    name = entry.get("name", name)
    if name is None:  # nested models of the first versions
        return _class_of(entry)
    if not isinstance(name, str) or not 0 < len(name) <= 500:
        raise ModelFileError(f"a layer with the name {shown(name)}, wanted a text")
    return name


def _is_custom(entry: dict[str, Any]) -> bool:
    """Whether a layer is of a class that is not part of Keras."""
    module, registered = entry.get("module"), entry.get("registered_name")
    is_keras = module is None or str(module).split(".")[0] in {"keras", "tensorflow", "tf_keras"}
    return not is_keras or ">" in str(registered or "")
