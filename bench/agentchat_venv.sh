#!/usr/bin/env bash
# Makes .venvs/bench-agentchat, once: autogen-agentchat and this package's AutoGen both
# need the name autogen-something and other versions of the same packages.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

venv=.venvs/bench-agentchat
stamp=$venv/.stamp
if [ ! -f "$stamp" ]; then
    make_venv "$venv" 3.10 3.13
    install "$venv" 'autogen-agentchat>=0.7,<0.8' 'autogen-ext[openai,chromadb]>=0.7,<0.8'
    touch "$stamp"
fi
