#!/bin/sh
# Checks the JavaScript of the pages: its form (prettier) and its types (tsc); and the form of the
# project's YAML files. `make check-page` runs it; `check.sh format` puts them into that form.
set -eu
cd "$(dirname "$0")"
if ! command -v npm >/dev/null; then
    echo "check-page: left out, because node and npm are not installed (make programs installs them)"
    exit 0
fi
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --silent --no-audit --no-fund
    touch node_modules/.package-lock.json
fi
npm run --silent "${1:-check}"
