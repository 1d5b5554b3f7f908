"""The programs of a system, its feed and its clients."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bench.feed.ticks import SYMBOLS
from bench.host import machine
from bench.host.processes import Process, python
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.contenders import Contender
from bench.servers.rig import Rig
from bench.servers.server import HOST, Server
from bench.system import fronts
from bench.system.reading import Reading, Window, between, read

_SAMPLES = 20_000
_SEED = 7
_OPEN_S = 120.0
_WARM_CLIENTS = 20


class System:
    """A system that runs. Each gateway has clients of its own, or all share a front."""

    def __init__(
        self,
        bench: Rig,
        stack: ExitStack,
        scenario: Scenario,
        gateway: Contender = CONTENDERS["gateway"],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; ``stack`` ends it. ``env`` are further settings of the gateways.

        Raises:
            ProcessError: a process did not start.
        """
        self._bench, self._stack, self._scenario = bench, stack, scenario
        cores = bench.cores
        self._publisher = stack.enter_context(Process(python(*bench.publisher, str(_SEED)), cores.load, piped=True))
        self._publisher.ask("first")
        settings = {**fronts.ENVIRONMENT.get(scenario.front, {}), **(env or {})}
        self.gateways = [
            stack.enter_context(Server(gateway, cores.server, bench.bus_url, 0, None, settings))
            for _ in range(scenario.gateways)
        ]
        self.front: fronts.Running | None = None
        ports = tuple(server.port for server in self.gateways)
        if scenario.front != fronts.STRAIGHT:
            self.front = stack.enter_context(fronts.start(scenario.front, gateway.root, cores.server, ports))
            ports = (self.front.port,) * scenario.gateways
        # The first connections pay for imports and arenas, so they are not measured.
        for number, port in enumerate(ports):
            with self._load(number, port) as warm:
                self._ask_to_open(warm, _WARM_CLIENTS, number, snapshots=False)
        time.sleep(0.5)
        self.idle_rss = self.rss_bytes()
        self.loads = [stack.enter_context(self._load(number, port)) for number, port in enumerate(ports)]

    def _load(self, number: int, port: int) -> Process:
        # A front limits all other addresses than loopback's own; without one, each load has its own ports.
        source = f"127.0.0.{2 + number}" if self.front is None else HOST
        arguments = (HOST, str(port), "tickgate", source)
        return Process(python("bench.clients.client", *arguments), self._bench.cores.load, piped=True)

    def _ask_to_open(self, load: Process, count: int, number: int, *, snapshots: bool) -> dict[str, Any]:
        return load.ask(
            "open",
            timeout_s=_OPEN_S + 30,
            count=count,
            pool=SYMBOLS,
            each=self._scenario.each,
            seed=_SEED + number,
            snapshots=snapshots,
            receive_buffer=0,
            patience_s=_OPEN_S,
        )

    @property
    def pids(self) -> dict[str, Sequence[int]]:
        """The processes of each part."""
        return {
            "bus": [self._bench.bus_pid],
            "gateways": [server.pid for server in self.gateways],
            "front": [] if self.front is None else [self.front.pid],
            "load": [self._publisher.pid, os.getpid(), *(load.pid for load in self.loads)],
        }

    def rss_bytes(self) -> int:
        """The resident memory of all gateways together."""
        return sum(server.rss_bytes() for server in self.gateways)

    def front_rss_bytes(self) -> int:
        """The resident memory of the front; 0 if there is none."""
        return 0 if self.front is None else machine.rss_bytes(self.front.pid)

    def read(self) -> Reading:
        """The usage until now."""
        return read(self.pids, self._bench.cores)

    def open(self, *, snapshots: bool = False) -> Window:
        """Open the clients, evenly over the gateways; with ``snapshots``, until each has all of its own."""
        before = self.read()
        each = self._scenario.clients // self._scenario.gateways
        failures: dict[str, int] = {}
        for number, load in enumerate(self.loads):
            answer = self._ask_to_open(load, each, number, snapshots=snapshots)
            if answer["opened"] < each:
                failures[f"{answer['opened']} of {each} clients got in: {answer['failures']}"] = 1
        window = between(before, self.read())
        window.failures = failures
        return window

    def rest(self, seconds: float) -> None:
        """Let the clients sleep so long before each look at their sockets: see `bench.clients.client.Client.rest`."""
        for load in self.loads:
            load.ask("rest", seconds=seconds)

    def feed(self) -> None:
        """Begin to publish the scenario's ticks, if it has any."""
        scenario = self._scenario
        if not scenario.ticks_per_s:
            return
        self._publisher.ask("start", ticks_per_s=scenario.ticks_per_s, burst=scenario.burst, order=scenario.order)

    def stop(self) -> None:
        """Publish no more."""
        self._publisher.ask("stop")

    def window(self, seconds: float) -> Window:
        """Measure for so long. Clients are asked one after the other, so each has a window of the same length."""
        fed = self._scenario.ticks_per_s
        every = max(1, round(self._scenario.due_per_s * seconds / _SAMPLES))
        for load in self.loads:
            load.ask("mark", sample_every=every)
        before = self.read()
        time.sleep(seconds)
        after = self.read()
        got = [load.ask("mark") for load in self.loads]
        window = between(before, after)
        window.ticks_in = round(fed * window.seconds)
        for answer in got:
            window.ticks += answer["ticks"]
            window.bytes += answer["bytes"]
            window.pongs += answer["pongs"]
            window.failures.update(answer["failures"])
        ages = [answer["age_ms"] for answer in got if answer["age_ms"]]
        if ages:
            window.p50_ms, window.p99_ms, window.max_ms = (
                max(age[name] for age in ages) for name in ("p50", "p99", "max")
            )
        for server in self.gateways:
            server.check("a gateway")
        return window
