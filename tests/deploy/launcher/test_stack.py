"""Programs together: started in order, watched, ended in order."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.buses.servers import BusServers
from deploy.errors import DeployError
from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack, is_ready
from deploy.ports import Address, free_port
from deploy.process.processes import Say
from deploy.process.program import Program

SERVER = """
import asyncio, os, sys
async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", int(sys.argv[1]))
    print("serving", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Transcript:
    """What the stack and its programs said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append(f"{name}: {line}")
        self._more.set()

    async def until(self, wanted: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while sum(wanted in line for line in self.lines) < times:
                self._more.clear()
                await self._more.wait()


def program(name: str, code: str, port: int = 0) -> Program:
    """Make a program that runs this code, and listens where a port is given."""
    listens = (Address("127.0.0.1", port, "SOME_PORT"),) if port else ()
    command = (sys.executable, "-c", code, str(port))
    return Program(name=name, command=command, env=os.environ, listens=listens)


def plan_of(poller: str, gateway: str, *, restart: bool) -> Plan:
    """Make a plan of a poller and a gateway that run this code."""
    return Plan(
        bus=None,
        poller=program("poller", poller),
        gateways=(program("gateway", gateway, free_port()),),
        haproxy=None,
        restart=restart,
    )


SLEEPER = "import time; time.sleep(60)"


async def test_a_gateway_that_dies_is_reported_and_started_again() -> None:
    """The report comes first, with how it ended and when it will be back."""
    said = Transcript()
    stack = Stack(plan_of(SLEEPER, SERVER, restart=True), said)
    try:
        async with asyncio.timeout(20):
            await stack.start()
        # It is ready a moment before it says so.
        await said.until("serving")
        stack["gateway"].send(signal.SIGKILL)
        await said.until("serving", times=2)
        reports = [line for line in said.lines if line.startswith("deploy")]
        assert reports == ["deploy: gateway ended by itself (killed by SIGKILL); starting it again in 1 s"]
        assert not stack.failed.is_set()
    finally:
        await stack.stop()


async def test_a_start_that_fails_is_tried_again(tmp_path: Path) -> None:
    """A program may be away for a moment, while it is being replaced; that is said, and the watch goes on."""
    said = Transcript()
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    plan = plan_of(SLEEPER, SERVER, restart=True)
    gateway = replace(plan.gateways[0], command=(str(python), *plan.gateways[0].command[1:]))
    stack = Stack(replace(plan, gateways=(gateway,)), said)
    try:
        async with asyncio.timeout(20):
            await stack.start()
        await said.until("serving")
        python.unlink()
        stack["gateway"].send(signal.SIGKILL)
        await said.until("gateway cannot be started")
        python.symlink_to(sys.executable)
        await said.until("serving", times=2)
        assert not stack.failed.is_set()
    finally:
        await stack.stop()


async def test_what_is_not_started_again_fails_the_stack() -> None:
    """Its end is reported, and its exit code becomes the stack's."""
    said = Transcript()
    stack = Stack(plan_of("import sys; sys.exit(9)", SERVER, restart=False), said)
    try:
        await stack.start_one("poller")
        async with asyncio.timeout(20):
            await stack.failed.wait()
        assert stack.exit_code == 9
        assert said.lines == ["deploy: poller ended by itself (exit code 9)"]
    finally:
        await stack.stop()


@pytest.mark.parametrize("code", [0, 2, 3])
async def test_what_ends_before_everything_was_ready_is_not_started_again(code: int) -> None:
    """It would only end again, so the start ends with an error; even a good end is too early."""
    said = Transcript()
    stack = Stack(plan_of(SLEEPER, f"import sys; sys.exit({code})", restart=True), said)
    try:
        with pytest.raises(DeployError, match="gateway did not become ready"):
            async with asyncio.timeout(20):
                await stack.start()
        assert stack.exit_code == (code or 1)
        assert [line for line in said.lines if "starting it again" in line] == []
    finally:
        await stack.stop()


async def test_a_program_that_finds_a_setting_bad_is_not_started_again(tmp_path: Path) -> None:
    """Exit code 2, even after a good start: the environment stays what it is."""
    said = Transcript()
    bad = tmp_path / "bad"
    leave = f"import os, time\nwhile not os.path.exists({str(bad)!r}): time.sleep(0.01)\nraise SystemExit(2)"
    stack = Stack(plan_of(leave, SERVER, restart=True), said)
    try:
        async with asyncio.timeout(20):
            await stack.start()
            bad.touch()
            await stack.failed.wait()
        assert stack.exit_code == 2
        assert said.lines[-1] == "deploy: poller ended by itself (exit code 2)"
    finally:
        await stack.stop()


async def test_what_is_stopped_on_purpose_stays_down_until_it_is_started() -> None:
    """No report, no restart, and the next start is watched like the first."""
    said = Transcript()
    stack = Stack(plan_of(SLEEPER, SERVER, restart=True), said)
    try:
        await stack.start_one("gateway")
        await stack.until_ready("gateway")
        assert await stack.stop_one("gateway") == -signal.SIGTERM
        assert not stack["gateway"].running
        await stack.start_one("gateway")
        await stack.until_ready("gateway")
        assert [line for line in said.lines if line.startswith("deploy")] == []
    finally:
        await stack.stop()


async def test_clients_lose_their_gateway_before_the_gateway_loses_its_bus(tmp_path: Path) -> None:
    """The end goes against the flow: gateways, poller, bus."""
    ends = tmp_path / "ends"
    code = f"""
import signal, sys, time
def end(*_):
    with open({str(ends)!r}, "a") as ends:
        print(sys.argv[1], file=ends)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""
    said = Transcript()
    parts = {
        name: Program(name=name, command=(sys.executable, "-c", code, name), env=os.environ)
        for name in ("valkey", "poller", "gateway-1", "gateway-2")
    }
    plan = Plan(
        bus=BusServers(((parts["valkey"],),), {}),
        poller=parts["poller"],
        gateways=(parts["gateway-1"], parts["gateway-2"]),
        haproxy=None,
        restart=True,
    )
    stack = Stack(plan, said)
    try:
        await stack.start()
        await said.until("up", times=4)
    finally:
        await stack.stop()
    order = ends.read_text().split()
    assert sorted(order[:2]) == ["gateway-1", "gateway-2"]
    assert order[2:] == ["poller", "valkey"]
    assert not any(process.running for process in stack)


class Joined(BusServers):
    """Two stages that write down what is asked of them, and of which ``failing`` may end meanwhile."""

    def __init__(self, notes: list[str], *programs: Program, hangs: Path | None = None) -> None:
        """Joining takes for ever if a file is given: it is made when that begins."""
        super().__init__([[each] for each in programs], {})
        self.notes = notes
        self.hangs = hangs

    async def prepare(self, say: Say) -> None:
        self.notes.append("prepare")

    async def join(self, say: Say) -> None:
        self.notes.append("join")
        assert all([await is_ready(each.listens[0], None) for each in self])
        if self.hangs is not None:
            self.hangs.touch()
            await asyncio.Event().wait()

    def clean_up(self) -> None:
        self.notes.append("clean up")


def plan_on(bus: BusServers) -> Plan:
    """Make a plan of this bus and two programs that do nothing."""
    return replace(plan_of(SLEEPER, SERVER, restart=False), bus=bus)


async def test_the_servers_of_a_bus_become_one_before_anybody_uses_them() -> None:
    """Stage after stage is ready, then they are joined, then the poller starts; their files go when all have ended."""
    notes: list[str] = []
    first, second = (program(name, SERVER, free_port()) for name in ("first", "second"))
    bus = Joined(notes, first, second)
    stack = Stack(plan_on(bus), Transcript())
    try:
        async with asyncio.timeout(20):
            await stack.start()
        assert ["first", "second", "poller", "gateway"] == [each.name for each in stack]
        assert all(process.running for process in stack)
        assert ["prepare", "join"] == notes
    finally:
        await stack.stop()
    assert "clean up" == notes[-1]
    assert not any(process.running for process in stack)


async def test_servers_that_end_while_they_are_joined_fail_the_start(tmp_path: Path) -> None:
    """The start does not wait for them for ever, and their files go."""
    said = Transcript()
    notes: list[str] = []
    joining = tmp_path / "joining"
    lives = f"while not os.path.exists({str(joining)!r}): await asyncio.sleep(0.01)"
    dying = program("first", SERVER.replace("await server.serve_forever()", lives), free_port())
    stack = Stack(plan_on(Joined(notes, dying, hangs=joining)), said)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(DeployError, match="did not become one"):
                await stack.start()
    finally:
        await stack.stop()
    assert ["prepare", "join", "clean up"] == notes
