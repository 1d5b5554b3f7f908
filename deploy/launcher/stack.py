"""All programs together: started in order, watched, and ended in order."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from deploy.buses.servers import BusServers
from deploy.errors import DeployError
from deploy.launcher.programs import Plan
from deploy.ports import Address, require_free
from deploy.process.processes import Process, Say, describe_end
from deploy.process.program import Program
from market.process.tasks import end

_POLL_S = 0.1
_ANSWER_TIMEOUT_S = 2.0
_PATIENCE_S = 15.0
"""After this long, log what the start is waiting for."""
_STOP_S = 60.0
"""Time for a program to end before it is killed; a gateway drains in this time."""
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
"""After running this long, a program is restarted after the first pause again."""
_BAD_SETTING = 2
"""The exit code of a program whose environment cannot be used: starting it again would not help."""


class Stack:
    """The running programs of a `Plan`."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self._say = say
        self._programs = {program.name: program for program in plan}
        self._processes = {
            program.name: Process(
                program.name, program.command, env=program.env, say=say, stop_signal=program.stop_signal
            )
            for program in plan
        }
        self._watches: dict[str, asyncio.Task[None]] = {}
        self.failed: asyncio.Event = asyncio.Event()
        """Set when a program has ended and is not started again."""
        self.exit_code = 0
        """The exit code of the program that failed."""
        self._up = False
        """Whether everything was ready once. A program that ends before that would only end again."""

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def __iter__(self) -> Iterator[Process]:
        return iter(self._processes.values())

    async def start(self) -> None:
        """Start everything and wait until it is ready, however long that takes; from then on, keep it up.

        Raises:
            DeployError: a port is in use, or a program ended before it was ready. Programs already started run on:
                call `stop` in any case.
        """
        for program in self.plan:
            for address in program.listens:
                require_free(address)
        plan = self.plan
        if plan.public is not None:
            require_free(plan.public)
        if plan.bus is not None:
            await self._start_bus(plan.bus)
        for stage in ((plan.poller, *plan.other_pollers), plan.gateways, (plan.haproxy, plan.other_front)):
            await self._start_stage(stage)
        self._up = True

    async def start_one(self, name: str) -> None:
        """Start one program, and watch it from now on."""
        process = self._processes[name]
        await process.start()
        self._watches[name] = asyncio.create_task(self._watch(process), name=f"watch of {name}")

    async def stop_one(self, name: str) -> int | None:
        """End one program on purpose; it stays down. Returns what `Process.stop` returns."""
        if watch := self._watches.pop(name, None):
            await end(watch)
        return await self._processes[name].stop(_STOP_S)

    async def stop(self) -> None:
        """End everything: first the programs that clients use, then those that feed them."""
        await end(*self._watches.values())
        self._watches.clear()
        plan = self.plan
        # Together: the front stays until its connections end, and the gateways end those.
        bus = plan.bus.stages if plan.bus is not None else ()
        try:
            for stage in (
                (plan.haproxy, plan.other_front, *plan.gateways),
                (plan.poller, *plan.other_pollers),
                *reversed(bus),
            ):
                await asyncio.gather(
                    *(self._processes[program.name].stop(_STOP_S) for program in stage if program is not None)
                )
        finally:
            if plan.bus is not None:
                plan.bus.clean_up()

    async def until_ready(self, name: str) -> None:
        """Wait until a program is ready.

        Raises:
            DeployError: one that is not started again has ended.
        """
        program = self._programs[name]
        if not program.listens:
            return
        loop = asyncio.get_running_loop()
        complain_at = loop.time() + _PATIENCE_S
        while not await is_ready(program.listens[0], program.ready_path):
            if self.failed.is_set():
                raise DeployError(f"{name} did not become ready: something has ended, see above")
            if loop.time() > complain_at:
                complain_at = float("inf")
                self._say("deploy", f"still waiting for {name} ({program.listens[0]}) to be ready")
            await asyncio.sleep(_POLL_S)

    async def _start_bus(self, bus: BusServers) -> None:
        await bus.prepare(self._say)
        for stage in bus.stages:
            await self._start_stage(stage)
        joining = asyncio.create_task(bus.join(self._say))
        failed = asyncio.create_task(self.failed.wait())
        try:
            await asyncio.wait((joining, failed), return_when=asyncio.FIRST_COMPLETED)
            if not joining.done():
                raise DeployError("the servers of the bus did not become one: something has ended, see above")
            joining.result()
        finally:
            await end(joining, failed)

    async def _start_stage(self, stage: Iterable[Program | None]) -> None:
        names = [program.name for program in stage if program is not None]
        for name in names:
            await self.start_one(name)
        await asyncio.gather(*(self.until_ready(name) for name in names))

    async def _watch(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        first_pause_s = pause_s = self._programs[process.name].pause_s
        while True:
            started_at = loop.time()
            code = await process.ended()
            said = f"{process.name} ended by itself ({describe_end(code)})"
            if code == _BAD_SETTING or not (self._up and self.plan.restart):
                self._say("deploy", said)
                self.exit_code = code if code > 0 else 1
                self.failed.set()
                return
            if loop.time() - started_at > _STEADY_S:
                pause_s = first_pause_s
            self._say("deploy", f"{said}; starting it again in {pause_s:g} s")
            pause_s = await self._start_again(process, pause_s)

    async def _start_again(self, process: Process, pause_s: float) -> float:
        """Start it after a pause, with as many tries as needed; return the next pause."""
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            try:
                await process.start()
            except OSError as error:
                self._say("deploy", f"{process.name} cannot be started ({error}); trying again in {pause_s:g} s")
            else:
                return pause_s


async def is_ready(address: Address, path: str | None) -> bool:
    """Whether ``address`` accepts connections and, if ``path`` is given, answers it with 200."""
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                if path is None:
                    return True
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
