"""What vectors the processor has, and the tile sizes that follow.

The results never depend on any of it: a vector of eight does in two halves, and one of four in four
quarters, what a vector of sixteen does at once.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import NamedTuple

from ...core.errors import LimitError, shown

FORMS = ("avx512", "avx2", "four", "plain")
"""Vectors of sixteen, of eight, of four, and of four without fused multiply-add."""
CHOICE = "PIECEWISE_VECTORS"
"""The environment variable that chooses a form smaller than the processor's own."""


class Target(NamedTuple):
    """A form of vectors to compile for."""

    name: str
    lanes: int
    """Examples a vector holds; a group of sixteen is 16 / lanes vectors."""
    registers: int
    features: str
    """LLVM's target features, in its own notation."""
    processor: str
    pause: str
    """The instruction that tells the processor it waits."""

    @property
    def sums(self) -> int:
        """The most sums that a tile may carry so that nothing spills: what is left of the
        registers holds the values they are fed with."""
        return 24 if self.registers >= 32 else 12

    @property
    def wide(self) -> Target:
        """The same vectors, of float64."""
        return self._replace(lanes=self.lanes // 2)

    @property
    def fused(self) -> bool:
        """Whether it multiplies and adds with one rounding by itself; if not, it is slow."""
        return self.name != "plain"


def machine(processor: str, features: Mapping[str, bool], name: str | None = None) -> Target:
    """The form ``name``, or the widest that a processor with these features has. LimitError if it
    does not have it."""
    if platform.machine().lower() in {"arm64", "aarch64"}:
        return Target("four", 4, 32, _written(features), processor, "yield")
    own = [form for form in FORMS if _has(form, features)]
    if name is None:
        name = os.environ.get(CHOICE) or own[0]
    if name not in own:
        raise LimitError(
            f"{CHOICE}: got {shown(name)}, wanted what this processor has: {', '.join(own)}"
        )
    if name == "avx512":
        return Target(name, 16, 32, _written(features) + ",-prefer-256-bit", processor, "pause")
    narrow = {
        key: on and not key.startswith(("avx512", "avx10", "evex")) for key, on in features.items()
    }
    if name == "plain":
        narrow |= {
            key: False
            for key in features
            if key.startswith(("avx", "fma", "f16c", "vaes", "vpcl", "xop"))
        }
    return Target(name, 8 if name == "avx2" else 4, 16, _written(narrow), processor, "pause")


def _has(form: str, features: Mapping[str, bool]) -> bool:
    needs = {
        "avx512": ("avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"),
        "avx2": ("avx2", "fma"),
        "four": ("avx", "fma"),
        "plain": (),
    }
    return all(features.get(feature) for feature in needs[form])


def _written(features: Mapping[str, bool]) -> str:
    return ",".join(f"{'+' if on else '-'}{key}" for key, on in sorted(features.items()))
