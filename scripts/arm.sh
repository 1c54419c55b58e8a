#!/bin/sh
# Trains the nets of tests/pinned_data.py on this processor and on an emulated ARM processor, and
# fails unless all bits are the same. Needs Debian and root, for apt: qemu, and Python for ARM.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ "$(uname -m)" != aarch64 ] || { echo "ARM: this is one"; exit 0; }
command -v qemu-aarch64-static >/dev/null || {
  echo "Installing qemu-user-static ..."
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    qemu-user-static >/dev/null
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Debian's Python for ARM is unpacked, not installed. Its version chooses the wheels.
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/arm" "$folder/data"
: > "$folder/apt/status"
apt() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$folder/apt" \
    -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt" \
    -o APT::Sandbox::User=root "$@"
}
apt update
version=$(apt-cache -o APT::Architecture=arm64 -o Dir::State="$folder/apt" \
  -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt" \
  depends python3 2>/dev/null | sed -nE 's/.*Depends: python(3\.[0-9]+)$/\1/p' | head -n 1)
apt -y --no-install-recommends --download-only install "python$version" libstdc++6 >/dev/null
for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder/arm"; done
platforms=$(for tag in 2_28 2_27 2_26 2_17 2014; do echo "--platform manylinux_${tag}_aarch64"; done)
# shellcheck disable=SC2086 - an option and its value each
$python -m pip install --disable-pip-version-check --quiet --target "$folder/site" \
  --only-binary=:all: $platforms --platform manylinux2014_aarch64 --python-version "$version" \
  --implementation cp --require-hashes -r requirements/run.txt

$python -m tests.pinned_data "$folder/data" > "$folder/here"
PYTHONPATH="$folder/site:src" PIECEWISE_CACHE=off qemu-aarch64-static -L "$folder/arm" \
  "$folder/arm/usr/bin/python$version" -m tests.pinned_data "$folder/data" > "$folder/there"
diff "$folder/here" "$folder/there"
echo "ARM: the same bits in $(wc -l < "$folder/here") nets"
