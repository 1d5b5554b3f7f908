"""The units of deploy/systemd, run by a systemd that is the first process of a machine of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from deploy.ports import Address, free_port
from tests.integration import booted
from tests.integration.booted import Machine
from tests.integration.faults import subscribers
from tests.integration.newcomers import SERVED, Newcomers, coming
from tests.integration.stacks import answers, eventually, http_status
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long("gateway", "poller", "market", "deploy/systemd"),
    pytest.mark.timeout(240),
]

RATE = 50
"""Newcomers a second."""
POLLER = "tickgate-poller@binance.service"
CLOSES_S = 2


@pytest.fixture(scope="module", autouse=True)
def _machines() -> None:
    """Skip everything, and say why, where no machine can be booted."""
    if reason := booted.why_not():
        pytest.skip(reason)


@asynccontextmanager
async def platform(folder: Path) -> AsyncIterator[tuple[Machine, Address]]:
    """A machine with a poller, and a gateway at this address; the bus is on this one."""
    valkey = Valkey()
    valkey.start()
    try:
        async with booted.booted(folder) as machine:
            await machine.run("systemd-sysusers")
            conf = machine.root / "etc" / "tickgate" / "tickgate.conf"
            conf.write_text(
                f"BUS_URL={valkey.url}\nFEED=simulated\nALLOW_ANONYMOUS=1\nDRAIN_SECONDS={CLOSES_S}\n", encoding="ascii"
            )
            # As docs/deploy.md has it: nobody else may read it.
            await machine.run("chown", "root:tickgate", "/etc/tickgate/tickgate.conf")
            conf.chmod(0o640)
            await machine.run("systemctl", "start", POLLER)
            port = free_port()
            await machine.run("systemctl", "start", f"tickgate-gateway@{port}.socket", f"tickgate-gateway@{port}")
            yield machine, Address("127.0.0.1", port, "GATEWAY_PORT")
    finally:
        valkey.stop()


async def more(newcomers: Newcomers) -> None:
    """Wait until more of them have been served."""
    served = newcomers.outcomes[SERVED]
    await until(lambda: newcomers.outcomes[SERVED] > served + RATE / 2)


async def test_nobody_is_refused_while_systemd_restarts_a_gateway_under_load(tmp_path: Path) -> None:
    """Nor by a reload, nor while the poller is restarted; each start is over when there are prices."""
    async with platform(tmp_path) as (machine, address):
        gateway = f"tickgate-gateway@{address.port}.service"
        assert 200 == await http_status(f"http://{address}/readyz")
        assert "prices are live" == await machine.show(gateway, "StatusText")
        async with coming(address, RATE) as newcomers:
            await more(newcomers)
            before = await machine.show(gateway, "MainPID")
            async with subscribers(f"ws://{address}/ws", 5) as clients:
                await machine.run("systemctl", "restart", gateway)
                for client in clients:
                    await client.until(lambda client: client.closed, within_s=20)
                assert {1012} == {client.close_code for client in clients}
            assert before != await machine.show(gateway, "MainPID")
            await more(newcomers)
            await machine.run("systemctl", "reload", gateway, POLLER)
            await more(newcomers)
            await machine.run("systemctl", "restart", POLLER)
            await more(newcomers)
        assert {} == newcomers.failed
        print(f"slowest newcomer {newcomers.slowest_s:.1f} s")  # noqa: T201 # pytest shows it on failure

        ended = ["0"]

        async def has_started() -> bool:
            pid, state = await machine.show(gateway, "MainPID"), await machine.show(gateway, "ActiveState")
            return "active" == state and pid not in ("0", ended[-1])

        # Killed, aborted or frozen: it is there again without anybody's help.
        for how in ("KILL", "ABRT"):
            ended.append(await machine.show(gateway, "MainPID"))
            await machine.run("systemctl", "kill", f"--signal={how}", gateway)
            await eventually(has_started, within_s=60)
        journal = ("journalctl", "--no-pager", f"--unit={gateway}")
        # Where it was when the watchdog, or we, aborted it.
        assert "gateway/__main__.py" in await machine.run(*journal, "--grep=File")
        frozen = await machine.show(gateway, "MainPID")
        await machine.run("kill", f"-{signal.SIGSTOP:d}", frozen)

        async def another() -> bool:
            return await machine.show(gateway, "MainPID") not in ("0", frozen)

        await eventually(another, within_s=60)
        await answers(f"http://{address}/readyz", 200)
        assert "watchdog" in await machine.run(*journal, "--grep=atchdog")


async def test_a_service_has_no_rights_and_a_wrong_setting_is_retried(tmp_path: Path) -> None:
    """It is nobody that has an account, can write nowhere, and starts as soon as its settings are right."""
    async with platform(tmp_path) as (machine, address):
        gateway = f"tickgate-gateway@{address.port}.service"
        status = await machine.run("cat", f"/proc/{await machine.show(gateway, 'MainPID')}/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(fields["Uid"].split()[0]) > 60_000
        assert (0, "1", "2") == (int(fields["CapEff"], 16), fields["NoNewPrivs"], fields["Seccomp"])
        conf = machine.root / "etc" / "tickgate" / "tickgate.conf"
        right = conf.read_text(encoding="ascii")
        conf.write_text(right + "LOG_LEVEL=LOUD\n", encoding="ascii")
        with pytest.raises(OSError, match="failed"):
            await machine.run("systemctl", "restart", gateway)
        # The port is there: who comes waits.
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            waiting = asyncio.create_task(session.get(f"http://{address}/healthz"))
            await asyncio.wait((waiting,), timeout=0.5)
            conf.write_text(right, encoding="ascii")
            async with await waiting as response:
                assert 200 == response.status
        said = await machine.run("journalctl", "--no-pager", f"--unit={gateway}", "--grep=LOG_LEVEL")
        assert "LOUD" in said
