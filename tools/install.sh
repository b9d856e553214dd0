# Sourced by setup.sh and matrix.sh: make_venv and install. uv installs in seconds what takes pip
# minutes, so where there is none the new environment gets one of its own; pip is the way out.

have_uv() { uv --version >/dev/null 2>&1; }

# uv_of DIRECTORY: the uv that installs there, fetched by that environment's pip if need be.
uv_of() {
    if have_uv; then
        echo uv
    elif "$1/bin/uv" --version >/dev/null 2>&1 ||
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check uv >/dev/null 2>&1; then
        echo "$1/bin/uv"
    else
        return 1
    fi
}

# make_venv DIRECTORY OLDEST NEWEST: an environment with a Python in that range.
make_venv() {
    local venv=$1 oldest=$2 newest=$3 python
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null; then
        return 0
    fi
    rm -rf "$venv"
    if python=$(tools/python.sh "$oldest" "$newest"); then
        echo "Setting up $venv with $("$python" --version) ..."
    elif have_uv; then
        echo "No Python from $oldest to $newest runs here: uv fetches $newest ..."
        python=$newest
    else
        echo "Python $oldest to $newest is needed; none on PATH runs." >&2
        return 1
    fi
    if have_uv; then
        uv venv --quiet --python "$python" "$venv"
    else
        "$python" -m venv "$venv" || {
            echo "Python's venv module is incomplete: install python3-venv, or uv." >&2
            return 1
        }
    fi
}

# install DIRECTORY REQUIREMENT...: quiet, but it shows that something happens.
install() {
    local venv=$1 uv
    shift
    if uv=$(uv_of "$venv"); then
        "$uv" pip install --python "$venv/bin/python" "$@" 2>&1 | report 'Resolved|Prepared|Installed|error|×|╰|help:'
    else
        "$venv/bin/python" -m pip install --disable-pip-version-check "$@" 2>&1 |
            report 'Collecting|Building|Successfully|ERROR|error:'
    fi
}

# Keeps the telling lines; counts what pip collects in one line instead of a hundred.
report() {
    awk -v keep="$1" '
        /^ *Collecting/ { printf "\r  %d packages ...", ++count; fflush(); next }
        $0 ~ keep { if (count) { printf "\n"; count = 0 }; print "  " substr($0, 1, 160); fflush() }'
}
