"""A network: an architecture and its parameters, with predictions, gradients and model files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import PIL

from .core.array_types import Float32
from .core.constraints import LOSS, SEED, checked
from .core.errors import DataError, LimitError, shown
from .core.version import __version__
from .data.images.preprocessor import ImagePreprocessor
from .data.preprocessing import Preprocessor
from .inputs import (
    as_array,
    check_examples,
    check_inputs,
    convert_inputs,
    engine_inputs,
    layer_inputs,
)
from .reference.losses import softmax
from .spec.architecture import Architecture
from .spec.calibration import Calibration
from .spec.layer import Layer
from .spec.parameters import Parameters, all_finite, flattened, initial_values
from .spec.summary import summary, summary_html
from .trace.backprop import Backprop
from .trace.walk import Walk

if TYPE_CHECKING:
    from .compiled import CompiledNetwork


class Network:
    """A ConvNet that says which class a picture (or a text) belongs to.

    ``layers``: a text in the notation, or layer records. ``input``: (channels, rows, columns);
    for a network that begins with embed, (1, words of the dictionary, positions). ``classes``:
    their number or their names. ``seed``: of the first weights. ``preprocessor``: how files and
    bytes become inputs; without one, bytes 0..255 become -1..1.

    Raises NotationError (ShapeError where layers do not fit) or LimitError.
    """

    def __init__(
        self,
        layers: str | Iterable[Layer],
        input: Sequence[int],
        classes: int | Iterable[str],
        seed: int = 0,
        preprocessor: Preprocessor | None = None,
    ) -> None:
        self._describe(Architecture(layers, input, classes), seed, preprocessor)
        rows, running_stats = self.architecture.parameters, self.architecture.running_stats
        self.parameters = Parameters(initial_values(rows, self.seed), rows)
        self.running_stats = Parameters(initial_values(running_stats, self.seed), running_stats)

    def _describe(
        self, architecture: Architecture, seed: int, preprocessor: Preprocessor | None
    ) -> None:
        """Set everything but the parameters and running statistics."""
        self.architecture = architecture
        self.seed: int = checked("seed", SEED, seed)
        self.preprocessor = ImagePreprocessor(self.input) if preprocessor is None else preprocessor
        if not isinstance(self.preprocessor, Preprocessor):
            raise LimitError(f"preparation: got {shown(preprocessor)}, wanted a Preparation")
        if self.preprocessor.shape != self.input:
            raise LimitError(
                f"preparation: got one for {self.preprocessor.shape}, wanted {self.input}"
            )
        self.history: list[dict[str, Any]] = []
        """The training history: an entry per epoch."""
        self.recipe: dict[str, Any] = {}
        """The recipe of the last training."""
        self.calibration = Calibration()
        """Temperature and confidence thresholds, from held-out examples."""

    # Description.

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.architecture.layers

    @property
    def notation(self) -> str:
        """The layers as text; `Network` of it gives the same layers."""
        return self.architecture.notation

    @property
    def input(self) -> tuple[int, int, int]:
        return tuple(self.architecture.input)  # type: ignore[return-value]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.architecture.classes

    @property
    def state(self) -> dict[str, Float32]:
        """Parameters and running statistics by name: all that a prediction depends on."""
        return {**self.parameters, **self.running_stats}

    @property
    def parameters_sha256(self) -> str:
        """SHA-256 of the parameters, then the running statistics, as little-endian float32."""
        digest = hashlib.sha256(self.parameters.flat.astype("<f4").tobytes())
        digest.update(self.running_stats.flat.astype("<f4").tobytes())
        return digest.hexdigest()

    # Predictions.

    def logits(self, pictures: npt.ArrayLike, threads: int | None = None) -> Float32:
        """Pictures float32 (N, C, H, W), or uint8 through the preparation; for a network that
        begins with embed word numbers (N, positions) -> (N, classes). ``threads``: at most; as many
        as there are processors, if left out. The answers are the same for any number.

        Raises DataError where the array does not fit the network, LimitError where the answers are
        beyond float32.
        """
        from .engine.runtime import network_programs  # noqa: PLC0415 - it loads a compiler, only to be run

        given = engine_inputs(self, check_inputs(self, pictures))
        answers = network_programs.logits(
            self.architecture,
            self.parameters.flat,
            self.running_stats.flat,
            given,
            self.preprocessor.scaling,
            threads,
        )
        _refuse_no_numbers(answers)
        return answers

    def probabilities(self, pictures: npt.ArrayLike) -> Float32:
        """How likely each class is: (N, classes), each row adds up to 1."""
        return self.probabilities_of(self.logits(pictures))

    def probabilities_of(self, logits: Float32) -> Float32:
        """Logits (N, classes) -> probabilities: softmax, at the calibration's temperature."""
        return softmax(logits / np.float32(self.calibration.temperature))

    def predict(self, pictures: npt.ArrayLike, coverage: float = 1.0) -> list[str | None]:
        """The name of the likeliest class of each picture.

        With a ``coverage`` below 1, None ("don't know") where the net is less sure than it was of
        that share of the pictures held out while it learned; LimitError if none were.
        """
        least, logits = self.calibration.threshold_for(coverage), self.logits(pictures)
        sure = (self.probabilities_of(logits).max(axis=1) >= least).tolist()
        answers = zip(logits.argmax(axis=1).tolist(), sure, strict=True)
        return [self.classes[index] if known else None for index, known in answers]

    def walk(self, picture: npt.ArrayLike) -> Walk:
        """One picture (C, H, W) with every stack it becomes, by layer name, and the arithmetic of
        every number in them (`Walk.why`); raises what `logits` does."""
        from .engine.runtime import network_programs  # noqa: PLC0415

        given = layer_inputs(self, as_array(picture, "picture")[None])[0]
        stacks = network_programs.feature_maps(
            self.architecture, self.parameters.flat, self.running_stats.flat, given
        )
        _refuse_no_numbers(stacks[self.architecture.stages[-1].name])
        return Walk(self.architecture, self.state, {"input": given, **stacks})

    def backprop(self, picture: npt.ArrayLike, label: int, loss: str = "cross-entropy") -> Backprop:
        """One picture (C, H, W), or words (positions), and the way back from the loss for the class
        ``label``: the slope by every number, and the arithmetic of each (`Backprop.why`,
        `Backprop.error`). ``loss`` may be "logit": that of the class itself."""
        return self.walk(picture).backprop(label, loss)

    def compile(self, threads: int | None = None) -> CompiledNetwork:
        """The network as it is now, ready to answer about single pictures as fast as it can.
        ``threads``: at most; as many as are worth it, if left out: one for a small network. The
        answers are the same for any number."""
        from .compiled import CompiledNetwork  # noqa: PLC0415

        return CompiledNetwork(self, threads)

    # Gradients.

    def gradients(
        self, pictures: npt.ArrayLike, labels: npt.ArrayLike, loss: str = "cross-entropy"
    ) -> tuple[float, dict[str, Float32]]:
        """The mean loss over the pictures and its gradient by parameter name, by backpropagation.

        ``labels`` (N,) class numbers. The gradient is that of the network as it answers: dropout
        lets everything through, norm uses its running averages.
        """
        from .engine.runtime import network_programs  # noqa: PLC0415

        given, right = check_examples(self, pictures, labels)
        losses, flat = network_programs.gradients(
            self.architecture,
            self.parameters.flat,
            self.running_stats.flat,
            convert_inputs(self, given),
            right,
            checked("loss", LOSS, loss),
        )
        if not all_finite(losses):
            raise LimitError(
                "the losses are beyond what float32 holds; the weights are too large or no numbers"
            )
        return fsum(losses.tolist()) / len(losses), dict(
            Parameters(flat, self.architecture.parameters)
        )

    def numerical_gradients(
        self, pictures: npt.ArrayLike, labels: npt.ArrayLike, loss: str = "cross-entropy"
    ) -> tuple[float, dict[str, npt.NDArray[np.float64]]]:
        """The result of `gradients` by central differences, as the deck does it: each parameter is
        nudged up and down, in float64, two runs per parameter."""
        from .engine.runtime import network_programs  # noqa: PLC0415

        given, right = check_examples(self, pictures, labels)
        x = convert_inputs(self, given)
        loss = checked("loss", LOSS, loss)
        found = network_programs.finite_differences(self.architecture, self.state, x, right, loss)
        return found.loss, found.arrays

    # Model files.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file, whole or not at all, and read it back, or ModelFileError."""
        from .storage import model_file  # noqa: PLC0415 - it loads what only files need

        model = model_file.SavedModel(
            self.architecture,
            self.seed,
            self.preprocessor,
            self.state,
            self.recipe,
            self.history,
            self.calibration,
        )
        versions = {"piecewise": __version__, "numpy": np.__version__, "pillow": PIL.__version__}
        model_file.write(path, model, versions)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """The network in a model file; ModelFileError, saying what is wrong, if there is none."""
        from .storage import model_file  # noqa: PLC0415

        model = model_file.read(path)
        net = cls.__new__(cls)  # without the first weights, which take time to draw
        net._describe(model.architecture, model.seed, model.preprocessor)
        rows, running_stats = model.architecture.parameters, model.architecture.running_stats
        net.parameters = Parameters(flattened(rows, model.tensors), rows)
        net.running_stats = Parameters(flattened(running_stats, model.tensors), running_stats)
        net.recipe, net.history = model.recipe, model.history
        net.calibration = model.calibration
        return net

    # Inputs from files.

    def read_inputs(self, *files: str | os.PathLike[str]) -> npt.NDArray[Any]:
        """Files, read and preprocessed: an array (N, ...) for `logits`, `probabilities` and
        `predict`. DataError, naming the file, if one cannot be read."""
        return self.preprocess(*(self.preprocessor.read(Path(file)) for file in files))

    def preprocess(self, *given: Any) -> npt.NDArray[Any]:
        """The same for what is in memory: pictures (rows, columns, channels) of bytes, sounds as
        `read_sound` returns them, or strings."""
        if not given:
            raise DataError("got nothing to prepare, wanted one or more")
        return np.stack([self.preprocessor.transform(one) for one in given])

    # Display.

    def __repr__(self) -> str:
        names = self.classes
        numbered = names == tuple(str(number) for number in range(len(names)))
        classes = len(names) if numbered else list(names)
        return (
            f'Network("{self.notation}", input={self.input}, classes={classes}, seed={self.seed})'
        )

    def summary(self) -> str:
        """A line a layer: name, layer, shape of its output, parameters, multiplications."""
        return summary(self.architecture)

    def loop_listing(self, layer: str | None = None) -> str:
        """The loops that run for a layer, or for all, with tiles; LimitError if there is none."""
        from .engine.runtime import loop_listing  # noqa: PLC0415

        return loop_listing.listing(self.architecture, layer)

    def _repr_html_(self) -> str:
        return summary_html(self.architecture)


def _refuse_no_numbers(answers: Float32) -> None:
    if not all_finite(answers):
        raise LimitError(
            "the answers are beyond what float32 holds; the weights are too large or no numbers"
        )


load = Network.load
