#!/bin/sh
# Makes .toolkits/theano: an environment with Theano 1.0.5 and the last NumPy that it runs on. It needs
# Python 3.11, and g++, with which Theano compiles its layers; without them it says so and makes
# nothing. PIECEWISE_TOOLKITS chooses another folder.
set -eu
cd "$(dirname "$0")/../.."
folder=${PIECEWISE_TOOLKITS:-.toolkits}/theano
packages="numpy==1.23.5 scipy==1.11.4 six==1.17.0 setuptools==69.5.1 wheel==0.45.1"
[ "$(cat "$folder/made" 2>/dev/null)" != "$packages" ] || exit 0
for program in python3.11 g++; do
  command -v $program >/dev/null || { echo "Theano is left out: $program is missing"; exit 0; }
done
echo "Making an environment with Theano in $folder ..."
python3.11 -m venv --clear "$folder"
pip="$folder/bin/python -m pip --disable-pip-version-check --quiet"
# shellcheck disable=SC2086 - an argument each
$pip install $packages
$pip install --no-build-isolation --no-deps theano==1.0.5
echo "$packages" > "$folder/made"
