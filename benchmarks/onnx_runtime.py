"""The worker of ONNX Runtime: `python -m benchmarks.onnx_runtime THREADS`."""

from __future__ import annotations

import onnxruntime

from piecewise.core.array_types import Array

from .networks import read_inputs
from .onnx_graph import graph
from .workers import InferenceWorker, process_arguments, serve


class OnnxRuntime(InferenceWorker):
    """An inference session and its commands."""

    def __init__(self, threads: int) -> None:
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1

    def prepare(self, path: str, batch: int) -> str:
        self.inputs, self.batch = read_inputs(path), batch
        self.session = onnxruntime.InferenceSession(
            graph(self.inputs), self.options, providers=["CPUExecutionProvider"]
        )
        return "CPUExecutionProvider"

    def logits(self, images: Array) -> Array:
        answer: Array = self.session.run(["logits"], {"pictures": images})[0]
        return answer


if __name__ == "__main__":
    worker = OnnxRuntime(int(process_arguments("onnx_runtime", __doc__, threads=None)[0]))
    serve({name: getattr(worker, name) for name in ("prepare", "check", "infer", "single")})
