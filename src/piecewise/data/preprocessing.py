"""Preprocessing: the base class of what turns a file into a network's input.

A preprocessor is fitted to the training data once and then fixed. It belongs to the network and is
saved in its file; nothing else turns files into inputs. It has three steps: `read` decodes a file,
`transform` makes bytes (or word numbers) of the network's input shape, and `to_float` maps bytes
to numbers from -1 to 1 as the last step before the layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..core.array_types import Array, Float32, Uint8
from ..core.errors import DataError, LimitError, shown


class Preprocessor(ABC):
    """The interface of `ImagePreprocessor`, `AudioPreprocessor` and `TextPreprocessor`."""

    if TYPE_CHECKING:  # fields in some subclasses, properties in others

        @property
        def shape(self) -> tuple[int, int, int]:
            """The shape of the network's input: channels, rows and columns."""

        @property
        def background(self) -> str:
            """What augmentation fills in where it shifts an input: "dark", "light", or "any" if
            there is no background."""

    modality: ClassVar[str]
    """The kind of data: "pictures", "sounds" or "texts"."""
    unit: ClassVar[str]
    """The unit of `size`."""
    required: ClassVar[tuple[str, ...]]
    """The values that every file has. Fields that are not among them came later, with defaults."""

    @property
    def kind(self) -> str:
        """The kind of input in more detail: "drawings", "photos", "sounds" or "texts"."""
        return self.modality

    @property
    @abstractmethod
    def description(self) -> str:
        """A one-line description of the preprocessing."""

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one transformed example."""
        return self.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of a transformed example."""
        return np.dtype(np.uint8)

    @staticmethod
    @abstractmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Any:
        """Read and decode a file.

        Parameters
        ----------
        file : path, bytes or open binary file
            What to read.
        name : str, optional
            Stands for the file in error messages.

        Raises
        ------
        DataError
            If the file cannot be read. The message names the file.
        """

    @staticmethod
    @abstractmethod
    def size(example: Any) -> tuple[float, float]:
        """The size of a decoded example: rows and columns, or 1 and its length, in `unit`."""

    @abstractmethod
    def transform(self, example: Any) -> Array:
        """Transform one decoded example into an array of `example_shape`."""

    def windows(self, example: Any) -> Array:
        """Transform one decoded example into one or more arrays (n, ...) of `example_shape`: a long
        sound has several windows, the first of which is that of `transform`."""
        return np.asarray(self.transform(example)[None])

    def transform_batch(self, examples: Array) -> Array | None:
        """Transform decoded examples into one array; None if each must be transformed on its
        own."""
        return None

    @abstractmethod
    def warning(self, example: Any) -> str | None:
        """Why a prediction for a decoded example is doubtful; None if it is not."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values for a file, ``modality`` among them."""

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> Self:
        """The preprocessor that `to_json` wrote, for a network of this input shape; DataError if
        the values are not valid."""
        known = {"modality", *(field.name for field in fields(cls))}  # type: ignore[arg-type]
        if (
            not isinstance(value, dict)
            or not set(cls.required) <= set(value) <= known
            or value.get("modality", cls.modality) != cls.modality
        ):
            *names, last = cls.required
            wanted = f"its {', '.join(names)} and {last}"
            raise DataError(f"preprocessing: got {shown(value)}, wanted {wanted}")
        chosen = {name: one for name, one in value.items() if name != "modality"}
        if "shape" in chosen:
            if chosen["shape"] != list(shape):
                got = shown(chosen["shape"])
                raise DataError(f"preprocessing: got {got}, wanted {list(shape)}")
            chosen["shape"] = tuple(shape)
        try:
            preprocessor = cls(**chosen)
        except LimitError as error:
            raise DataError(f"preprocessing: {error}") from None
        if preprocessor.shape != tuple(shape):
            raise DataError(f"preprocessing: got {preprocessor.shape}, wanted {tuple(shape)}")
        return preprocessor

    def to_float(self, examples: Uint8) -> Float32:
        """Map examples to the numbers that the layers read, of the same shape."""
        return self.levels[examples]

    @property
    def levels(self) -> Float32:
        """The number that each of the 256 byte values becomes."""
        a, b, c = self.scaling
        return np.asarray((a * np.arange(256, dtype=np.float32) + b) / c)

    @property
    def scaling(self) -> Float32:
        """The numbers a, b, c with which a byte becomes (a * byte + b) / c."""
        return np.array([2, -255, -255 if self.background == "light" else 255], np.float32)
