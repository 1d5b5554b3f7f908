"""The client in JavaScript in other runtimes than the one on PATH: Debian's Node, one with a WebSocket, and Deno.

They are downloaded from npm, so this runs only where it is asked for.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.faults import SYMBOLS
from tests.integration.js_programs import Watching, node, watching
from tests.integration.stacks import run_plan, running, ws_url

HERE = Path(__file__).parent / "runtimes"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not os.environ.get("FOREIGN"), reason="downloads runtimes; make foreign"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the runtimes are for x86_64"),
]

RUNTIMES: Mapping[str, tuple[str, ...]] = {
    "node18": ("node18/bin/node",),
    "node22": ("node22/bin/node",),
    "deno": ("@deno/linux-x64-glibc/deno", "run", "--allow-all"),
}
"""Name -> the command, below ``node_modules``."""


@pytest.fixture(scope="module")
def modules() -> Path:
    """Install the runtimes, as the lock file says."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine (Debian: apt-get install npm)")
    node("ws")
    subprocess.run([npm, "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True, timeout=500)
    return HERE / "node_modules"


async def state(client: Watching, last: str) -> None:
    """Wait until that is the last state that it said of a symbol."""
    await client.until(lambda client: client.states(SYMBOLS[0])[-1:] == [last])


@pytest.mark.parametrize("name", RUNTIMES)
async def test_it_runs_in_other_runtimes(name: str, modules: Path) -> None:
    """Prices are live, stale while the gateway is away, and live again, with more ticks."""
    program, *words = RUNTIMES[name]
    options = {"conflate": False}
    async with (
        running(run_plan()) as stack,
        watching(
            ws_url(stack), *SYMBOLS, runtime=(str(modules / program), *words), options=options, each=True
        ) as client,
    ):
        await state(client, "live")
        await stack.stop_one("gateway")
        await state(client, "stale")
        seen = len(client.seqs(SYMBOLS[0]))
        await stack.start_one("gateway")
        await state(client, "live")
        await client.until(lambda client: len(client.seqs(SYMBOLS[0])) > seen + 3)
        summary = await client.end()
        assert summary["uncertainty_ms"] < 1000
        assert [] == client.told("too_old")
