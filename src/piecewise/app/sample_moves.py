"""Moves of samples to other classes and parts, with names that are free there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from .listing import Listing
from .moves import Move


def plan_moves(
    listing: Listing,
    ids: Sequence[str],
    folder: str | None,
    part: str,
    numbers: Callable[[str, int], int],
) -> tuple[list[Move], list[str]]:
    """The moves of samples to a class, or within their own, and to a part; and their new ids. A
    sample that comes to another class, or whose name is taken, gets a new number; ``numbers`` gives
    the first of some for a class."""
    found = [listing.lookup(one) for one in dict.fromkeys(ids)]
    found = [one for one in found if (part, folder or one[1]) != one[:2]]
    targets = [folder or own for _, own, _ in found]
    is_new = [target != own or listing.has(part, target, file)
              for (_, own, file), target in zip(found, targets, strict=True)]  # fmt: skip
    counts = Counter(target for target, new in zip(targets, is_new, strict=True) if new)
    number = {target: numbers(target, count) for target, count in counts.items()}
    moves, new_ids = list[Move](), list[str]()
    for (old_part, own, file), target, new in zip(found, targets, is_new, strict=True):
        name = file
        if new:
            name = f"{number[target]:04d}{file.lstrip('0123456789')}"
            number[target] += 1
        moves.append(Move(listing.path_of(old_part, own, file),
                          listing.path_of(part, target, name)))  # fmt: skip
        new_ids.append(f"{part}/{target}/{name}")
    return moves, new_ids
