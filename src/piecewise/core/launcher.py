"""The launcher of several processes, such as `mpiexec`: what it tells them by the environment."""

from __future__ import annotations

import os
import sys

SWITCH = "PIECEWISE_MPI"
"""The environment variable that is "off" if every process works alone, and "on" if a launcher that
is not among `_NAMES` has started several."""
_NAMES = (("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"))
"""The variables with the number of processes and the rank of this one: those of MPICH and its
relatives, and those of Open MPI."""


def may_have_ranks() -> bool:
    """Whether other processes may have been started together with this one."""
    switch = os.environ.get(SWITCH)
    if switch in ("on", "off"):
        return switch == "on"
    return "mpi4py.MPI" in sys.modules or any(map(_is_launched, _NAMES))


def _is_launched(names: tuple[str, str]) -> bool:
    size, rank = (os.environ.get(name, "") for name in names)
    return rank.isdecimal() and size.isdecimal() and int(size) > 1
