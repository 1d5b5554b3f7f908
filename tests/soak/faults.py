"""What happens meanwhile to bus, poller, gateways and clients, dealt from a shuffled deck so that all of it comes."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis

from deploy.launcher.stack import Stack
from deploy.process.processes import describe_end
from tests.soak.audience import Audience
from tests.soak.worker import Worker

_READY_WITHIN_S = 30.0


class Faults:
    """Makes one fault after the other happen to one stack."""

    def __init__(
        self,
        stack: Stack,
        bus: Redis,
        audience: Audience,
        workers: Sequence[Worker],
        rng: random.Random,
        longest_s: float,
    ) -> None:
        """``longest_s`` is how long anything is away or frozen at most, but for clients."""
        self._stack = stack
        self._bus = bus
        self._audience = audience
        self._workers = workers
        self._rng = rng
        self._longest_s = longest_s
        self._deck: list[Callable[[], Awaitable[None]]] = []
        self.last = "the start"
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def next(self) -> bool:
        """Make one happen, and end; what it hits has not recovered yet when this returns.

        False where something was started again that did not become ready.
        """
        if not self._deck:
            self._deck = [
                self._bus_restarted,
                self._bus_killed,
                self._bus_frozen,
                self._bus_emptied,
                self._links_cut,
                self._poller_restarted,
                self._poller_killed,
                self._poller_frozen,
                self._gateway_frozen,
                self._clients_killed,
                self._clients_frozen,
            ]
            # The first gateway lives throughout: that is the one whose memory tells most.
            if len(self._gateways) > 1:
                self._deck += self._gateway_restarted, self._gateway_killed
            self._rng.shuffle(self._deck)
        fault = self._deck.pop()
        self.last = _name(fault)
        try:
            await fault()
        except TimeoutError:
            self.wrong.append(f"{self.last}: not ready again within {_READY_WITHIN_S:g} s")
            return False
        self.done[self.last] += 1
        return True

    @property
    def _gateways(self) -> list[str]:
        return [gateway.name for gateway in self._stack.plan.gateways]

    async def _bus_restarted(self) -> None:
        await self._replace("valkey", signal.SIGTERM)

    async def _bus_killed(self) -> None:
        await self._replace("valkey", signal.SIGKILL)

    async def _bus_frozen(self) -> None:
        await self._freeze("valkey")

    async def _bus_emptied(self) -> None:
        await self._bus.flushall()

    async def _links_cut(self) -> None:
        for kind in ("normal", "pubsub"):
            await self._bus.client_kill_filter(_type=kind, skipme=True)

    async def _poller_restarted(self) -> None:
        await self._replace("poller", signal.SIGTERM)

    async def _poller_killed(self) -> None:
        await self._replace("poller", signal.SIGKILL)

    async def _poller_frozen(self) -> None:
        await self._freeze("poller")

    async def _gateway_frozen(self) -> None:
        # Shorter than a heartbeat: nobody may take it for dead.
        await self._freeze(self._rng.choice(self._gateways), 2)

    async def _gateway_restarted(self) -> None:
        await self._replace(self._rng.choice(self._gateways[1:]), signal.SIGTERM)

    async def _gateway_killed(self) -> None:
        await self._replace(self._rng.choice(self._gateways[1:]), signal.SIGKILL)

    async def _clients_killed(self) -> None:
        self._rng.choice(self._workers).kill()

    async def _clients_frozen(self) -> None:
        worker = self._rng.choice(self._workers)
        worker.freeze()
        try:
            # Long enough for the gateways to take them all for dead, where the round is.
            await asyncio.sleep(2 * self._longest_s)
        finally:
            worker.thaw()

    async def _freeze(self, name: str, longest_s: float = 60) -> None:
        process = self._stack[name]
        process.send(signal.SIGSTOP)
        try:
            await self._pause(longest_s)
        finally:
            process.send(signal.SIGCONT)

    async def _replace(self, name: str, signal_number: signal.Signals) -> None:
        """End a program, and start it again."""
        program = next(program for program in self._stack.plan if program.name == name)
        self._audience.excuse({address.port for address in program.listens})
        if signal_number is not signal.SIGTERM:
            # Nothing is awaited in between: it has not been missed yet when it is stopped on purpose.
            self._stack[name].send_all(signal_number)
        code = await self._stack.stop_one(name)
        expected = 0 if signal_number is signal.SIGTERM else -signal_number
        if code != expected:
            self.wrong.append(f"{name} was told to end by {signal_number.name}: {describe_end(code or 0)}")
        await self._pause()
        await self._stack.start_one(name)
        async with asyncio.timeout(_READY_WITHIN_S):
            await self._stack.until_ready(name)

    async def _pause(self, longest_s: float = 60) -> None:
        await asyncio.sleep(self._rng.uniform(0, min(longest_s, self._longest_s)))


def _name(fault: Callable[[], Awaitable[None]]) -> str:
    return fault.__name__.strip("_").replace("_", " ")
