"""What a service manager is told, over a real socket, and what it hands over."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from market.process.service_manager import PATIENCE_S, ServiceManager
from tests.fakes import run_virtual

LIVE = "READY=1\nSTATUS=prices are live"
SIGN = "WATCHDOG=1"


class Manager:
    """The other end: what it has been told so far."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def told(self) -> list[str]:
        """Everything since the last time."""
        words = []
        while True:
            try:
                words.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return words


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager that listens at ``notify``."""
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    """The environment of a service."""
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/bin", **more}


async def report_for(told: ServiceManager, seconds: float, current_after: float) -> None:
    """Report for some seconds; prices are live after as many."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    reporting = asyncio.create_task(told.report(lambda: loop.time() - began >= current_after))
    await asyncio.sleep(seconds)
    reporting.cancel()
    await asyncio.wait((reporting,))


def test_ready_is_said_once_there_are_prices(manager: Manager, tmp_path: Path) -> None:
    """Nothing before that, and without a limit for signs of life nothing afterwards."""
    told = ServiceManager(environ(tmp_path))
    run_virtual(report_for(told, 0.9, current_after=1))
    assert [] == manager.told()
    run_virtual(report_for(told, 5, current_after=1))
    assert [LIVE] == manager.told()


def test_ready_is_said_again_to_a_manager_that_is_busy(manager: Manager, tmp_path: Path) -> None:
    """Whoever waits for this word would wait for ever."""
    told = ServiceManager(environ(tmp_path))
    heard = []

    async def busy_at_first() -> None:
        # What the kernel keeps for it is full.
        for _ in range(10_000):
            told.stopping()
        reporting = asyncio.create_task(told.report(lambda: True))
        await asyncio.sleep(1)
        heard.extend(manager.told())
        await asyncio.sleep(1)
        await reporting

    run_virtual(busy_at_first())
    assert LIVE not in heard
    assert [LIVE] == manager.told()


def test_who_has_no_prices_has_started_all_the_same(manager: Manager, tmp_path: Path) -> None:
    """A manager that waited for another machine would end a gateway that has clients."""
    run_virtual(report_for(ServiceManager(environ(tmp_path)), PATIENCE_S + 1, current_after=1000))
    assert ["READY=1\nSTATUS=there are no live prices yet"] == manager.told()


def test_signs_of_life_come_three_times_within_the_limit(manager: Manager, tmp_path: Path) -> None:
    """For as long as the event loop turns."""
    told = ServiceManager(environ(tmp_path, WATCHDOG_USEC="3000000", WATCHDOG_PID=str(os.getpid())))
    run_virtual(report_for(told, 5.5, current_after=0))
    assert [LIVE, *[SIGN] * 6] == manager.told()


def test_the_limit_of_another_process_is_not_ours(manager: Manager, tmp_path: Path) -> None:
    """The variables of a service are inherited by all that it starts."""
    run_virtual(report_for(ServiceManager(environ(tmp_path, WATCHDOG_USEC="3000000", WATCHDOG_PID="1")), 5, 0))
    assert [LIVE] == manager.told()


def test_a_stop_is_said(manager: Manager, tmp_path: Path) -> None:
    """So that the manager waits for the drain."""
    ServiceManager(environ(tmp_path)).stopping()
    assert ["STOPPING=1\nSTATUS=draining"] == manager.told()


def test_nobody_is_told_where_there_is_no_manager(tmp_path: Path) -> None:
    """Nor where it has gone."""
    for told in (ServiceManager({}), ServiceManager(environ(tmp_path))):
        told.stopping()
        run_virtual(report_for(told, 5, current_after=0))
        assert [] == told.take_sockets()


def test_an_abstract_address_is_understood(tmp_path: Path) -> None:
    """It begins with `@`."""
    name = f"tickgate-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(20)
        ServiceManager(environ(tmp_path, NOTIFY_SOCKET=f"@{name}")).stopping()
        assert listening.recv(100).startswith(b"STOPPING=1")


def test_programs_that_we_start_are_no_services(tmp_path: Path) -> None:
    """The variables are taken out of the environment, and no others."""
    its = environ(tmp_path, LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="x", WATCHDOG_USEC="1")
    ServiceManager(its)
    assert {"PATH": "/bin"} == its


@pytest.mark.parametrize("pid", ["1", "", "x"])
def test_sockets_for_another_process_are_not_taken(pid: str) -> None:
    """They would be whatever this process has open there."""
    assert [] == ServiceManager({"LISTEN_FDS": "2", "LISTEN_PID": pid}).take_sockets()
