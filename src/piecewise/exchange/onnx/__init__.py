"""ONNX: a network as a graph of operators that many runtimes run."""
