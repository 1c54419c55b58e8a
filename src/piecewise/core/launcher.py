"""The launcher of several processes, such as `mpiexec`: what it tells them by the environment."""

from __future__ import annotations

import os

SWITCH = "PIECEWISE_MPI"
"""The environment variable that is "off" if every process works alone."""
_NAMES = (("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"))
"""The variables with the number of processes and the rank of this one: those of MPICH and its
relatives, and those of Open MPI."""


def launched_processes() -> int:
    """The number of processes that the launcher has started together; 1 without one."""
    for size, rank in _NAMES:
        count = os.environ.get(size, "")
        if rank in os.environ and count.isdecimal() and not works_alone():
            return int(count)
    return 1


def works_alone() -> bool:
    """Whether this process ignores the others."""
    return os.environ.get(SWITCH) == "off"
