#!/bin/sh
# deploy/release/release.sh PYTHON
#
# Makes the wheel and the source archive of the last commit, into dist/, installs the wheel where nothing else of this
# tree is, with the versions and hashes of constraints.txt, and starts what it installed: `tickgate run`, in an empty
# directory. PYTHON has pip and setuptools
# of constraints.txt, as that of `make` has.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
python=$1

version=$(sed -n 's/^version = //p' setup.cfg)
if [ -n "$(git status --porcelain)" ]; then
    echo "there are changes that are not committed, and would not be in the release; commit or stash them" >&2
    exit 1
fi
if ! grep -q "^## $version - [0-9]" CHANGELOG.md; then
    echo "CHANGELOG.md has no section \"## $version - DATE\"; write it, or fix the version in setup.cfg" >&2
    exit 1
fi

work=$(mktemp -d)
program=
finish() {
    [ -z "$program" ] || kill "$program" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# From what is committed alone: what lies about here is not built in. The same commit makes the same bytes.
mkdir "$work/dist"
git archive --format=tar.gz --prefix="tickgate-$version/" --output="$work/dist/tickgate-$version.tar.gz" HEAD
tar -xz -C "$work" -f "$work/dist/tickgate-$version.tar.gz"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
unset PYTHONPATH
"$python" -m pip --quiet --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir "$work/dist" \
    "$work/tickgate-$version"

"$python" -m venv "$work/venv"
installed=$work/venv/bin/python
"$python" deploy/locked.py cluster,embedded >"$work/locked.txt"
"$installed" -m pip --quiet --disable-pip-version-check install --require-hashes --requirement "$work/locked.txt"
"$installed" -m pip --quiet --disable-pip-version-check install --no-deps "$work"/dist/*.whl
"$installed" -m pip check >/dev/null

# Elsewhere, so that no module of this tree is found.
mkdir "$work/empty"
cd "$work/empty"
GATEWAY_PORT=$("$installed" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export GATEWAY_PORT FEED=simulated SYMBOLS=BTCUSDT LOG_LEVEL=ERROR
unset BUS_URL
"$work/venv/bin/tickgate" run &
program=$!
"$installed" - "http://127.0.0.1:$GATEWAY_PORT" "$version" <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

import aiohttp


async def main(url: str) -> None:
    """Fetch the dashboard, then hear a price."""
    async with aiohttp.ClientSession(url) as session:
        async with asyncio.timeout(30):
            while True:
                try:
                    async with session.get("/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
        for path in ("/", "/web/app.js", "/web/style.css"):
            async with session.get(path) as answer:
                assert answer.status == 200, (path, answer.status)
        async with asyncio.timeout(30), session.ws_connect("/ws") as socket:
            await socket.send_json({"type": "subscribe", "symbols": ["BTCUSDT"]})
            while (await socket.receive_json())["type"] != "tick":
                pass


assert version("tickgate") == sys.argv[2], (version("tickgate"), sys.argv[2])
asyncio.run(main(sys.argv[1]))
PYTHON
[ "$("$work/venv/bin/tickgate" --version)" = "tickgate $version" ]
[ -z "$(ls -A)" ]
kill "$program"
wait "$program"
program=

# What is in it, for who asks: names, versions and hashes.
(cd "$root" && deploy/release/tools.sh "$python" "$work/tools" &&
    deploy/release/sbom.sh "$work/tools" "$work/locked.txt" "$work/dist/"*.whl "$work/dist/tickgate-$version.cdx.json")

# The client for Python is a package of its own.
"$python" -m pip --quiet --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir "$work/dist" \
    "$work/tickgate-$version/clients/python"

cd "$root"
rm -rf dist
mv "$work/dist" dist
echo "tickgate $version: the wheel was installed, and \`tickgate run\` serves prices"
(cd dist && sha256sum -- *)
