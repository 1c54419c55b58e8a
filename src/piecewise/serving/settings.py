"""The settings of the prediction server, which every worker process gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ..core.constraints import Constraint, Integer, Real, checked

PORT = Integer(0, 65_535)
WORKERS = Integer(1, 64)
RATE = Real(0, 1e6)
WAITING = Integer(1, 100_000)
BODY_MB = Integer(1, 1_024)
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder in which the processes of a server share their metrics."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CONSTRAINTS: dict[str, Constraint] = {
    "port": PORT,
    "workers": WORKERS,
    "max_rate": RATE,
    "max_requests": WAITING,
    "max_body_mb": BODY_MB,
}


@dataclass(frozen=True)
class ServerSettings:
    """What the server answers with, where it listens, and its limits.

    Parameters
    ----------
    nets : tuple of (str, str)
        The name and the file of each net.
    token : str or None
        What a request must send as ``Authorization: Bearer TOKEN``; None for no check.
    host, port : str, int
        Where to listen; port 0 is any that is free.
    workers : int
        Processes that answer.
    max_requests : int
        Requests that a worker answers at a time; for one more, the answer is 503.
    max_rate : float
        Requests per second and worker; 0 for no limit.
    max_body_mb : int
        The size of a request in MB (2**20 bytes).
    """

    nets: tuple[tuple[str, str], ...]
    token: str | None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_requests: int = 2_000
    max_rate: float = 0.0
    max_body_mb: int = 64
    log: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _CONSTRAINTS:
                value: Any = getattr(self, field.name)
                checked(field.name, _CONSTRAINTS[field.name], value)

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach the server."""
        return self.host in LOOPBACK
