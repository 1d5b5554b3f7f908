"""The processes that the clients live in."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from deploy.process.processes import Process, Say, describe_end
from tests.soak.endpoints import Endpoint

_OVERTIME_S = 30.0
"""Within which everybody has left when the time is over."""


class Worker:
    """One process of clients after another; one that was killed is followed by the next at once."""

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        symbols: Sequence[str],
        env: Mapping[str, str],
        *,
        most: int,
        per_s: float,
        say: Say,
    ) -> None:
        """At most ``most`` clients at once, ``per_s`` new ones a second. ``say`` is told what is not a result."""
        self.name = name
        self._endpoints = endpoints
        self._symbols = symbols
        self._env = env
        self._most = most
        self._per_s = per_s
        self._say = say
        self._process: Process | None = None
        self._killed = False
        self.ends: Counter[str] = Counter()
        """Kind and end of each client; those that were killed have told nobody."""
        self.wrong: list[str] = []

    async def run(self, seconds: float, seed: int) -> None:
        """Let clients come and go for ``seconds``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            self._killed = False
            self._process = process = Process(self.name, self._command(left, seed), env=self._env, say=self._received)
            try:
                await process.start()
                async with asyncio.timeout(left + _OVERTIME_S):
                    code = await process.ended()
            except TimeoutError:
                self.wrong.append(f"clients did not leave within {_OVERTIME_S:g} s")
                return
            finally:
                self._process = None
                process.send_all(signal.SIGKILL)
                if process.pids:
                    await asyncio.shield(process.ended())
            if not self._killed:
                if code:
                    self.wrong.append(f"a process of clients ended by itself: {describe_end(code)}")
                return
            seed += 1

    def kill(self) -> None:
        """Let all of them die in the middle of whatever they do."""
        if self._process is not None:
            self._killed = True
            self._process.send(signal.SIGKILL)

    def freeze(self) -> None:
        """Let all of them stop where they stand, with every connection open."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def _command(self, seconds: float, seed: int) -> list[str]:
        endpoints = [argument for endpoint in self._endpoints for argument in ("--endpoint", str(endpoint))]
        options = {
            "symbols": ",".join(self._symbols),
            "seed": seed,
            "seconds": seconds,
            "most": self._most,
            "per-second": self._per_s,
        }
        told = [f"--{name}={value}" for name, value in options.items()]
        return [sys.executable, "-m", "tests.soak.churn", *endpoints, *told]

    def _received(self, name: str, line: str) -> None:
        if line.startswith('{"ends":'):
            result = orjson.loads(line)
            self.ends.update(result["ends"])
            self.wrong += result["wrong"]
        else:
            self._say(name, line)
