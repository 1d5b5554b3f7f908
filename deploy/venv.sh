#!/bin/sh
# deploy/venv.sh DIRECTORY EXTRAS
#
# Makes a virtual environment with tickgate, editable, and the named extras, every version and every file as in
# constraints.txt. PYTHON names the Python to use; pip's own configuration (index, proxy) is respected.
#
# What cannot be done is said in the words of the program that could not do it, and what helps. Nothing is installed on
# the system unless that is what is missing.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: deploy/venv.sh DIRECTORY EXTRAS, like deploy/venv.sh .venv embedded,cluster; make run does it for you" >&2
    exit 2
fi
directory=$1
extras=$2

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

suitable() {
    # Run, not only found: a version manager's shim may exist for a version that does not.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

version() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

# What keeps us from writing to a folder; empty if nothing does.
unwritable() {
    said=$({ mkdir -p "$1" && probe=$(mktemp -d "$1/.tickgate-XXXXXX") && rmdir "$probe"; } 2>&1) && return
    # The system's words are the last of the program's.
    printf '%s\n' "${said##*: }"
}

complete() {
    "$directory/bin/python" -m pip --version
}

# The last lines of what a program has said, indented.
ending() {
    printf '%s\n' "$1" | grep -v '^[[:space:]]*$' | tail -n 8 | sed 's/^/    /'
}

make_venv() {
    # Debian's python3 has no ensurepip without python3-venv, so venv may fail half way.
    errors=
    for maker in "$python -m venv" "$python -m virtualenv" "virtualenv --python $python" "uv venv --seed --python $python"; do
        case $maker in
            "$python -m virtualenv") "$python" -c 'import virtualenv' 2>/dev/null || continue ;;
            virtualenv* | uv*) command -v "${maker%% *}" >/dev/null 2>&1 || continue ;;
        esac
        if said=$({ rm -rf "$directory" && $maker "$directory" && complete; } 2>&1); then
            return 0
        fi
        case $said in
            # venv keeps to itself what its own call of ensurepip has said.
            *ensurepip*exit*status*)
                said="$said
$("$directory/bin/python" -m ensurepip --upgrade --default-pip 2>&1)" || true
                ;;
        esac
        [ -z "$said" ] || errors="$errors${errors:+
}$maker says:
$(ending "$said")"
    done
    return 1
}

python=${PYTHON:-}
if [ -n "$python" ]; then
    if ! suitable "$python"; then
        found=$(version "$python") && found="it is $found" || found="it cannot be run"
        fail "PYTHON=$python is not a Python of at least 3.11 ($found); name one, or unset it"
    fi
else
    # Newest first among those it is tested with, then whatever else there is.
    old=
    for candidate in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if suitable "$candidate"; then
            python=$candidate
            break
        fi
        ! found=$(version "$candidate") || old="$old${old:+, }$candidate is $found"
    done
    if [ -z "$python" ]; then
        fail "PATH has no Python of at least 3.11${old:+ ($old)}; install one, or name it: make PYTHON=/path/to/python"
    fi
fi

if [ -e "$directory" ] && [ ! -e "$directory/pyvenv.cfg" ]; then
    fail "$directory is there and is no virtual environment; name another: make VENV=..."
fi
why=$(unwritable "$(dirname "$directory")")
[ -z "$why" ] || fail "cannot write to $(dirname "$directory") ($why); name another place: make VENV=/path/of/a/new/folder"
why=$(unwritable .)
[ -z "$why" ] || fail "cannot write to $PWD ($why), and an editable installation does; copy the tree to where you may write"

echo "setting up $directory ($("$python" --version), extras: $extras)"
if ! make_venv; then
    if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        fail "cannot make a virtual environment in $directory: $errors"
    fi
    # Only here is it a part of the system that is missing.
    deploy/system.sh "$python=python3-venv"
    if ! make_venv; then
        fail "cannot make a virtual environment in $directory: $errors" \
            "$python has no venv or no ensurepip; install it (Debian: apt-get install python3-venv), or name another: make PYTHON=/path/to/python"
    fi
fi

pip() {
    "$directory/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

install() {
    pip install "$@" && return
    # Its own lines are above.
    fail "pip could not install what tickgate needs. Without a way to pypi.org name a mirror (PIP_INDEX_URL) or a proxy" \
        "(HTTPS_PROXY); then run this again."
}

# Hashes and versions of constraints.txt, what is needed of it. setuptools is among them: an isolated build of tickgate
# would take whatever is newest that day.
"$directory/bin/python" deploy/locked.py "$extras" >"$directory/locked.txt"
install --require-hashes --requirement "$directory/locked.txt"
install --no-deps --no-build-isolation --editable .
pip check >/dev/null
