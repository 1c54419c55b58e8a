"""The worker of JAX: `python -m benchmarks.jax_worker THREADS`."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Stage
from piecewise.spec.layers import Convolution, Embed, Full, Norm, Pool, Relu

from .channels_last import LAST, ChannelsLast, padding
from .training_worker import BatchTrainer, run
from .workers import process_arguments

Numbers = dict[str, Any]
LAYOUT = ("NHWC", "HWIO", "NHWC")


def layer_output(stage: Stage, values: Any, numbers: Numbers, training: bool) -> Any:
    """The output of a layer on a batch of images or texts, channels last."""
    layer, name = stage.layer, stage.name
    match layer:
        case Convolution():
            kernel = numbers[f"{name}.weight"]
            maps = lax.conv_general_dilated(
                values, kernel, (1, 1), padding(layer), dimension_numbers=LAYOUT
            )
            return maps + numbers[f"{name}.bias"]
        case Relu():
            return jnp.maximum(values, 0)
        case Pool():
            sides = stage.input[1:]
            window = sides if isinstance(layer.window, str) else layer.window
            over = [(0, -side % step) for side, step in zip(sides, window, strict=True)]
            whole = (1, *window, 1)
            return lax.reduce_window(
                values, -jnp.inf, lax.max, whole, whole, ((0, 0), *over, (0, 0))
            )
        case Full():
            flat = values.reshape(len(values), -1)
            return flat @ numbers[f"{name}.weight"] + numbers[f"{name}.bias"]
        case Norm():
            if training:
                mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
            else:
                mean, variance = numbers[f"{name}.mean"], numbers[f"{name}.variance"]
            scaled = (values - mean) * lax.rsqrt(variance + layer.epsilon)
            return scaled * numbers[f"{name}.weight"] + numbers[f"{name}.bias"]
        case Embed():
            return numbers[f"{name}.weight"][values][:, None]
    raise NotImplementedError(layer.word)


class Jax(BatchTrainer):
    """Compiled functions for inference and for a step, and their commands."""

    def build(self) -> str:
        network = self.inputs.net.network()
        self.layout = ChannelsLast(network.architecture)
        self.stages, self.scaling = network.architecture.stages, None
        if self.inputs.net.bytes:
            self.scaling = [np.float32(number) for number in network.preprocessor.scaling]
        self.running = {name: jnp.asarray(array) for name, array in network.running_stats.items()}
        self.answer = jax.jit(partial(self._logits, training=False))
        self.step = jax.jit(self._step, donate_argnums=(0, 1))
        return "jit, channels last"

    def reset(self) -> None:
        weights = self.inputs.weights.items()
        self.numbers = {
            name: jnp.asarray(self.layout.parameter(name, array)) for name, array in weights
        }
        self.velocity = {name: jnp.zeros_like(array) for name, array in self.numbers.items()}

    def laid_out(self, values: Array) -> Any:
        return jnp.asarray(values.transpose(LAST) if values.ndim == 4 else values)

    def logits(self, images: Any) -> Array:
        return np.asarray(self.answer(self.numbers, images))

    def steps(self, batches: list[tuple[Any, Any]], rate: float) -> float:
        loss: Any = 0.0
        for images, labels in batches:
            self.numbers, self.velocity, loss = self.step(
                self.numbers, self.velocity, images, labels, rate
            )
        jax.block_until_ready(self.numbers)
        return float(loss)

    def parameters(self) -> dict[str, Array]:
        return {
            name: self.layout.original(name, np.asarray(array))
            for name, array in self.numbers.items()
        }

    def _logits(self, numbers: Numbers, images: Any, training: bool) -> Any:
        values = images
        if self.scaling:
            factor, offset, divisor = self.scaling
            values = (values.astype(jnp.float32) * factor + offset) / divisor
        for stage in self.stages:
            values = layer_output(stage, values, {**numbers, **self.running}, training)
        return values

    def _loss(self, numbers: Numbers, images: Any, labels: Any) -> Any:
        logs = jax.nn.log_softmax(self._logits(numbers, images, training=True))
        return -jnp.take_along_axis(logs, labels[:, None], 1).mean()

    def _step(
        self, numbers: Numbers, velocity: Numbers, images: Any, labels: Any, rate: float
    ) -> tuple[Numbers, Numbers, Any]:
        """SGD with momentum 0.9."""
        loss, gradients = jax.value_and_grad(self._loss)(numbers, images, labels)
        velocity = jax.tree.map(lambda old, new: 0.9 * old + new, velocity, gradients)
        numbers = jax.tree.map(lambda old, change: old - rate * change, numbers, velocity)
        return numbers, velocity, loss


def use_threads(count: int) -> None:
    """Let JAX start this many threads: it starts one for each processor that it may use."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[:count])


if __name__ == "__main__":
    use_threads(int(process_arguments("jax_worker", __doc__, threads=None)[0]))
    run(Jax())
