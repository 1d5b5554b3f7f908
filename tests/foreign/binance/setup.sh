#!/bin/sh
# tests/foreign/binance/setup.sh PYTHON DIRECTORY
#
# Sets up what the programs beside it run in: a virtual environment in DIRECTORY, made with PYTHON, and npm's packages
# here. Every version and every file is as in requirements.txt, connector.txt and node/package-lock.json. What cannot be
# had, for want of Node or of a network, is said, and the test that needs it skips; in CI it fails.
set -u
python=$1
directory=$2
here=$(dirname "$0")

if [ ! -e "$directory/.ready" ] || [ -n "$(find "$here/requirements.txt" "$here/connector.txt" -newer "$directory/.ready")" ]; then
    echo "setting up $directory (released clients of Binance)"
    install() {
        "$directory/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes "$@"
    }
    rm -rf "$directory"
    # Its package has the same name as another's, so it stands in a folder of its own.
    if "$python" -m venv "$directory" && install --requirement "$here/requirements.txt" &&
        install --no-deps --target "$directory/connector" --requirement "$here/connector.txt"; then
        touch "$directory/.ready"
    else
        echo "clients of Binance in Python are not set up: see above; their test will not run" >&2
    fi
fi

ready=$here/node/node_modules/.ready
if [ ! -e "$ready" ] || [ "$here/node/package-lock.json" -nt "$ready" ]; then
    if ! command -v npm >/dev/null 2>&1; then
        echo "clients of Binance in JavaScript are not set up: npm is missing; their test will not run" >&2
    elif (cd "$here/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error); then
        touch "$ready"
    else
        echo "clients of Binance in JavaScript are not set up: see above; their test will not run" >&2
    fi
fi
