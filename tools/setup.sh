#!/usr/bin/env bash
# Makes a virtual environment with this package in it: setup.sh .venv [extra ...]
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

venv=$1
shift
make_venv "$venv" 3.10 3.13
echo "Installing memgpt-autogen with its dependencies into $venv (once) ..."

extras=$(IFS=,; echo "$*")
if install "$venv" -e ".[$extras]"; then
    exit 0
fi
without=$(IFS=,; echo "${*/local/}" | tr -s , | sed 's/^,//; s/,$//')
echo "That failed; trying once more without the local model ..."
install "$venv" -e ".[$without]"
echo "The local model's runtime has no build for this machine: the demo will rehearse instead."
