"""How a file becomes a network's input: decided once from the training data, then fixed.

The preparation belongs to the net and travels in its file; nothing else turns files into inputs.
It has three steps: `read` a file, `fit` what was read to bytes (or word numbers) of the net's size,
and `scale` bytes to numbers from -1 to 1, which happens last, on their way into the layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt


class Preprocessor(ABC):
    """What every kind of preparation can be asked."""

    if TYPE_CHECKING:  # fields of some kinds, worked out in others

        @property
        def shape(self) -> tuple[int, int, int]:
            """Channels, rows and columns of the net's input."""

        @property
        def background(self) -> str:
            """What lies outside of it when it is shifted: "dark" or "light", or "any" where there
            is nothing like it."""

    modality: ClassVar[str]
    """What it is for: "pictures", "sounds" or "texts"."""
    unit: ClassVar[str]
    """What the numbers of `size` count."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What is prepared, more closely: "drawings", "photos", "sounds" or "texts"."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What becomes of the data, in words."""

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of what `fit` gives."""
        return self.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of what `fit` gives."""
        return np.dtype(np.uint8)

    @staticmethod
    @abstractmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Any:
        """What is in a file; DataError, naming it, if it cannot be read. ``name``: what bytes, or
        a file that is open already, are called."""

    @staticmethod
    @abstractmethod
    def size(given: Any) -> tuple[float, float]:
        """How large what was read is: rows and columns, or 1 and how long."""

    @abstractmethod
    def transform(self, given: Any) -> npt.NDArray[Any]:
        """What was read -> one example as the net takes it."""

    def transform_batch(self, given: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Many at once, if they lie in one array nearly as `fit` leaves them; else None."""
        return None

    @abstractmethod
    def warning(self, given: Any) -> str | None:
        """What makes an answer about it doubtful, in words."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values for a file, ``reads`` among them."""

    @classmethod
    @abstractmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> Preprocessor:
        """The preparation that `to_json` wrote, for a network of this input shape; DataError."""

    def to_float(self, examples: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Bytes -> the numbers that the layers take, of the same shape; ink is +1."""
        return self.levels[examples]

    @property
    def levels(self) -> npt.NDArray[np.float32]:
        """The number that each of the 256 bytes becomes."""
        a, b, c = self.scaling
        return np.asarray((a * np.arange(256, dtype=np.float32) + b) / c)

    @property
    def scaling(self) -> npt.NDArray[np.float32]:
        """The numbers a, b, c that make (a * byte + b) / c of a byte."""
        return np.array([2, -255, -255 if self.background == "light" else 255], np.float32)
