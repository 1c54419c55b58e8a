"""The worker of ONNX Runtime: `python -m benchmarks.onnx_runtime THREADS`."""

from __future__ import annotations

import onnxruntime

from piecewise.core.array_types import Array

from .agreement import write_steps
from .networks import BATCH_IMAGES, read_inputs
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

    def check(self, path: str, threads: int) -> None:
        """The logits of the first batch."""
        write_steps(path, self._logits(self.inputs.pictures[: self.batch]), [], [])

    def infer_batch(self, threads: int) -> None:
        self._logits(self.inputs.pictures[:BATCH_IMAGES])

    def infer_one(self, picture: Array, threads: int) -> None:
        self._logits(picture)

    def _logits(self, pictures: Array) -> Array:
        answer: Array = self.session.run(["logits"], {"pictures": pictures})[0]
        return answer


if __name__ == "__main__":
    worker = OnnxRuntime(int(process_arguments("onnx_runtime", __doc__, threads=None)[0]))
    serve({name: getattr(worker, name) for name in ("prepare", "check", "infer", "single")})
