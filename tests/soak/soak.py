"""The whole of it: rounds of churn and faults, and a count after each."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

from msgspec import Struct
from redis.asyncio import Redis

from deploy.launcher.stack import Stack
from tests.integration.stacks import environment
from tests.soak import stage, table
from tests.soak.audience import Audience
from tests.soak.endpoints import Bearer
from tests.soak.faults import Faults
from tests.soak.log import Log
from tests.soak.reading import Reader
from tests.soak.watch import Watch
from tests.soak.worker import Worker

START_WITHIN_S = 60.0
CALM_WITHIN_S = 30.0
"""After the last client has gone; every timeout of the stage's settings is much shorter."""
CURRENT_WITHIN_S = 30.0
"""After a fault, until all have prices from after it; some faults take seconds to be noticed, and some to be fixed."""
_FAULT_EVERY_S = 15.0
_LONGEST_FAULT_S = 6.0


class Options(Struct, frozen=True, kw_only=True):
    """How long, how much, and which."""

    seconds: float
    """Of churn; starting, recovering, calming down and stopping come on top."""
    rounds: int = 10
    gateways: int = 2
    seed: int = 1
    ticks_per_s: int = 200
    workers: int = 2
    clients: int = 60
    """Of each worker at once."""
    clients_per_s: float = 20
    """New ones, of each worker."""


class Soak:
    """One run."""

    def __init__(self, options: Options, tell: Callable[[str], None], log: Log) -> None:
        """``tell`` is given the lines of the report, ``log`` what the programs say."""
        self._options = options
        self._tell = tell
        self._log = log
        self._rng = random.Random(options.seed)
        secret = f"not a secret: the soak with seed {options.seed}"
        plan = stage.plan(options.gateways, options.ticks_per_s, secret)
        endpoints = [stage.endpoint(gateway) for gateway in plan.gateways]
        self._stack = Stack(plan, log)
        self._bus_address = stage.bus_of(plan)
        # For questions of our own; while the bus is away they are asked again.
        self._bus = Redis(
            host=self._bus_address.host, port=self._bus_address.port, socket_timeout=2, socket_connect_timeout=2
        )
        self._audience = Audience(endpoints, stage.SYMBOLS, Bearer(secret, self._own_rng("steady")), self._bus)
        env = environment(JWT_SECRET=secret)
        self._workers = [
            Worker(
                f"clients-{number}",
                endpoints,
                stage.SYMBOLS,
                env,
                most=options.clients,
                per_s=options.clients_per_s,
                say=log,
            )
            for number in range(1, options.workers + 1)
        ]
        self._round_s = options.seconds / options.rounds
        longest_s = min(_LONGEST_FAULT_S, self._round_s / 4)
        self._faults = Faults(self._stack, self._bus, self._audience, self._workers, self._own_rng("faults"), longest_s)

    async def run(self) -> list[str]:
        """Run it, and return what was wrong. Nothing that was started is left when this ends, however it does.

        Raises:
            DeployError: the stage could not be started.
            TimeoutError: it did not become ready.
        """
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await self._stack.start()
            async with Reader(self._bus_address) as reader:
                watch = Watch(self._stack, reader)
                await self._audience.come(CURRENT_WITHIN_S)
                await watch.begin(CALM_WITHIN_S)
                for line in table.head(watch.calm):
                    self._tell(line)
                for number in range(1, self._options.rounds + 1):
                    await self._round(number, watch)
                    if self._stack.failed.is_set():
                        break
        finally:
            await self._audience.go()
            await self._bus.aclose()
            await self._stack.stop()
        ends: Counter[str] = Counter()
        wrong = [*watch.wrong, *self._audience.wrong, *self._faults.wrong, *self._log.wrong]
        for worker in self._workers:
            ends += worker.ends
            wrong += worker.wrong
        for line in table.summary(watch.calm, ends, self._faults.done, self._log.lines):
            self._tell(line)
        self._tell(f"prices that {len(self._audience)} steady clients looked at: {self._audience.prices:,}")
        self._tell(f"longest time that the machine kept the soak itself from running: {watch.longest_stall_s:.1f} s")
        return wrong

    def _own_rng(self, purpose: str) -> random.Random:
        """Randomness that nobody else draws from, so that the same seed means the same whatever happens when."""
        return random.Random(f"{purpose} of {self._options.seed}")

    async def _round(self, number: int, watch: Watch) -> None:
        started = time.monotonic()
        readings = {name: [calm[-1]] for name, calm in watch.calm.items()}
        sampling = asyncio.create_task(watch.sample(readings))
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(worker.run(self._round_s, self._rng.getrandbits(32)))
                group.create_task(self._make_faults())
            title = f"round {number}"
            await self._audience.until_current(title, CURRENT_WITHIN_S)
            await watch.until_calm(title, CALM_WITHIN_S)
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
        took_s = time.monotonic() - started
        for name, own in readings.items():
            own.append(watch.calm[name][-1])
            self._tell(table.ended(number, name, own, took_s))

    async def _make_faults(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._round_s
        for left in range(max(1, round(self._round_s / _FAULT_EVERY_S)), 0, -1):
            await asyncio.sleep(self._rng.uniform(0.1, 0.9) * (until - loop.time()) / left)
            self._audience.disturb()
            if not await self._faults.next():
                return
            await self._audience.until_current(self._faults.last, CURRENT_WITHIN_S)
            if loop.time() > until:
                return
