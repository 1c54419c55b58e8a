#!/bin/sh
# Makes .toolkits/tensorflow: an environment with TensorFlow and Keras, which judge exported networks.
# PYTHON chooses the interpreter, PIECEWISE_TOOLKITS another folder.
set -eu
cd "$(dirname "$0")/../.."
folder=${PIECEWISE_TOOLKITS:-.toolkits}/tensorflow
packages="tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0"
legacy="tf-keras==2.21.0" # Keras 2; it asks for another build of TensorFlow
[ "$(cat "$folder/made" 2>/dev/null)" != "$packages $legacy" ] || exit 0
echo "Making an environment with TensorFlow in $folder ..."
"${PYTHON:-python3}" -m venv --clear "$folder"
# shellcheck disable=SC2086 - an argument each
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet $packages
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps "$legacy"
echo "$packages $legacy" > "$folder/made"
