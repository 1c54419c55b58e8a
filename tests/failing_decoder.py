"""A decoder process for tests: the name of a file says how it fails."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from piecewise.data.decoding import decoder
from piecewise.data.images.preprocessor import ImagePreprocessor

read = ImagePreprocessor.read


def failing(content: Any, given: str | None = None) -> Any:
    name = Path(given or content).stem
    if name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "stuck":
        threading.Event().wait()
    if name == "large":
        bytearray(8 << 30)
    return read(content, given)


if __name__ == "__main__":
    ImagePreprocessor.read = staticmethod(failing)  # type: ignore[assignment, method-assign]
    decoder.main()
