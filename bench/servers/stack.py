"""A gateway with default settings, fed, and optionally behind HAProxy.

publisher ─▶ Valkey ─▶ gateway ─▶ (HAProxy ─▶) strangers
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from bench.host import usage
from bench.host.processes import Process, python
from bench.host.trees import Tree
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.front import BEHIND, Front
from bench.servers.rig import Rig
from bench.servers.server import Server

FrontName = Literal["straight", "haproxy"]
FRONTS: tuple[FrontName, ...] = ("straight", "haproxy")

_SEED = 7
_BURST = 10
"""Ticks published at once: a burst every 10 ms, at a thousand ticks a second."""


@dataclass(frozen=True)
class Stack:
    """The running programs."""

    bench: Rig
    server: Server
    port: int
    """Where clients connect."""
    ours: tuple[int, ...]
    """Processes of the load core."""

    def usage(self, *beside: int) -> usage.Usage:
        """The usage of all until now; ``beside`` are further processes of the load core."""
        return usage.read(self.server.pid, (*self.ours, *beside), self.bench.cores)


@contextmanager
def running(
    bench: Rig, tree: Tree, front: FrontName, ticks_per_s: float, env: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Run the gateway of ``tree`` on its core and all else on the other; publish ticks until the block ends.

    Raises:
        ProcessError: a process did not start, or did not answer.
    """
    gateway = replace(CONTENDERS["gateway"], root=tree.root, limited=True)
    settings = {"DRAIN_SECONDS": "0", **(BEHIND if front == "haproxy" else {}), **(env or {})}
    with ExitStack() as stack:
        seed = (str(bench.bus_port), str(_SEED))
        publisher = stack.enter_context(Process(python("bench.feed.publisher", *seed), bench.cores.load, piped=True))
        publisher.ask("first")
        server = stack.enter_context(Server(gateway, bench.cores.server, bench.bus_url, 0, None, settings))
        ours = [bench.bus_pid, publisher.pid, os.getpid()]
        port = server.port
        if front == "haproxy":
            proxy = stack.enter_context(Front(tree.root, bench.cores.load, server.port))
            port = proxy.port
            ours.append(proxy.pid)
        publisher.ask("start", ticks_per_s=ticks_per_s, burst=_BURST, order="round")
        yield Stack(bench, server, port, tuple(ours))
        publisher.ask("stop")
        server.check(f"the gateway of {tree.label}")
