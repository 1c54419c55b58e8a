#!/bin/sh
# Makes .toolkits/tensorflow: an environment with TensorFlow and Keras, which judge exported networks
# and which the benchmarks compare with piecewise. PYTHON chooses the interpreter, PIECEWISE_TOOLKITS
# another folder.
set -eu
cd "$(dirname "$0")"
legacy="tf-keras==2.21.0" # Keras 2; it asks for another build of TensorFlow
sh ./environment tensorflow "tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0"
cd ../..
python=${PIECEWISE_TOOLKITS:-.toolkits}/tensorflow/bin/python
"$python" -m pip show --quiet tf-keras 2>/dev/null ||
  "$python" -m pip install --disable-pip-version-check --quiet --no-deps "$legacy"
