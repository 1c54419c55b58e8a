#!/bin/sh
# Installs programs that some tests and checks need and that pip does not have: Chromium opens the
# pages, LibreOffice computes spreadsheets, node and npm check the pages' JavaScript. Needs Debian
# and root. Without them these tests and checks are skipped, and say so.
set -eu

install() {
  echo "Installing $* ..."
  apt-get -qq update &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

wanted=""
command -v chromium >/dev/null || wanted="chromium"
command -v soffice >/dev/null || wanted="$wanted libreoffice-calc-nogui"
command -v npm >/dev/null || wanted="$wanted nodejs npm"
# shellcheck disable=SC2086 - a word each
[ -z "$wanted" ] || install $wanted

# Chromium without windows, which opens pages with a third of the work. Any Chromium does.
command -v chromium-headless-shell >/dev/null || install chromium-headless-shell ||
  echo "Tests of pages take longer without chromium-headless-shell."
