"""A decoder process for tests: the name of a file says how it fails."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.serving import decoder

read = ImagePreprocessor.read


def failing(content: Any, name: str | None = None) -> Any:
    if name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "stuck":
        threading.Event().wait()
    if name == "large":
        bytearray(8 << 30)
    return read(content, name)


if __name__ == "__main__":
    ImagePreprocessor.read = staticmethod(failing)  # type: ignore[assignment, method-assign]
    decoder.main()
