#!/bin/sh
# Installs the programs that some tests are judged by, and that pip has none of: Chromium, which
# opens the pages, and LibreOffice, which works spreadsheets out. Needs Debian, and root.
# Without them these tests are left out, and say so.
set -eu
wanted=""
command -v chromium >/dev/null || wanted="chromium"
command -v soffice >/dev/null || wanted="$wanted libreoffice-calc-nogui"
[ -n "$wanted" ] || exit 0
echo "Installing $wanted ..."
apt-get -qq update
# shellcheck disable=SC2086 - a word each
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $wanted >/dev/null
