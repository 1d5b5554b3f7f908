"""Finds the processes of a deployment, by what a gateway knows of them (``/ops/processes``)."""

import os
import socket
from pathlib import Path
from typing import Final, Literal

import aiohttp
import msgspec
from msgspec import Struct

from deploy.errors import DeployError
from market.wire.presence import AnyPresent, GatewayPresent

_OURS: Final = {"gateway": ("gateway", "gunicorn"), "poller": ("poller",)}
"""A word that the command of such a process has."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)

Role = Literal["gateway", "poller", "bus"]


class Target(Struct, frozen=True):
    """A process of the deployment."""

    role: Role
    name: str
    """For people."""
    pid: int
    leads: bool = False
    """Of a poller: whether it publishes."""
    clients: int = 0
    """Of a gateway: how many it has."""


class _Report(Struct):
    processes: list[AnyPresent]


async def targets(gateway: str, token: str | None) -> list[Target]:
    """The gateways and pollers of the deployment of the gateway at this base URL, all on this machine.

    Raises:
        DeployError: it does not answer, or one of them runs elsewhere, or is not what it says.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{gateway.rstrip('/')}/ops/processes"
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, http.get(url, headers=headers) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise DeployError(f"{url} answers {answer.status}; give METRICS_TOKEN with --token-file, if it is set")
        found = msgspec.json.decode(body, type=_Report).processes
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        why = error or type(error).__name__
        raise DeployError(f"no gateway at {gateway} ({why}); name one with --gateway") from None
    except msgspec.DecodeError:
        raise DeployError(f"what answers at {url} is no gateway") from None
    return [target for process in found if (target := _checked(process)) is not None]


def _checked(process: AnyPresent) -> Target | None:
    """The process; None if it has just ended, and what it said has not run out yet."""
    # Whoever can write to the bus can invent processes: a signal goes to nobody that is not what it is said to be.
    role: Role = "gateway" if isinstance(process, GatewayPresent) else "poller"
    what = f"{role} {process.name} (process {process.pid})"
    if process.host != socket.gethostname()[:200]:
        raise DeployError(f"{what} runs on {process.host}: faults are made on this machine only, where all must run")
    if not command_of(process.pid):
        return None
    require(process.pid, _OURS[role], what)
    if isinstance(process, GatewayPresent):
        return Target(role, f"gateway {process.address}", process.pid, clients=process.clients)
    return Target(role, f"poller of {process.venue}", process.pid, process.state == "leading")


def require(pid: int, words: tuple[str, ...], what: str) -> None:
    """See that a process is there, is ours to signal, and has one of ``words`` in its command.

    Raises:
        DeployError: it is not.
    """
    command = command_of(pid)
    if not command:
        raise DeployError(f"{what} is not there (a container has numbers of its own: run this inside of it)")
    owner = Path(f"/proc/{pid}").stat().st_uid
    if pid <= 1 or not any(word in command for word in words):
        raise DeployError(f"{what} is another program: {command[:80]!r}")
    if os.geteuid() not in (0, owner):
        raise DeployError(f"{what} belongs to another user; run this as root, or as that user")


def command_of(pid: int) -> str:
    """The command of a process, as it was started; empty if it is not there, or has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
