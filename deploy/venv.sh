#!/bin/sh
# deploy/venv.sh DIRECTORY EXTRAS
#
# Makes a virtual environment with tickgate, editable, and the named extras, every version and every file as in
# constraints.txt. PYTHON names the Python to use; pip's own configuration (index, proxy) is respected.
set -eu

directory=$1
extras=$2

suitable() {
    # Run, not only found: a version manager's shim may exist for a version that does not.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

complete() {
    "$directory/bin/python" -m pip --version >/dev/null 2>&1
}

make_venv() {
    # Debian's python3 has no ensurepip without python3-venv, so venv may fail half way.
    for maker in "$python -m venv" "$python -m virtualenv" "virtualenv --python $python" "uv venv --seed --python $python"; do
        rm -rf "$directory"
        if $maker "$directory" >/dev/null 2>&1 && complete; then
            return 0
        fi
    done
    return 1
}

python=${PYTHON:-}
if [ -n "$python" ]; then
    if ! suitable "$python"; then
        echo "PYTHON=$python is not a Python of at least 3.11; name one, or unset it" >&2
        exit 1
    fi
else
    # Newest first among those it is tested with, then whatever else there is.
    for candidate in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if suitable "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "PATH has no Python of at least 3.11; install one, or name it: make PYTHON=/path/to/python" >&2
        exit 1
    fi
fi

if [ -e "$directory" ] && [ ! -e "$directory/pyvenv.cfg" ]; then
    echo "$directory is there and is no virtual environment; name another: make VENV=..." >&2
    exit 1
fi
echo "setting up $directory ($("$python" --version), extras: $extras)"
if ! make_venv; then
    deploy/system.sh "$python=python3-venv"
    if ! make_venv; then
        echo "$python cannot make a virtual environment; install its venv module (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi

pip() {
    "$directory/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

# Hashes and versions of constraints.txt, what is needed of it. setuptools is among them: an isolated build of tickgate
# would take whatever is newest that day.
"$directory/bin/python" deploy/locked.py "$extras" >"$directory/locked.txt"
pip install --require-hashes --requirement "$directory/locked.txt"
pip install --no-deps --no-build-isolation --editable .
pip check >/dev/null
