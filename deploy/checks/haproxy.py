"""HAProxy, for a cluster: found, new enough, and content with the configuration that comes with tickgate."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from deploy import files
from deploy.checks.finding import Finding
from deploy.launcher.programs import GATEWAYS, find_haproxy
from market.settings.config import HAPROXYS

OLDEST: Final = (2, 6)
"""The oldest version that the tests run with."""
CONFIGURATION: Final = files.HAPROXY


async def check_haproxy(environ: Mapping[str, str], variables: Mapping[str, str]) -> list[Finding]:
    """Ask the program itself. ``environ`` is what it runs in, ``variables`` with what the file says beside."""
    program = find_haproxy()
    if program is None:
        fix = "for a cluster install it (Debian: apt-get install haproxy)"
        return [Finding("warning", "haproxy", "is not installed; run, poller and gateway need none", fix)]
    _, output = await _run((program, "-v"), environ)
    match = re.search(r"version ([0-9]+)\.([0-9]+)[^ ]*", output)
    if match is None:
        return [Finding("warning", "haproxy", f"{program} does not tell its version: is it HAProxy?")]
    version = match[0].removeprefix("version ")
    if (int(match[1]), int(match[2])) < OLDEST:
        fix = "install 2.6 or newer (haproxy.debian.net has packages)"
        return [Finding("warning", "haproxy", f"{program} is version {version}, too old for a cluster", fix)]
    own = {name: value for name, value in variables.items() if name in HAPROXYS}
    # As the launcher's cluster has it, which looks names up as the system does.
    named = {f"TICKGATE_GATEWAY_{number}": address for number, address in enumerate(GATEWAYS, 1)}
    its = {"TICKGATE_DNS": "0", **named, **environ, **own}
    code, output = await _run((program, "-c", "-f", str(CONFIGURATION)), its)
    if code:
        return [Finding("wrong", "haproxy", f"{version} refuses {CONFIGURATION.name}: {_first_error(output)}")]
    return [Finding("ok", "haproxy", f"{version}, and {CONFIGURATION.name} is valid")]


async def _run(command: tuple[str, ...], environ: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output; the program is ended with us."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")


def _first_error(output: str) -> str:
    """The first alert that says where; HAProxy writes ``[ALERT] (pid) : config : parsing [file:line] : …``."""
    alerts = [line.partition(" : ")[2] or line for line in output.splitlines() if "[ALERT]" in line]
    return (alerts or [output.strip()])[0].replace(f"{CONFIGURATION.parent}/", "")[:300]
