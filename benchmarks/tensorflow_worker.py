"""The worker of TensorFlow: `python -m benchmarks.tensorflow_worker THREADS`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Stage
from piecewise.spec.layers import Convolution, Embed, Full, Norm, Pool, Relu

from .channels_last import LAST, ChannelsLast, padding
from .training_worker import BatchTrainer, run
from .workers import process_arguments

Numbers = dict[str, Any]


def layer_output(stage: Stage, values: Any, numbers: Numbers, training: bool) -> Any:
    """The output of a layer on a batch of images or texts, channels last."""
    layer, name = stage.layer, stage.name
    match layer:
        case Convolution():
            maps = tf.nn.conv2d(values, numbers[f"{name}.weight"], 1, padding(layer))
            return tf.nn.bias_add(maps, numbers[f"{name}.bias"])
        case Relu():
            return tf.nn.relu(values)
        case Pool():
            sides = stage.input[1:]
            window = sides if isinstance(layer.window, str) else layer.window
            over = [[0, -side % step] for side, step in zip(sides, window, strict=True)]
            ends = [[0, 0], *over, [0, 0]] if any(end for _, end in over) else "VALID"
            return tf.nn.max_pool2d(values, window, window, ends)
        case Full():
            flat = tf.reshape(values, (-1, stage.input.values))
            return tf.nn.bias_add(flat @ numbers[f"{name}.weight"], numbers[f"{name}.bias"])
        case Norm():
            mean, variance = numbers.get(f"{name}.mean"), numbers.get(f"{name}.variance")
            scale, offset = numbers[f"{name}.weight"], numbers[f"{name}.bias"]
            if training:
                mean = variance = None
            return tf.compat.v1.nn.fused_batch_norm(
                values, scale, offset, mean, variance, layer.epsilon, is_training=training
            )[0]
        case Embed():
            return tf.gather(numbers[f"{name}.weight"], values)[:, None]
    raise NotImplementedError(layer.word)


class TensorFlow(BatchTrainer):
    """Functions for inference and for a step, and their commands."""

    def build(self) -> str:
        network = self.inputs.net.network()
        self.layout = ChannelsLast(network.architecture)
        self.stages, self.scaling = network.architecture.stages, None
        if self.inputs.net.bytes:
            self.scaling = [float(number) for number in network.preprocessor.scaling]
        self.running = {name: tf.constant(array) for name, array in network.running_stats.items()}
        self.numbers: Numbers = {}
        self.velocity: list[Any] = []
        self.answer = tf.function(self._logits, reduce_retracing=True)
        self.step = tf.function(self._step, reduce_retracing=True)
        return "tf.function, channels last"

    def reset(self) -> None:
        for name, array in self.inputs.weights.items():
            value = self.layout.parameter(name, array)
            if name not in self.numbers:
                self.numbers[name] = tf.Variable(value)
            self.numbers[name].assign(value)
        if not self.velocity:
            self.velocity = [tf.Variable(tf.zeros_like(one)) for one in self.numbers.values()]
        for one in self.velocity:
            one.assign(tf.zeros_like(one))

    def laid_out(self, values: Array) -> Any:
        return tf.constant(values.transpose(LAST) if values.ndim == 4 else values)

    def logits(self, images: Any) -> Array:
        answer: Array = self.answer(images).numpy()
        return answer

    def steps(self, batches: list[tuple[Any, Any]], rate: float) -> float:
        loss, step_size = tf.constant(0.0), tf.constant(rate)
        for images, labels in batches:
            loss = self.step(images, labels, step_size)
        return float(loss)

    def parameters(self) -> dict[str, Array]:
        return {
            name: self.layout.original(name, value.numpy()) for name, value in self.numbers.items()
        }

    def _logits(self, images: Any, training: bool = False) -> Any:
        values = images
        if self.scaling:
            factor, offset, divisor = self.scaling
            values = (tf.cast(values, tf.float32) * factor + offset) / divisor
        for stage in self.stages:
            values = layer_output(stage, values, {**self.numbers, **self.running}, training)
        return values

    def _step(self, images: Any, labels: Any, rate: Any) -> Any:
        """SGD with momentum 0.9."""
        with tf.GradientTape() as tape:
            logits = self._logits(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        numbers = list(self.numbers.values())
        gradients = tape.gradient(loss, numbers)
        for number, velocity, gradient in zip(numbers, self.velocity, gradients, strict=True):
            velocity.assign(0.9 * velocity + gradient)
            number.assign_sub(rate * velocity)
        return loss


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(
        int(process_arguments("tensorflow_worker", __doc__, threads=None)[0])
    )
    tf.config.threading.set_inter_op_parallelism_threads(1)
    run(TensorFlow())
