"""CNTK: the dialect of ONNX that Microsoft's Cognitive Toolkit 2.7 reads."""
