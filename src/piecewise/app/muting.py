"""Muting: a copy of a net in which the votes of some maps are taken away."""

from __future__ import annotations

from threading import Lock

from ..core.errors import DataError, LimitError, shown
from ..network import Network
from ..spec.architecture import Stage
from ..spec.layers import Convolution, Full

MOST = 1_000
"""Maps that are muted at a time."""
Maps = tuple[tuple[str, int], ...]


def checked_maps(value: object) -> Maps:
    """The maps that a request mutes: a list of pairs of a layer and the number of a map;
    DataError."""
    if not isinstance(value, list) or len(value) > MOST:
        raise DataError(f"mute: got {shown(value)}, wanted at most {MOST:,} pairs")
    maps = []
    for one in value:
        is_pair = isinstance(one, list) and len(one) == 2
        if not is_pair or not isinstance(one[0], str) or type(one[1]) is not int:
            raise DataError(f"mute: got {shown(one)}, wanted a layer and the number of a map")
        maps.append((one[0], one[1]))
    return tuple(sorted(set(maps)))


def muted(net: Network, maps: Maps) -> Network:
    """A copy of a net in which the weights by which the next layer multiplies the maps are 0.
    LimitError if a layer or a map does not exist, or no layer follows."""
    copy = Network.from_saved_model(net.saved_model())
    for layer, number in maps:
        reader = _reader(net, layer, number)
        weight = copy.parameters[f"{reader.name}.weight"]
        if isinstance(reader.layer, Convolution):
            weight[:, number] = 0
        else:
            cells = reader.input.height * reader.input.width
            weight[:, number * cells : (number + 1) * cells] = 0
    return copy


def _reader(net: Network, layer: str, number: int) -> Stage:
    """The next layer with weights after a map."""
    stages = net.architecture.stages
    own = next((stage for stage in stages if stage.name == layer), None)
    if own is None or not 0 <= number < own.output.channels:
        raise LimitError(f"mute: there is no map {number} of the layer {shown(layer)}")
    for stage in stages[own.number :]:
        if isinstance(stage.layer, Convolution | Full):
            return stage
    raise LimitError(f"mute: no layer reads the maps of {layer}")


class Mutes:
    """The last muted copy of a net, so that the next answer needs no other one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: tuple[Network, Maps, Network] | None = None

    def of(self, net: Network, maps: Maps) -> Network:
        """The net without the votes of some maps; the net itself if there are none."""
        if not maps:
            return net
        with self._lock:
            if self._last is None or self._last[0] is not net or self._last[1] != maps:
                self._last = net, maps, muted(net, maps)
            return self._last[2]
