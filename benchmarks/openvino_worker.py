"""The worker of OpenVINO, in float32: `python -m benchmarks.openvino_worker THREADS`.

On processors with units for bfloat16, OpenVINO computes in bfloat16 by default.
"""

from __future__ import annotations

from typing import Any

import openvino

from piecewise.core.array_types import Array

from .agreement import write_steps
from .networks import BATCH_IMAGES, read_inputs
from .onnx_graph import graph
from .workers import InferenceWorker, process_arguments, serve


class OpenVino(InferenceWorker):
    """Compiled models, one for each size of a batch, and their commands."""

    def __init__(self, threads: int) -> None:
        self.options = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }

    def prepare(self, path: str, batch: int) -> str:
        self.inputs, self.batch = read_inputs(path), batch
        self.core = openvino.Core()
        self.model = self.core.read_model(graph(self.inputs))
        self.requests: dict[int, Any] = {}
        return "CPU, float32"

    def check(self, path: str, threads: int) -> None:
        """The logits of the first batch."""
        write_steps(path, self._logits(self.inputs.pictures[: self.batch]), [], [])

    def infer_batch(self, threads: int) -> None:
        self._logits(self.inputs.pictures[:BATCH_IMAGES])

    def infer_one(self, picture: Array, threads: int) -> None:
        self._logits(picture)

    def _logits(self, pictures: Array) -> Array:
        """The logits, by a model that is compiled for this number of images."""
        count = len(pictures)
        if count not in self.requests:
            model = self.model.clone()
            model.reshape(list(pictures.shape))
            compiled = self.core.compile_model(model, "CPU", self.options)
            self.requests[count] = compiled.create_infer_request()
        answer: Array = self.requests[count].infer({"pictures": pictures}, share_inputs=True)[0]
        return answer


if __name__ == "__main__":
    worker = OpenVino(int(process_arguments("openvino_worker", __doc__, threads=None)[0]))
    serve({name: getattr(worker, name) for name in ("prepare", "check", "infer", "single")})
