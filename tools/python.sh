#!/usr/bin/env bash
# Prints the newest Python on PATH that runs and lies in a range: python.sh 3.10 3.13
# A name on PATH is no proof: version managers leave shims that only print an error.
set -euo pipefail
oldest=${1#3.} newest=${2#3.}
for name in python3.13 python3.12 python3.11 python3.10 python3 python; do
    probe="import sys; sys.exit(not (3, $oldest) <= sys.version_info[:2] <= (3, $newest))"
    if "$name" -c "$probe" 2>/dev/null; then
        "$name" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
exit 1
