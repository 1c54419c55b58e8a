#!/bin/sh
# Makes the environments of all toolkits that judge exported networks: runs every other script in this
# folder. A toolkit that cannot be installed stops none of the others; its tests are skipped. The exit
# status is 1 if there was one.
cd "$(dirname "$0")" || exit 1
failed=
for script in *.sh; do
    [ "$script" = all.sh ] || sh "$script" || failed="$failed $script"
done
[ -z "$failed" ] || echo "These failed, so the tests of their toolkits are skipped:$failed" >&2
[ -z "$failed" ]
