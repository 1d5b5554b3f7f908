#!/bin/sh
# tests/foreign/binance/setup.sh PYTHON DIRECTORY [long]
#
# Sets up what the programs beside it run in: a virtual environment in DIRECTORY, made with PYTHON, and npm's packages
# in node; with "long" those of the long tests, in DIRECTORY-long and node_long. Every version and every file is as in
# requirements.txt, connector.txt, long.txt and the two package-lock.json. What cannot be had, for want of Node or of a
# network, is said, and the test that needs it skips; in CI it fails.
set -u
python=$1
directory=$2
here=$(dirname "$0")

fresh() { # READY FILE...
    ready=$1
    shift
    [ -e "$ready" ] && [ -z "$(find "$@" -newer "$ready")" ]
}

make_venv() { # DIRECTORY REQUIREMENTS
    echo "setting up $1 (released clients of Binance)"
    rm -rf "$1"
    "$python" -m venv "$1" && install "$1" --requirement "$2"
}

install() { # DIRECTORY ARGUMENT...
    into=$1
    shift
    "$into/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes "$@"
}

not_set_up() {
    echo "clients of Binance in $1 are not set up: $2; their test will not run" >&2
}

npm_packages() { # DIRECTORY
    if fresh "$1/node_modules/.ready" "$1/package-lock.json"; then
        return
    elif ! command -v npm >/dev/null 2>&1; then
        not_set_up JavaScript "npm is missing"
    elif (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error); then
        touch "$1/node_modules/.ready"
    else
        not_set_up JavaScript "see above"
    fi
}

if [ "${3:-}" = long ]; then
    if ! fresh "$directory-long/.ready" "$here/long.txt"; then
        if make_venv "$directory-long" "$here/long.txt"; then
            touch "$directory-long/.ready"
        else
            not_set_up Python "see above"
        fi
    fi
    npm_packages "$here/node_long"
    exit 0
fi

if ! fresh "$directory/.ready" "$here/requirements.txt" "$here/connector.txt"; then
    # The package of the second list has the same name as another's, so it stands in a folder of its own.
    if make_venv "$directory" "$here/requirements.txt" &&
        install "$directory" --no-deps --target "$directory/connector" --requirement "$here/connector.txt"; then
        touch "$directory/.ready"
    else
        not_set_up Python "see above"
    fi
fi
npm_packages "$here/node"
