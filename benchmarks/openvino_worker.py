"""The worker of OpenVINO, in float32: `python -m benchmarks.openvino_worker THREADS`.

On processors with units for bfloat16, OpenVINO computes in bfloat16 by default.
"""

from __future__ import annotations

from typing import Any

import openvino

from piecewise.core.array_types import Array

from .networks import read_inputs
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

    def logits(self, images: Array) -> Array:
        """The logits, by a model that is compiled for this number of images."""
        count = len(images)
        if count not in self.requests:
            model = self.model.clone()
            model.reshape(list(images.shape))
            compiled = self.core.compile_model(model, "CPU", self.options)
            self.requests[count] = compiled.create_infer_request()
        answer: Array = self.requests[count].infer({"pictures": images}, share_inputs=True)[0]
        return answer


if __name__ == "__main__":
    worker = OpenVino(int(process_arguments("openvino_worker", __doc__, threads=None)[0]))
    serve({name: getattr(worker, name) for name in ("prepare", "check", "infer", "single")})
