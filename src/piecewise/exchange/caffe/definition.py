"""The layers that a Caffe file defines, of every version of the format, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.errors import ModelFileError, shown
from ..formats.prototxt import Message, Value
from .schema import V1_TYPES, Blobs

DATA_LAYERS = (
    "Input", "Data", "DummyData", "HDF5Data", "ImageData", "MemoryData", "WindowData",
)  # fmt: skip
"""The types of layers that bring inputs and labels."""


class MessageFields:
    """The fields of a message, with the type that each must have; the last one counts."""

    def __init__(self, message: Message, where: str) -> None:
        self._message = message
        self._where = where

    def integers(self, name: str) -> list[int]:
        """All values of a field of whole numbers."""
        values = self._message.get(name, [])
        return [self._integer(name, value) for value in values]

    def integer(self, name: str, default: int) -> int:
        """A whole number."""
        values = self.integers(name)
        return values[-1] if values else default

    def real(self, name: str, default: float) -> float:
        """A number."""
        return (self.reals(name) or [default])[-1]

    def reals(self, name: str) -> list[float]:
        """All values of a field of numbers."""
        values = self._message.get(name, [])
        return [self._real(name, value) for value in values]

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = (self._message.get(name) or [default])[-1]  # a packed field may be empty
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def texts(self, name: str) -> list[str]:
        """All values of a field of texts or names."""
        values = self._message.get(name, [])
        return [value if isinstance(value, str) else self._text(name, value) for value in values]

    def text(self, name: str, default: str = "") -> str:
        """A text or a name."""
        values = self.texts(name)
        return values[-1] if values else default

    def messages(self, name: str) -> list[MessageFields]:
        """All messages of a field."""
        found = []
        for value in self._message.get(name, []):
            if not isinstance(value, dict):
                raise self._wrong(name, value, "fields in brackets")
            found.append(MessageFields(value, self._where))
        return found

    def message(self, name: str) -> MessageFields:
        """A message; an empty one if the field is left out."""
        found = self.messages(name)
        return found[-1] if found else MessageFields({}, self._where)

    def __contains__(self, name: str) -> bool:
        return name in self._message

    def _integer(self, name: str, value: Value) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 62:
            raise self._wrong(name, value, "a whole number")
        return value

    def _real(self, name: str, value: Value) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
            raise self._wrong(name, value, "a number")
        return float(value)

    def _text(self, name: str, value: Value) -> str:
        raise self._wrong(name, value, "a text")

    def _wrong(self, name: str, value: object, wanted: str) -> ModelFileError:
        return ModelFileError(f"{self._where}: {name}: got {shown(value)}, wanted {wanted}")


@dataclass(frozen=True)
class LayerRecord:
    """A layer: its name, its type as later versions call it, the blobs that it reads and makes,
    its fields, and the bytes of its parameters."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    fields: MessageFields
    blobs: Blobs = field(default_factory=list)

    @property
    def is_for_training(self) -> bool:
        """Whether it is left out at inference."""
        included = [rule.text("phase") for rule in self.fields.messages("include")]
        excluded = [rule.text("phase") for rule in self.fields.messages("exclude")]
        trains_only = bool(included) and all(phase == "TRAIN" for phase in included)
        return trains_only or "TEST" in excluded


def layer_records(
    net: Message, blobs: Mapping[int, Blobs] | None = None, source: str = "the net"
) -> list[LayerRecord]:
    """The layers of a net message; ``blobs`` by the identity of the message of a layer."""
    if "layer" in net and "layers" in net:
        raise ModelFileError(f"{source} has layers of two versions of the format")
    records = []
    for number, message in enumerate([*net.get("layer", []), *net.get("layers", [])], 1):
        if not isinstance(message, dict):
            raise ModelFileError(f"{source}: layer {number}: got {shown(message)}, wanted fields")
        if "layer" in message:
            raise ModelFileError(
                f"{source}: layer {number} is of the first version of the format; convert the file "
                "with Caffe's upgrade_net_proto_text or upgrade_net_proto_binary"
            )
        anonymous = MessageFields(message, f"layer {number}")
        name = anonymous.text("name", f"number {number}")
        own = MessageFields(message, f"layer {shown(name)}")
        kind = own.text("type")
        records.append(LayerRecord(
            name, V1_TYPES.get(kind, kind), tuple(own.texts("bottom")), tuple(own.texts("top")),
            own, (blobs or {}).get(id(message), []),
        ))  # fmt: skip
    return records


def with_blobs(
    layers: Sequence[LayerRecord], parameters: Sequence[LayerRecord]
) -> list[LayerRecord]:
    """The layers of a definition with the parameters of another file, by name, as Caffe does."""
    by_name = {record.name: record.blobs for record in parameters if record.blobs}
    return [replace(one, blobs=by_name.get(one.name, [])) for one in layers]


def defined_input(net: Message, layers: Sequence[LayerRecord]) -> tuple[str, list[int]]:
    """The name of the first input blob, and its dimensions without the batch; empty if unknown."""
    own = MessageFields(net, "the net")
    dims = own.message("input_shape").integers("dim") or own.integers("input_dim")[:4]
    if names := own.texts("input"):
        return names[0], dims[1:]
    for layer in layers:
        if layer.type in DATA_LAYERS and not layer.is_for_training and layer.tops:
            return layer.tops[0], _dims_of(layer)
    trained = [layer for layer in layers if layer.type in DATA_LAYERS and layer.tops]
    if trained:
        return trained[0].tops[0], _dims_of(trained[0])
    return (layers[0].bottoms[0] if layers and layers[0].bottoms else ""), dims[1:]


def _dims_of(layer: LayerRecord) -> list[int]:
    """The dimensions that a data layer states: all of them, or those that its crop gives."""
    if shapes := layer.fields.message("input_param").messages("shape"):
        return shapes[0].integers("dim")[1:]
    memory = layer.fields.message("memory_data_param")
    if "height" in memory:
        return [memory.integer(name, 1) for name in ("channels", "height", "width")]
    side = layer.fields.message("transform_param").integer("crop_size", 0)
    return [side, side] if side else []
