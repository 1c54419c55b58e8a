"""The worker of PyTorch: `python -m benchmarks.pytorch (installed | tuned) THREADS`."""

from __future__ import annotations

from itertools import count
from typing import Any

import torch

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layers import Convolution, Embed, Full, Norm, Pool, Relu

from .clock import now
from .networks import BenchmarkInputs
from .training_worker import SLOW, BatchTrainer, run
from .workers import process_arguments

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


class PyTorch(BatchTrainer):
    """A model with its optimizer, and their commands."""

    def __init__(self, tuned: bool) -> None:
        self.tuned, self.stepper = tuned, "default"

    def build(self) -> str:
        self.model = model(self.inputs, self.tuned)
        self.model.to(memory_format=torch.channels_last if self.tuned else torch.contiguous_format)
        return ""

    def prepare(self, path: str, batch: int) -> str:
        """Build the model, lay out its batches, and choose the fastest optimizer implementation."""
        super().prepare(path, batch)
        self.stepper = min(STEPPERS, key=self._step_seconds)
        return f"SGD {self.stepper}"

    def reset(self) -> None:
        for part in self.model:
            if isinstance(part, torch.nn.BatchNorm2d):
                part.reset_running_stats()
        with torch.no_grad():
            arrays = self.inputs.weights.values()
            for own, array in zip(self.model.parameters(), arrays, strict=True):
                own.copy_(torch.from_numpy(array))
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), momentum=0.9, **STEPPERS[self.stepper]
        )

    def laid_out(self, values: Array) -> Tensor:
        """Images in the memory format of the configuration; texts and labels as they are."""
        tuned = self.tuned and values.ndim == 4
        form = torch.channels_last if tuned else torch.contiguous_format
        return torch.from_numpy(values).contiguous(memory_format=form)

    def logits(self, images: Tensor) -> Array:
        self.model.eval()
        with torch.inference_mode():
            answer: Array = self.model(images).numpy()
        self.model.train()
        return answer

    def steps(self, batches: list[tuple[Any, Any]], rate: float) -> float:
        self.optimizer.param_groups[0]["lr"] = rate
        for images, labels in batches:
            self.optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
        return float(loss.detach())

    def parameters(self) -> dict[str, Array]:
        values = [value.detach().numpy().copy() for value in self.model.parameters()]
        return dict(zip(self.inputs.weights, values, strict=True))

    def _step_seconds(self, stepper: str) -> float:
        """Seconds of two steps with one optimizer implementation, the best of several tries."""
        self.stepper, best, until = stepper, float("inf"), now() + 0.1
        self.reset()
        for number in count():
            began = now()
            self.steps(self.batches[:2], SLOW)
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
    run(PyTorch(tuned=configuration == "tuned"))
