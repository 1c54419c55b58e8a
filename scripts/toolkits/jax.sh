#!/bin/sh
# Makes .toolkits/jax: an environment with JAX, which the benchmarks compare with piecewise.
# PYTHON chooses the interpreter, PIECEWISE_TOOLKITS another folder.
set -eu
exec sh "$(dirname "$0")/environment" jax "jax==0.10.2 jaxlib==0.10.2"
