#!/usr/bin/env bash
# Runs the AutoGen-facing tests on one distribution: matrix.sh autogen-0.14.1 .venv/bin/python
# or, with "installed" for its name, on the one of that python. The outcomes of the features go
# to .venvs/autogen-0.14.1.json, or .venv/features.json: see tools/compatibility.py.
# Beside another AutoGen than pyautogen goes the distribution without one, of core/.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

run_tests() { # run_tests PYTHON OUTCOMES
    "$1" -m pytest ${PARALLEL:--n auto} -q -m "$MATRIX_TESTS and not local_model and not small_model" --features-to="$2"
}

name=$1 python=$2
MATRIX_TESTS=${MATRIX_TESTS:-autogen}
if [[ $name == installed ]]; then
    run_tests "$python" "$(dirname "$python")/../features.json"
    exit
fi
venv=.venvs/$name
newest=3.13
[[ $name == pyautogen-0.2* ]] && newest=3.12 # it has no build of its numpy for 3.13

if [ ! "$venv/.stamp" -nt pyproject.toml ]; then
    make_venv "$venv" 3.10 "$newest"
    install "$venv" "${name%-*}==${name##*-}" -e "./core[offline,dev]"
    touch "$venv/.stamp"
fi
echo "== ${name%-*} ${name##*-}"
run_tests "$venv/bin/python" "$venv.json"
