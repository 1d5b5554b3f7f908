"""How often gunicorn boots a worker that cannot work: once, or ever more seldom."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from deploy.launcher.programs import GUNICORN
from tests.client import connected
from tests.integration.stacks import answers, eventually, http_status
from tests.integration.test_settings_again import Program, running, workers
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

FAULTY = (*GUNICORN[:-1], "tests.integration.faulty_app:app_factory")
BOOTING = "Booting worker with pid"


def program(tmp_path: Path, fault: str, bus_url: str = "memory://") -> Program:
    """A gateway under gunicorn with a fault."""
    (file := tmp_path / "fault").write_text(fault, encoding="ascii")
    return Program(FAULTY, tmp_path / "conf", bus_url, FAULT_FILE=str(file), DRAIN_SECONDS="0.2")


@pytest.mark.parametrize(
    ("fault", "said"),
    [("import", "No module named 'market.bus.no_such_module'"), ("setting", "BUS_URL was good"), ("exit", "code 3")],
)
async def test_a_worker_that_cannot_boot_is_booted_once(tmp_path: Path, fault: str, said: str) -> None:
    """A module that is missing, a setting that only the worker sees, an exit: one boot, the reason, exit code 3."""
    started = program(tmp_path, fault)
    started.write("")
    await started.process.start()
    async with asyncio.timeout(20):
        assert await started.process.ended() == 3
    assert started.count(BOOTING) == 1
    assert started.count(said) >= 1
    if fault == "setting":
        assert started.count("Traceback") == 0


@pytest.mark.parametrize("fault", ["end", "end soon"])
async def test_a_worker_that_always_ends_is_booted_ever_more_seldom(tmp_path: Path, fault: str) -> None:
    """Whether it serves before or not, pauses double from a second on; a stop is obeyed meanwhile, at once."""
    started = program(tmp_path, fault)
    async with running(started, ""):
        await until(lambda: started.count("3 times in a row; the next one starts in") == 1, within_s=30)
        # One without a pause where it served; then after a second, and after two.
        assert 3 <= started.count(BOOTING) <= 4
        asked_at = time.monotonic()
        started.process.send(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await started.process.ended() == 0
        assert time.monotonic() - asked_at < 10


@pytest.mark.parametrize(
    "fault",
    [
        *("setting", "end"),
        # They end a worker as these two do, and each is tested at the start.
        *(pytest.param(its, marks=pytest.mark.long("deploy", "gateway", "market")) for its in ("import", "exit")),
    ],
)
async def test_a_successor_that_cannot_boot_leaves_the_old_worker_in_service(
    valkey: Valkey, tmp_path: Path, fault: str
) -> None:
    """A reload that fails is one boot and one line; clients stay, newcomers are served, and a fixed one replaces."""
    started = program(tmp_path, "none", valkey.url)
    async with running(started, "SYMBOLS=BTCUSDT\n"):
        ready = f"http://127.0.0.1:{started.port}/readyz"
        await answers(ready, 200)
        [old] = workers(started)
        async with connected(started.url) as client:
            for number in (1, 2):
                (tmp_path / "fault").write_text(fault, encoding="ascii")
                await started.hang_up("SYMBOLS=BTCUSDT,ETHUSDT\n", "the old one serves on")
                assert started.count(BOOTING) == 1 + number
                assert workers(started) == [old]
                async with connected(started.url) as newcomer:
                    await newcomer.subscribe("BTC")
            await client.subscribe("BTC")
            (tmp_path / "fault").write_text("none", encoding="ascii")
            started.process.send(signal.SIGHUP)
            assert await client.until_closed() == 1012

        async def replaced() -> bool:
            return old not in workers(started) and await http_status(ready) == 200

        await eventually(replaced, within_s=20)
        assert started.count(BOOTING) == 4
        async with connected(started.url) as client:
            await client.subscribe("ETH")


async def test_a_setting_that_goes_bad_boots_nobody(valkey: Valkey, tmp_path: Path) -> None:
    """A file with a URL that cannot be used is a line; no worker is started for it, however often it is read."""
    started = program(tmp_path, "none", valkey.url)
    del started.process.env["BUS_URL"]
    good = f"BUS_URL={valkey.url}\nSYMBOLS=BTCUSDT\n"
    async with running(started, good):
        await answers(f"http://127.0.0.1:{started.port}/readyz", 200)
        for bad in ("redis://h?protocol=3", "redis://:a#b@h", "rediss://h?ssl_ca_certs=/no/such/file", "nonsense"):
            await started.hang_up(f"BUS_URL={bad}\nSYMBOLS=BTCUSDT\n", "settings stay as they are: BUS_URL ")
        assert started.count(BOOTING) == 1
        assert await http_status(f"http://127.0.0.1:{started.port}/readyz") == 200
