"""What the processes of a stage hold, now and whenever all was calm."""

import asyncio
import contextlib
from collections.abc import Mapping

from deploy.launcher.stack import Stack
from deploy.process.program import Program
from tests.soak import stage
from tests.soak.reading import Reader, Reading
from tests.soak.verdict import differences, leaks

_LOOK_S = 0.2
_SAMPLE_S = 1.0


class Watch:
    """Reads gateways and poller again and again."""

    def __init__(self, stack: Stack, reader: Reader) -> None:
        self._stack = stack
        self._reader = reader
        self._programs: tuple[Program, ...] = (*stack.plan.gateways, stack.plan.poller)
        self.calm: dict[str, list[Reading]] = {}
        """Of each process, before the first round and after every one."""
        self._unlike: list[str] = []
        self.longest_stall_s = 0.0
        """So long we ourselves were kept from running: on a machine that is busy elsewhere, clients look dead."""
        # One at a time: a scrape is an open file of the gateway that is asked.
        self._reading = asyncio.Lock()

    async def begin(self, within_s: float) -> None:
        """Take the first readings, as soon as two in succession are alike.

        Raises:
            TimeoutError: they were not.
        """
        before: Mapping[str, Reading] = {}
        async with asyncio.timeout(within_s):
            while self._differences(before, now := await self._read()):
                before = now
                await asyncio.sleep(_SAMPLE_S)
        self.calm = {name: [reading] for name, reading in now.items()}

    async def until_calm(self, since: str, within_s: float) -> None:
        """Wait until the counts are what they were at first, and keep those readings.

        Where they are not ``within_s`` after ``since``, that is among what was `wrong`.
        """
        first = {name: calm[0] for name, calm in self.calm.items()}
        found = ["nobody answers"]
        now: Mapping[str, Reading] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while found:
                    await asyncio.sleep(_LOOK_S)
                    now = await self._read()
                    found = self._differences(first, now)
        self._unlike += [f"{since}: {fault}" for fault in found]
        for name, calm in self.calm.items():
            calm.append(now.get(name, calm[-1]))

    async def sample(self, readings: Mapping[str, list[Reading]]) -> None:
        """Add a reading of each process to its list once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _SAMPLE_S
            await asyncio.sleep(_SAMPLE_S)
            self.longest_stall_s = max(self.longest_stall_s, loop.time() - due)
            for name, reading in (await self._read()).items():
                readings[name].append(reading)

    @property
    def wrong(self) -> list[str]:
        """Counts that did not come back, and memory that was not given back."""
        return self._unlike + [f"{name}: {leak}" for name, calm in self.calm.items() for leak in leaks(calm[1:])]

    async def _read(self) -> dict[str, Reading]:
        """A reading of each process that answers."""
        readings = {}
        async with self._reading:
            others = self._reader.other_sockets()
            for program in self._programs:
                process = self._stack[program.name]
                address = program.listens[0] if program.listens else None
                if process.running and (reading := await self._reader.read(process.pid, others, address)):
                    readings[program.name] = reading
        return readings

    def _differences(self, first: Mapping[str, Reading], now: Mapping[str, Reading]) -> list[str]:
        found = []
        for name in (program.name for program in self._programs):
            if name in first and name in now:
                unlike = differences(first[name], now[name], most_bus_links=stage.MOST_BUS_LINKS)
                found += [f"{name}: {difference}" for difference in unlike]
            else:
                found.append(f"{name} does not answer")
        return found
