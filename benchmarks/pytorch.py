"""The worker of PyTorch: `python -m benchmarks.pytorch (installed | tuned) THREADS`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle, islice
from typing import Any

import torch

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layers import Convolution, Embed, Full, Norm, Pool, Relu

from .agreement import GRADIENTS, RATE, STEPS, write_steps
from .clock import now
from .networks import BATCH_IMAGES, BenchmarkInputs, read_inputs
from .workers import InferenceWorker, process_arguments, serve

SLOW = 1e-4
STEPPERS: dict[str, dict[str, bool]] = {
    "default": {}, "foreach": {"foreach": True}, "fused": {"fused": True},
}  # fmt: skip
Tensor = Any


class Embedding(torch.nn.Embedding):  # type: ignore[misc]
    """Token numbers (N, positions) -> embedding vectors (N, channels, 1, positions)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return super().forward(tokens).transpose(1, 2).unsqueeze(2)


class Scale(torch.nn.Module):  # type: ignore[misc]
    """Bytes as the network's float32 values."""

    def __init__(self, scaling: Array) -> None:
        super().__init__()
        self.scaling = [float(number) for number in scaling]

    def forward(self, images: Tensor) -> Tensor:
        factor, offset, divisor = self.scaling
        return (images.to(torch.float32) * factor + offset) / divisor


def module(stage: Stage, tuned: bool) -> Any:
    """A layer as a PyTorch module."""
    layer, nn = stage.layer, torch.nn
    match layer:
        case Convolution():
            same = layer.padding == "same"
            padding: Any = tuple(side // 2 for side in layer.kernel) if same else layer.padding
            return nn.Conv2d(stage.input.channels, layer.features, layer.kernel, padding=padding)
        case Relu():
            return nn.ReLU(inplace=True)
        case Pool(window="all"):  # which of the two is faster depends on the memory format
            return nn.AdaptiveMaxPool2d(1) if tuned else nn.MaxPool2d(stage.input[1:])
        case Pool():
            assert not isinstance(layer.window, str)
            sides = zip(stage.input[1:], layer.window, strict=True)
            over = any(side % window for side, window in sides)
            return nn.MaxPool2d(layer.window, ceil_mode=over)
        case Full():
            return nn.Linear(stage.input.values, stage.output.values)
        case Norm():  # by default, epsilon is that of piecewise
            return nn.BatchNorm2d(stage.output.channels)
        case Embed():
            return Embedding(*stage.parameters[0].shape)
    raise NotImplementedError(layer.word)


def model(inputs: BenchmarkInputs, tuned: bool) -> Any:
    """The network in PyTorch."""
    net = inputs.net
    modules: list[Any] = [Scale(net.network().preprocessor.scaling)] * net.bytes
    for stage in Architecture(net.layers, net.input, net.classes).stages:
        if isinstance(stage.layer, Full) and not any(
            isinstance(m, torch.nn.Flatten) for m in modules
        ):
            modules.append(torch.nn.Flatten())  # later layers are flat already
        modules.append(module(stage, tuned))
    return torch.nn.Sequential(*modules)


class PyTorch(InferenceWorker):
    """A model, its batches as tensors in memory, and its commands."""

    def __init__(self, tuned: bool) -> None:
        self.tuned, self.stepper = tuned, "default"

    def prepare(self, path: str, batch: int) -> str:
        """Build the model and its batches, and choose the fastest optimizer implementation."""
        self.inputs = read_inputs(path)
        self.model = model(self.inputs, self.tuned)
        self._reset()
        pictures = torch.from_numpy(self.inputs.pictures)
        form = torch.channels_last if self.tuned else torch.contiguous_format
        self.model.to(memory_format=form)
        labels = torch.from_numpy(self.inputs.labels).split(batch)
        cut = [self._laid_out(part) for part in pictures.split(batch)]
        self.batches = list(zip(cut, labels, strict=True))
        self.answered = self._laid_out(pictures[:BATCH_IMAGES])
        self.stepper = min(STEPPERS, key=self._step_seconds)
        return f"SGD {self.stepper}"

    def check(self, path: str, threads: int) -> None:
        """Write the results for `distance`; with rate 1, a step subtracts the gradient."""
        first = self.batches[:1]
        self._reset()
        with self._inference():
            logits = self.model(first[0][0]).numpy()
        optimizer = self._optimizer(RATE)
        losses = [self._steps(1, optimizer, first) for _ in range(STEPS)]
        gradients = []
        for number in range(GRADIENTS):
            self._reset()
            self._steps(1, self._optimizer(1.0), self.batches[number : number + 1])
            pairs = zip(self.inputs.weights.items(), self.model.parameters(), strict=True)
            gradients.append({name: old - now.detach().numpy() for (name, old), now in pairs})
        write_steps(path, logits, gradients, losses)

    def train(self, times: int, threads: int) -> float:
        """Seconds for this many epochs."""
        self._reset()
        optimizer = self._optimizer(SLOW)
        began = now()
        self._steps(times * len(self.batches), optimizer, self.batches)
        return now() - began

    def infer_batch(self, threads: int) -> None:
        with self._inference():
            self.model(self.answered).numpy()

    def infer_one(self, picture: Array, threads: int) -> None:
        with self._inference():
            self.model(self._laid_out(torch.from_numpy(picture))).numpy()

    def _laid_out(self, images: Tensor) -> Tensor:
        """Images in the memory format of the configuration; texts as they are."""
        tuned = self.tuned and images.ndim == 4
        form = torch.channels_last if tuned else torch.contiguous_format
        return images.contiguous(memory_format=form)

    @contextmanager
    def _inference(self) -> Iterator[None]:
        self.model.eval()
        with torch.inference_mode():
            yield
        self.model.train()

    def _reset(self) -> None:
        for part in self.model:
            if isinstance(part, torch.nn.BatchNorm2d):
                part.reset_running_stats()
        with torch.no_grad():
            arrays = self.inputs.weights.values()
            for own, array in zip(self.model.parameters(), arrays, strict=True):
                own.copy_(torch.from_numpy(array))

    def _optimizer(self, rate: float) -> Any:
        return torch.optim.SGD(
            self.model.parameters(), lr=rate, momentum=0.9, **STEPPERS[self.stepper]
        )

    def _steps(self, steps: int, optimizer: Any, batches: list[tuple[Tensor, Tensor]]) -> float:
        """Run this many steps; the loss of the last one."""
        for pictures, labels in islice(cycle(batches), steps):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.model(pictures), labels)
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    def _step_seconds(self, stepper: str) -> float:
        """Seconds of two steps with one optimizer implementation, the best of several tries."""
        self.stepper, best, until = stepper, float("inf"), now() + 0.1
        optimizer = self._optimizer(SLOW)
        for number in count():
            began = now()
            self._steps(2, optimizer, self.batches[:2])
            ended = now()
            best = min(best, ended - began)
            if number >= 3 and ended > until:
                break
        return best


if __name__ == "__main__":
    configuration, threads = process_arguments(
        "pytorch", __doc__, configuration=["installed", "tuned"], threads=None
    )
    torch.set_num_threads(int(threads))
    worker = PyTorch(tuned=configuration == "tuned")
    commands = ("prepare", "check", "train", "infer", "single")
    serve({name: getattr(worker, name) for name in commands})
