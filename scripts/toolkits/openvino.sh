#!/bin/sh
# Makes .toolkits/openvino: an environment with OpenVINO, which the benchmarks compare with piecewise.
# PYTHON chooses the interpreter, PIECEWISE_TOOLKITS another folder.
set -eu
exec sh "$(dirname "$0")/environment" openvino "openvino==2026.4.1 onnx==1.23.2"
