#!/bin/sh
# deploy/release/tools.sh PYTHON FOLDER: an environment in FOLDER with what looks after releases, by the versions and
# hashes of deploy/release/tools.txt. It is apart from all others: what audits a program must not change what it
# depends on.
set -eu
python=$1
folder=$2
list=$(dirname "$0")/tools.txt
if ! cmp -s "$list" "$folder/tools.txt"; then
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes --requirement "$list"
    cp "$list" "$folder/tools.txt"
fi
