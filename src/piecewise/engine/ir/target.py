"""The target processor: its vector width and the tile sizes that follow from it.

Results do not depend on the vector width. Two vectors of eight, or four vectors of four, compute
what one vector of sixteen computes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import NamedTuple

from ...core.errors import LimitError, shown

FORMS = ("avx512", "avx2", "four", "plain")
"""Vector forms: sixteen, eight and four lanes, and four lanes without fused multiply-add."""
CHOICE = "PIECEWISE_VECTORS"
"""The environment variable that selects a smaller form than the processor's own."""


class Target(NamedTuple):
    """A vector form to compile for."""

    name: str
    lanes: int
    """Examples per vector; a group of sixteen is 16 / lanes vectors."""
    registers: int
    features: str
    """LLVM's target features, in LLVM's notation."""
    processor: str
    pause: str
    """The instruction of a spin-wait loop."""

    @property
    def sums(self) -> int:
        """The largest number of sums that a tile may keep in registers without spilling. The other
        registers hold the operands."""
        return 24 if self.registers >= 32 else 12

    @property
    def float64(self) -> Target:
        """The same registers as float64 vectors."""
        return self._replace(lanes=self.lanes // 2)

    @property
    def fused(self) -> bool:
        """Whether the processor has a fused multiply-add instruction; without one it is emulated
        and slow."""
        return self.name != "plain"


def choose_target(processor: str, features: Mapping[str, bool], name: str | None = None) -> Target:
    """The form ``name``, or the widest form of a processor with these features. Raises LimitError
    if the processor does not have it."""
    is_arm = platform.machine().lower() in {"arm64", "aarch64"}
    own = ["four"] if is_arm else [form for form in FORMS if _has(form, features)]
    if name is None:
        name = os.environ.get(CHOICE) or own[0]
    if name not in own:
        raise LimitError(
            f"{CHOICE}: got {shown(name)}, wanted what this processor has: {', '.join(own)}"
        )
    if is_arm:
        return Target(name, 4, 32, _feature_text(features), processor, "yield")
    if name == "avx512":
        return Target(
            name, 16, 32, _feature_text(features) + ",-prefer-256-bit", processor, "pause"
        )
    enabled = {
        key: on and not key.startswith(("avx512", "avx10", "evex")) for key, on in features.items()
    }
    if name == "plain":
        enabled |= {
            key: False
            for key in features
            if key.startswith(("avx", "fma", "f16c", "vaes", "vpcl", "xop"))
        }
    return Target(name, 8 if name == "avx2" else 4, 16, _feature_text(enabled), processor, "pause")


def _has(form: str, features: Mapping[str, bool]) -> bool:
    needs = {
        "avx512": ("avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"),
        "avx2": ("avx2", "fma"),
        "four": ("avx", "fma"),
        "plain": (),
    }
    return all(features.get(feature) for feature in needs[form])


def _feature_text(features: Mapping[str, bool]) -> str:
    return ",".join(f"{'+' if on else '-'}{key}" for key, on in sorted(features.items()))
