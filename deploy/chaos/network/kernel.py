"""Faults of the network, made by nftables and by ``ss --kill``, for connections of the deployment alone."""

import asyncio
import os
import shlex
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network.connections import Connection, Place, connections_of
from deploy.chaos.network.group import group_of
from deploy.chaos.network.rules import DROPPED, Loss, Whose, table
from deploy.chaos.undo import undone

TABLE: Final = "tickgate_chaos"
"""How the names of our tables begin; the number of the process follows."""
_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
"""Debian keeps both programs where only root's PATH reaches."""
_CAP_NET_ADMIN: Final = 12  # <linux/capability.h>
_PACKAGES: Final = {"nft": "nftables", "ss": "iproute2"}


def program(name: str) -> str:
    """The path of ``nft`` or ``ss``.

    Raises:
        NotMadeError: it may not be used, or is not there.
    """
    if not may_change_networks(Path("/proc/self/status").read_text()):
        raise NotMadeError("only root may change networks (CAP_NET_ADMIN)")
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise NotMadeError(f"there is no {name} here (Debian: apt-get install {_PACKAGES[name]})")
    return found


def may_change_networks(status: str) -> bool:
    """Whether a process has CAP_NET_ADMIN, by its ``status`` (proc(5))."""
    rights = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(rights, 16) >> _CAP_NET_ADMIN & 1)


async def cut(pid: int, connections: Sequence[Connection]) -> None:
    """End these connections of a process, as a reset does.

    Raises:
        NotMadeError: this kernel does not.
    """
    ss = program("ss")
    _require_our_network(pid)
    for local, remote in connections:
        await _run((ss, "--tcp", "--numeric", "--kill", "src", str(local), "and", "dst", str(remote)))
    left = await _run((ss, "--tcp", "--numeric", "--no-header", "state", "established"))
    words = {tuple(line.split()[2:4]) for line in left.splitlines()}
    if any((str(local), str(remote)) in words for local, remote in connections):
        raise NotMadeError("this kernel ends no connections of others (CONFIG_INET_DIAG_DESTROY)")


@asynccontextmanager
async def lossy(
    pid: int, places: Sequence[Place], for_s: float, *, to: bool, back: bool, for_all: bool
) -> AsyncIterator[None]:
    """Drop packets to these places, or back from them, for the block: of a process, or of everybody on this machine.

    It ends by itself after ``for_s``.

    Raises:
        NotMadeError: it cannot be done, or, at the end, there was nothing to drop.
    """
    nft = program("nft")
    _require_our_network(pid)
    name = f"{TABLE}_{os.getpid()}"
    group = None if for_all else group_of(pid)
    script = [f"{shlex.quote(nft)} delete table inet {name}", *(() if group is None else group.leave())]
    async with undone("\n".join(script)):
        whose = None
        if group is not None:
            group.enter(pid)
            # Whatever it opens from here on is of the group.
            ports = sorted({one.local.port for one in connections_of(pid) if one.remote in places})
            whose = Whose(group.path, group.level, tuple(ports))
        loss = Loss(tuple(places), to=to, back=back, whose=whose)
        await _run((nft, "--file", "-"), table(name, loss, round(for_s * 1000)))
        yield
        counted = await _run((nft, "--json", "list", "counter", "inet", name, DROPPED))
        if not packets(counted):
            raise NotMadeError("no packet came that could have been dropped")


def packets(counters: str) -> int:
    """How many packets counters have seen, as ``nft --json`` lists them."""
    return sum(one.counter.packets for one in msgspec.json.decode(counters, type=_Listed).nftables if one.counter)


class _Counter(Struct):
    packets: int


class _Entry(Struct):
    counter: _Counter | None = None


class _Listed(Struct):
    nftables: list[_Entry]


def _require_our_network(pid: int) -> None:
    """Raises NotMadeError: the process is in another network than this program."""
    try:
        is_ours = Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError as error:
        raise NotMadeError(f"process {pid} cannot be looked at: {error.strerror}") from None
    if not is_ours:
        raise NotMadeError(f"process {pid} is in a network namespace of its own (nsenter --net --target {pid})")


async def _run(command: Sequence[str], text: str = "") -> str:
    """What a program prints; it reads ``text``.

    Raises:
        NotMadeError: it fails.
    """
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate(text.encode())
    if process.returncode:
        first = next(iter(errors.decode(errors="replace").splitlines()), f"it ends with {process.returncode}")
        raise NotMadeError(f"{Path(command[0]).name} does not: {first}")
    return output.decode(errors="replace")
