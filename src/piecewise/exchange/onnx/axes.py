"""The axes of a tensor on its way through a graph: which sides of it are which of C, H and W.

A reshape, a transpose or a flattening changes how the values of a feature map lie in a tensor, and
computes nothing. So a reader follows the axes, and the layers of piecewise stay (C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array

BATCH = -(1 << 40)
"""The number of examples, where a graph computes with the sides of its tensors."""

Group = tuple[str, ...]
"""The axes in one side of a tensor, the slowest first. Axes of size 1 are left out."""


def sizes_of(shape: Sequence[int]) -> dict[str, int]:
    """The sizes of the axes C, H and W."""
    return dict(zip("CHW", shape, strict=True))


class AxesError(ValueError):
    """A change of sides that splits or mixes axes."""


class Axes(NamedTuple):
    """The sides of a tensor after the batch: the axes in each, and the sizes of all axes."""

    groups: tuple[Group, ...]
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, names: str, sizes: Mapping[str, int]) -> Axes:
        """One side for each axis: "CHW"."""
        groups = tuple((name,) if sizes[name] > 1 else () for name in names)
        return cls(groups, sizes)

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides of the tensor after the batch."""
        return tuple(prod(self.sizes[axis] for axis in group) for group in self.groups)

    @property
    def order(self) -> Group:
        """All axes longer than 1, the slowest first."""
        return tuple(axis for group in self.groups for axis in group)

    def are(self, names: str) -> bool:
        """Whether the sides are these axes, one each, and no others are longer than 1."""
        return self.groups == Axes.of(names, self.sizes).groups and set(self.order) <= set(names)

    def transposed(self, permutation: Sequence[int]) -> Axes:
        """With the sides in another order; the permutation counts the batch."""
        rank = len(self.groups) + 1
        if sorted(permutation) != list(range(rank)) or permutation[0] != 0:
            raise AxesError(f"it permutes {rank} axes by {list(permutation)[:8]}")
        return self._replace(groups=tuple(self.groups[axis - 1] for axis in permutation[1:]))

    def unsqueezed(self, axes: Sequence[int]) -> Axes:
        """With new sides of 1 at these axes."""
        rank = len(self.groups) + 1 + len(axes)
        wanted = {axis % rank if -rank <= axis < rank else 0 for axis in axes}
        if 0 in wanted or len(wanted) < len(axes):
            raise AxesError(f"it adds the axes {list(axes)[:8]}")
        old = iter(self.groups)
        return self._replace(
            groups=tuple(() if axis in wanted else next(old) for axis in range(1, rank))
        )

    def squeezed(self, axes: Sequence[int] | None) -> Axes:
        """Without these sides of 1; without all of them if ``axes`` is None."""
        rank = len(self.groups) + 1
        if axes is None:
            return self._replace(groups=tuple(group for group in self.groups if group))
        dropped = {self.axis(axis) for axis in axes}
        if any(axis == 0 or self.groups[axis - 1] for axis in dropped):
            raise AxesError(f"it removes the axes {list(axes)[:8]} of {rank}")
        kept = (group for at, group in enumerate(self.groups, 1) if at not in dropped)
        return self._replace(groups=tuple(kept))

    def flattened(self, axis: int) -> Axes:
        """With all sides from an axis on in one, and those before it in the batch."""
        axis = self.axis(axis) if axis != len(self.groups) + 1 else axis
        if axis == 0 or any(self.groups[: axis - 1]):
            raise AxesError(f"it flattens from axis {axis} on, which mixes examples")
        return self._replace(groups=(self.order,))

    def axis(self, axis: int) -> int:
        """An axis that may count from the end, as one that counts from the start."""
        rank = len(self.groups) + 1
        if not -rank <= axis < rank:
            raise AxesError(f"it has the axis {axis} of a tensor with {rank}")
        return axis % rank

    def reshaped(self, target: Sequence[int], batch: int | None = None) -> Axes:
        """With other sides, of which -1 follows from the rest, and 0 is that of this tensor.

        ``batch`` is the number of examples, where the graph fixes it.
        """
        sides = self.target_sides(target, batch)
        groups: list[Group] = []
        left = list(self.order)
        for side in sides:
            group: list[str] = []
            while left and prod(self.sizes[axis] for axis in group) < side:
                group.append(left.pop(0))
            if prod(self.sizes[axis] for axis in group) != side:
                raise AxesError(f"it reshapes {('N', *self.sides)} to {list(target)[:8]}")
            groups.append(tuple(group))
        if left:
            raise AxesError(f"it reshapes {('N', *self.sides)} to {list(target)[:8]}")
        return self._replace(groups=tuple(groups))

    def target_sides(self, target: Sequence[int], batch: int | None) -> list[int]:
        """The sides after the batch of a reshape; AxesError if it changes the batch."""
        wanted = list(target)
        if len(wanted) > 8 or not wanted:
            raise AxesError(f"it reshapes to {len(wanted)} axes")
        for at, side in enumerate(wanted):
            if side == 0 and 0 < at <= len(self.groups):
                wanted[at] = self.sides[at - 1]
        values, open_sides = prod(self.sides), [at for at, side in enumerate(wanted) if side == -1]
        first, rest = wanted[0], wanted[1:]
        known = prod(side for side in rest if side > 0)
        if open_sides and open_sides != [0]:
            if first not in (0, BATCH, batch) or len(open_sides) > 1 or values % max(1, known):
                raise AxesError(f"it reshapes to {list(target)[:8]}, which mixes examples")
            rest[open_sides[0] - 1] = values // known
        elif first not in (-1, 0, BATCH, batch):
            raise AxesError(f"it reshapes to {list(target)[:8]}, which mixes examples")
        if any(side < 1 for side in rest) or prod(rest) != values:
            raise AxesError(f"it reshapes {('N', *self.sides)} to {list(target)[:8]}")
        return rest

    def channel_numbers(self, array: Array) -> Array | None:
        """An array that is broadcast to the tensor, as one number or one for each of axis C."""
        rank = len(self.groups) + 1
        if array.ndim > rank or not array.size:
            return None
        sides = (1,) * (rank - array.ndim) + array.shape
        long = [at for at, side in enumerate(sides) if side > 1]
        if not long:
            return array.reshape(())
        if len(long) > 1 or long[0] == 0 or self.groups[long[0] - 1] != ("C",):
            return None
        return array.reshape(-1) if array.size == self.sizes["C"] else None

    def in_order(self, weight: Array) -> Array:
        """A weight (neurons, values) that reads the values in the order of this tensor, in the
        order C, H, W."""
        order = self.order
        wanted = [axis for axis in ("C", "H", "W") if axis in order]
        if list(order) == wanted:
            return weight
        cells = weight.reshape(len(weight), *(self.sizes[axis] for axis in order))
        turned = cells.transpose(0, *(1 + order.index(axis) for axis in wanted))
        return np.ascontiguousarray(turned).reshape(weight.shape)

    def maps_of(self, tensor: Array) -> Array:
        """A tensor (N, sides) with these axes as feature maps (N, C, H, W)."""
        order = self.order
        cells = tensor.reshape(len(tensor), *(self.sizes[axis] for axis in order))
        wanted = [1 + order.index(axis) for axis in "CHW" if axis in order]
        turned = np.ascontiguousarray(cells.transpose(0, *wanted))
        return turned.reshape(len(tensor), *(self.sizes[axis] for axis in "CHW"))

    def tensor_of(self, maps: Array) -> Array:
        """Feature maps (N, C, H, W) as a tensor (N, sides) with these axes."""
        present = [axis for axis in "CHW" if axis in self.order]
        cells = maps.reshape(len(maps), *(self.sizes[axis] for axis in present))
        turned = cells.transpose(0, *(1 + present.index(axis) for axis in self.order))
        return np.ascontiguousarray(turned).reshape(len(maps), *self.sides)
