#!/bin/sh
# Installs programs that some tests and checks need and that pip does not have: Chromium opens the
# pages, LibreOffice computes spreadsheets, node and npm check the pages' JavaScript. Needs Debian
# and root. Without them these tests and checks are skipped, and say so.
set -eu
wanted=""
command -v chromium >/dev/null || wanted="chromium"
command -v soffice >/dev/null || wanted="$wanted libreoffice-calc-nogui"
command -v npm >/dev/null || wanted="$wanted nodejs npm"
[ -n "$wanted" ] || exit 0
echo "Installing $wanted ..."
apt-get -qq update
# shellcheck disable=SC2086 - a word each
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $wanted >/dev/null
