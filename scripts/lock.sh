#!/bin/sh
# Writes requirements/*.txt: exact versions and hashes of all dependencies, the same files for every
# supported Python and platform. `make lock` runs it.
set -eu
cd "$(dirname "$0")/.."
"$PYTHON" -m pip install --quiet --disable-pip-version-check uv==0.13.9
compile() {
    output=$1
    shift
    "$PYTHON" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --upgrade "$@" -o "requirements/$output"
}
compile run.txt pyproject.toml --extra app --extra serve --group build
compile test.txt pyproject.toml --extra app --extra serve --extra tune --extra mpi --group build --group test -c requirements/run.txt
