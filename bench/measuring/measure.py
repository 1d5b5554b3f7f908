"""One scenario against one server, once."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from bench.feed.ticks import SYMBOLS
from bench.host import usage
from bench.host.processes import Process, python
from bench.host.usage import Usage
from bench.measuring import deliveries, updates
from bench.reports.figures import drift
from bench.result import Result
from bench.scenarios import Scenario
from bench.servers import certificate
from bench.servers.contenders import Contender, WriteRate
from bench.servers.front import Front, behind
from bench.servers.rig import Rig
from bench.servers.server import HOST, Server
from bench.system import scenarios as system

_WARM_UP_S = 1.0
_SAMPLES = 20_000
_AUDITED = 10
_READINGS = 60
"""Readings of memory while slow clients are there."""
_AUDIT_S = 0.3
_SETTLE_S = 5.0
_OPEN_S = 60.0
_IDLE_S = 0.7
"""If nothing comes for this long, everything has arrived."""
_STALLED_BUFFER_BYTES = 16 * 1024
"""A small receive buffer, so that the gateway is measured. Data in a client's own buffer (128 KB by default on
Linux) is old when it reads again, whatever a gateway does."""
_CURRENT_MS = 500
"""A tick is current when it is younger than this: each symbol has ten a second, and a slow consumer is looked at
twenty times a second."""
_SEED = 7


class Bench(Rig):
    """Measures scenarios, one after the other."""

    def run(
        self, scenario: Scenario, contender: Contender, number: int, seconds: float, rate: WriteRate | None
    ) -> Result:
        """Measure for ``seconds``. A floor needs its ``rate``.

        Raises:
            ProcessError: a process did not start, answer, or stay.
        """
        result = Result(scenario=scenario.name, contender=contender.name, round=number)
        if scenario.kind == "updates":
            updates.measure(contender.root, self.cores, self.bus_pid, seconds, result)
            return result
        if scenario.kind in ("system", "crowd"):
            system.measure(self, scenario, contender, seconds, result)
            return result
        with ExitStack() as stack:
            run = Run(self, stack, scenario, contender, rate, result)
            match scenario.kind:
                case "storm":
                    run.storm()
                case "slow":
                    run.slow(seconds)
                case _:
                    run.steady(seconds)
            run.server.check(contender.name)
        return result


class Run:
    """The processes of one run."""

    def __init__(
        self,
        bench: Rig,
        stack: ExitStack,
        scenario: Scenario,
        contender: Contender,
        rate: WriteRate | None,
        result: Result,
    ) -> None:
        self._bench = bench
        self._stack = stack
        self._scenario = scenario
        self._contender = contender
        self._result = result
        self._publisher = stack.enter_context(
            Process(python(*bench.publisher, str(_SEED)), bench.cores.load, piped=True)
        )
        self._beside: list[int] = []
        """Processes of slow clients."""
        self._newest: dict[str, int] = self._publisher.ask("first")["newest"]
        # Stalled clients must stay while they are measured.
        env = {"LAG_TIMEOUT_S": "3600"} if scenario.kind == "slow" else {}
        if bench.fronted:
            env |= behind(bench.fronted)
        if bench.tls:
            env |= certificate.of_gateway(stack.enter_context(TemporaryDirectory(prefix="tickgate-bench-")))
        self.server = stack.enter_context(
            Server(contender, bench.cores.server, bench.bus_url, scenario.clients, rate, env)
        )
        self._front: Front | None = None
        if bench.fronted:
            self._front = stack.enter_context(
                Front(contender.root, bench.cores.server, self.server.port, name=bench.fronted)
            )
        if not contender.is_floor:
            # The first connections pay for imports and arenas, so they are not measured.
            with self._load() as warm:
                self._open(warm, 20)
            time.sleep(0.3)
        self._idle_rss = self.server.rss_bytes()
        self._clients = stack.enter_context(self._load())

    def _load(self) -> Process:
        arguments = [HOST, str((self._front or self.server).port), self._contender.dialect]
        if self._bench.tls:
            arguments += ["", "tls"]
        return Process(python("bench.clients.client", *arguments), self._bench.cores.load, piped=True)

    def _open(self, load: Process, count: int, *, snapshots: bool = False, receive_buffer: int = 0) -> None:
        answer = load.ask(
            "open",
            timeout_s=_OPEN_S + 30,
            count=count,
            pool=SYMBOLS,
            each=self._scenario.each,
            seed=_SEED,
            snapshots=snapshots,
            receive_buffer=receive_buffer,
            patience_s=_OPEN_S,
        )
        if answer["opened"] < count:
            self._result.faults.append(f"{answer['opened']} of {count} clients got in: {answer['failures']}")

    def steady(self, seconds: float) -> None:
        """Open clients, feed, measure, and audit."""
        scenario, result = self._scenario, self._result
        self._open(self._clients, scenario.clients)
        self._start_feed()
        time.sleep(_WARM_UP_S)
        self._window(seconds)
        time.sleep(0.2)
        if not self._contender.is_floor:
            result.kb_per_connection = (self.server.rss_bytes() - self._idle_rss) / 1024 / scenario.clients
            if self._contender.dialect == "tickgate":
                self._audit()

    def storm(self) -> None:
        """Open all clients at once. Prices stand still, so each snapshot has one right value."""
        scenario, result = self._scenario, self._result
        before = self._usage()
        self._open(self._clients, scenario.clients, snapshots=True)
        used = self._usage().since(before)
        result.ms_per_client = used.cpu_s * 1000 / scenario.clients
        result.clients_per_s = scenario.clients / used.at
        result.server_share = used.cpu_s / used.at
        result.load_share = used.load_core.busy / used.at
        self._judge(self._clients.ask("mark"), used)
        checked = self._clients.ask("snapshots", newest=self._newest, timeout_s=120)
        result.snapshots_right = checked["right"] / scenario.clients
        result.faults += checked["faults"]
        time.sleep(0.2)
        result.kb_per_connection = (self.server.rss_bytes() - self._idle_rss) / 1024 / scenario.clients

    def slow(self, seconds: float) -> None:
        """Measure fast clients alone, then beside slow ones, then alone again."""
        scenario, result = self._scenario, self._result
        self._open(self._clients, scenario.clients)
        self._start_feed()
        time.sleep(_WARM_UP_S)
        alone_s = max(1.0, seconds / 6)
        self._window(alone_s)
        before = result.p99_ms
        stalled, trickling = self._load(), self._load()
        with stalled, trickling:
            self._open(stalled, scenario.stalled, receive_buffer=_STALLED_BUFFER_BYTES)
            self._open(trickling, scenario.trickling)
            stalled.ask("stall")
            trickling.ask("trickle")
            self._beside = [stalled.pid, trickling.pid]
            time.sleep(_WARM_UP_S)
            memory: list[float] = []
            with self._measured():
                for _ in range(_READINGS):
                    time.sleep(seconds / _READINGS)
                    memory.append(self.server.rss_bytes())
            beside = (result.p50_ms, result.p99_ms, result.max_ms)
            result.rss_drift = drift(memory)
            answer = stalled.ask("resume", seconds=1.5, current_ms=_CURRENT_MS)
            result.older_kb = answer["older_bytes"] / 1024
            result.own_kb = answer["own_buffer_bytes"] / 1024
            result.faults += [f"stalled: {fault}" for fault in answer["faults"]]
            trickling.ask("capture", count=3)
            trickling.ask("wait", seconds=1)
            self._take_verdict(trickling, {}, "trickling: ")
            self._beside = []
        time.sleep(_WARM_UP_S)
        self._window(alone_s)
        after = result.p99_ms
        if before and after:
            result.p99_alone_ms = (before + after) / 2
        result.p50_ms, result.p99_ms, result.max_ms = beside
        self._audit()

    # Parts

    def _start_feed(self) -> None:
        if not self._contender.is_floor:
            scenario = self._scenario
            self._publisher.ask("start", ticks_per_s=scenario.ticks_per_s, burst=scenario.burst, order=scenario.order)

    def _stop_feed(self) -> None:
        answer = self._publisher.ask("stop")
        self._newest = answer["newest"]
        if answer["late_ms"] > 20:
            self._result.notes.append(f"the publisher was up to {answer['late_ms']:.0f} ms late")

    def _window(self, seconds: float) -> None:
        with self._measured():
            time.sleep(seconds)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Measure the server's work and the clients' ticks during the block."""
        metrics_before = self._metrics()
        self._clients.ask("mark", sample_every=max(1, round(self._scenario.due_per_s * 5 / _SAMPLES)))
        before = self._usage()
        yield
        got = self._clients.ask("mark")
        used = self._usage().since(before)
        deliveries.enter(self._result, self._scenario, got, used)
        self._judge(got, used)
        if not self._beside:
            deliveries.compare(self._result, self._scenario, got["ticks"], metrics_before, self._metrics())

    def _judge(self, got: dict[str, Any], used: Usage) -> None:
        deliveries.judge(self._result, self._scenario, got, used, self._bench.cores)

    def _metrics(self) -> dict[str, float]:
        return self.server.metrics() if self._contender.ready_path else {}

    def _usage(self) -> Usage:
        ours = [self._bench.bus_pid, self._publisher.pid, self._clients.pid, os.getpid(), *self._beside]
        front = None if self._front is None else self._front.pid
        return usage.read(self.server.pid, ours, self._bench.cores, front)

    def _audit(self) -> None:
        self._clients.ask("capture", count=_AUDITED)
        self._clients.ask("wait", seconds=_AUDIT_S)
        self._stop_feed()
        # Every symbol once more, so that the capture has each client's last tick of each.
        self._newest = self._publisher.ask("first")["newest"]
        if self._settled():
            self._take_verdict(self._clients, self._newest, "")
        else:
            self._result.notes.append(f"was still sending {_SETTLE_S} s after the last tick")
            self._take_verdict(self._clients, {}, "")

    def _settled(self) -> bool:
        """Whether the clients get nothing more, within `_SETTLE_S`."""
        end = time.monotonic() + _SETTLE_S
        self._clients.ask("mark")
        while time.monotonic() < end:
            self._clients.ask("wait", seconds=_IDLE_S)
            if not self._clients.ask("mark")["ticks"]:
                return True
        return False

    def _take_verdict(self, load: Process, newest: dict[str, int], who: str) -> None:
        verdict = load.ask("verdict", newest=newest, timeout_s=120)
        self._result.audited += verdict["ticks"]
        self._result.faults += [who + fault for fault in verdict["faults"]]
