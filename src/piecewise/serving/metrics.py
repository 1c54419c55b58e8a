"""What the server measures, in the text format of Prometheus."""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .settings import SHARED_METRICS

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_EXAMPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)


class Metrics:
    """The counters of a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self.requests = Counter("piecewise_requests", "Requests for predictions, by their status.",
                                ("net", "status"), registry=own)  # fmt: skip
        self.inputs = Counter(
            "piecewise_inputs", "Inputs that were predicted.", ("net",), registry=own
        )
        self.seconds = Histogram("piecewise_request_seconds", "Seconds of a request.", ("net",),
                                 buckets=_SECONDS, registry=own)  # fmt: skip
        self.batch = Histogram("piecewise_batch_examples", "Examples that ran together.",
                               buckets=_EXAMPLES, registry=own)  # fmt: skip
        self.running = Gauge("piecewise_requests_running", "Requests that are being answered.",
                             multiprocess_mode="livesum", registry=own)  # fmt: skip
        self.refused = Counter("piecewise_refused", "Requests that were refused with status 503.",
                               registry=own)  # fmt: skip
        self.reloads = Counter("piecewise_reloads", "Nets that were loaded again, by the result.",
                               ("net", "result"), registry=own)  # fmt: skip

    def text(self) -> bytes:
        """All numbers, of all processes of the server."""
        if SHARED_METRICS not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
