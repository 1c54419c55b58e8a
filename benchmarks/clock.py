"""The clock of the workers: wall time, or CPU time, which other programs hardly change."""

from __future__ import annotations

import os
import time

VARIABLE = "BENCHMARK_CLOCK"
"""The environment variable that chooses CPU time, if it is "cpu"."""

now = time.process_time if os.environ.get(VARIABLE) == "cpu" else time.perf_counter
"""The seconds of the clock."""
