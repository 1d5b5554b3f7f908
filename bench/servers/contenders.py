"""The measured servers, how to start each, and why one may be missing here."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.feed.ticks import SYMBOLS
from bench.host import go_programs
from bench.host.processes import ROOT, python

BASELINES = Path(__file__).parents[1] / "baselines"

NO_LIMITS = {
    "MAX_CONNECTIONS": "0",
    "MAX_CONNECTIONS_PER_IP": "0",
    "MAX_CONNECT_RATE_PER_IP": "0",
    "MAX_SYMBOLS_PER_CONNECTION": "0",
    "MAX_MESSAGES_PER_SECOND": "0",
    "MAX_MESSAGES_PER_SECOND_PER_IP": "0",
    "MAX_REQUEST_RATE_PER_IP": "0",
    "MAX_ERRORS_PER_CONNECTION": "0",
    "DRAIN_SECONDS": "0",
}
"""No limits: all clients come from one address and within seconds. No drain: the end does not wait for clients."""


@dataclass(frozen=True)
class WriteRate:
    """The writes of a floor: ``sends_per_s`` to each socket, ``ticks_per_send`` in each, on average."""

    sends_per_s: float
    ticks_per_send: float
    sockets_share: float = 1.0
    """The share of sockets that get a send at the same moment."""


@dataclass(frozen=True)
class Contender:
    """A server that the bench can start."""

    name: str
    label: str
    """The label in a picture."""
    about: str
    module: str = ""
    """A module of this project; empty if Node runs ``script``."""
    script: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    ready_path: str = ""
    """The path that answers 200 when in service; without one, an open port is enough."""
    dialect: str = "tickgate"
    needs: tuple[str, ...] = ()
    """Required programs and modules: ``gcc``, ``node:ws``, ``python:websockets``, ``go:nats-server``."""
    root: Path = ROOT
    """The tree whose modules it runs."""
    limited: bool = False
    """Whether a gateway keeps its default limits."""

    @property
    def is_floor(self) -> bool:
        """Whether it gets its writes as arguments and not from the bus."""
        return self.name.startswith("floor")

    def command(
        self, port: int, bus_url: str, clients: int, rate: WriteRate | None
    ) -> tuple[list[str], dict[str, str]]:
        """The command to start it, and the environment."""
        if self.is_floor:
            assert rate is not None
            plan = (clients, rate.sends_per_s, rate.ticks_per_send, rate.sockets_share)
            return python(self.module, str(port), *map(str, plan)), {}
        if self.script:
            return ["node", str(BASELINES / self.script), str(port), bus_url], {}
        if self.module.startswith("bench."):
            return python(self.module, str(port), bus_url), {}
        settings = {"BUS_URL": bus_url, "GATEWAY_PORT": str(port), "SYMBOLS": ",".join(SYMBOLS)}
        return python(self.module), {**settings, **({} if self.limited else NO_LIMITS), **self.env}

    def missing(self) -> str:
        """What is missing here and how to get it; empty if nothing is."""
        for need in self.needs:
            kind, _, what = need.rpartition(":")
            if kind == "python":
                if importlib.util.find_spec(what) is None:
                    return f"needs the Python package {what}: pip install {what}"
            elif kind == "node":
                if not _node_has(what):
                    return f"needs the Node package {what}: npm install --prefix bench/baselines {what}"
            elif kind == "go":
                if absent := go_programs.ALL[what].missing():
                    return absent
            elif shutil.which(what) is None:
                return f"needs the program {what}"
        return ""

    def build(self) -> str:
        """Build what is built once for all benches. Return why that failed; empty if it did not."""
        programs = [go_programs.ALL[need.removeprefix("go:")] for need in self.needs if need.startswith("go:")]
        return next(filter(None, (program.build() for program in programs)), "")


def _node_has(package: str) -> bool:
    question = [f"require.resolve({package!r})"]
    answer = subprocess.run(
        ["node", "-e", *question], cwd=BASELINES, capture_output=True, timeout=20, check=False, env=os.environ
    )
    return answer.returncode == 0


ALL = {
    contender.name: contender
    for contender in (
        Contender("gateway", "tickgate", "this project's gateway", module="gateway", ready_path="/readyz"),
        Contender(
            "gateway-eager",
            "tickgate, never resting",
            "the gateway, never resting between flushes",
            module="gateway",
            ready_path="/readyz",
            env={"REST_FACTOR": "0"},
        ),
        Contender(
            "floor",
            "floor: C, send() alone",
            "C: send() alone, the gateway's bytes in as many calls",
            module="bench.baselines.floor",
            needs=("gcc",),
        ),
        Contender(
            "floor-alone",
            "floor: one send() a tick",
            "C: send() alone, one call for each tick and client",
            module="bench.baselines.floor",
            needs=("gcc",),
        ),
        Contender(
            "send_str",
            "aiohttp, send_str",
            "aiohttp, await ws.send_str for each client",
            module="bench.baselines.send_str",
        ),
        Contender(
            "broadcast",
            "websockets.broadcast",
            "websockets.broadcast",
            module="bench.baselines.broadcast",
            needs=("python:websockets",),
        ),
        Contender(
            "poller",
            "tickgate's poller",
            "this project's poller, from an exchange's message to the encoded tick; no sockets",
            module="bench.measuring.poller_cost",
        ),
        Contender("ws", "ws (Node)", "ws (Node)", script="ws.js", needs=("node", "node:ws")),
        Contender(
            "uws",
            "uWebSockets (C++)",
            "uWebSockets (C++, from Node)",
            script="uws.js",
            needs=("node", "node:uwebsockets"),
        ),
        Contender(
            "nats",
            "NATS WebSocket (Go)",
            "NATS over WebSocket (Go)",
            module="bench.baselines.nats",
            dialect="nats",
            needs=("go:nats-server",),
        ),
        Contender(
            "centrifugo",
            "Centrifugo (Go)",
            "Centrifugo (Go), fed by raw NATS, unidirectional WebSocket, joined pushes",
            module="bench.baselines.centrifugo",
            dialect="centrifugo",
            needs=("go:nats-server", "go:centrifugo"),
        ),
    )
}

assert sys.platform == "linux", "the bench reads /proc"
