#!/bin/sh
# deploy/release/audit.sh TOOLS LIST...: asks a database for known weaknesses of the packages in the lists (versions and
# hashes). Exit code 1 if there is one. Exit code 3 if the database did not know a package, or could not be asked:
# nothing is audited then, whatever else is said.
set -eu
tools=$1
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT
code=0
for list in "$@"; do
    # --strict: a package that is not audited is an error; without it all may be skipped, and the exit code is 0.
    if ! "$tools/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner off --timeout 15 \
        --requirement "$list" >"$said" 2>&1; then
        cat "$said" >&2
        if grep -q '^Name .*Version .*ID' "$said"; then
            code=1
        else
            echo "$list was not audited: the database of weaknesses could not be asked, or does not know all packages" >&2
            exit 3
        fi
    fi
done
[ "$code" = 0 ] || exit "$code"
echo "no known weakness in: $*"
