"""Settings are read again by real programs: `TICKGATE_CONFIG` changes, and SIGHUP says so."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from deploy.launcher.programs import GUNICORN, plan_run
from deploy.ports import free_port
from deploy.process.processes import Process
from market.bus import open_bus
from market.wire.status import Heartbeat
from tests.client import Client, connected
from tests.fakes import tick
from tests.gateway.auth.tokens import private_key, public_pem, token
from tests.integration.stacks import answers, environment, eventually, http_status, members_of, ws_url
from tests.integration.stacks import running as running_plan
from tests.market.bus.using import publish
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

GATEWAY = (sys.executable, "-m", "gateway")
POLLER = (sys.executable, "-m", "poller")

HUNG_UP_EARLY = """
import os, runpy, signal, sys

class HangUp:
    def find_spec(self, name, path=None, target=None):
        # Of each program the first that takes long.
        if name in ("uvloop", "gateway.settings") and self in sys.meta_path:
            sys.meta_path.remove(self)
            print("hung up", flush=True)
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, HangUp())
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs the module that is its first argument, like ``python -m``, and sends itself SIGHUP while that imports others."""


class Program:
    """A program with a file of settings, and every line that it wrote."""

    def __init__(self, command: tuple[str, ...], path: Path, bus_url: str, **variables: str) -> None:
        self.lines: list[str] = []
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self._path = path
        told = environment(BUS_URL=bus_url, TICKGATE_CONFIG=str(path), GATEWAY_PORT=str(self.port), **variables)
        # The file is to say it.
        del told["SYMBOLS"]
        self.process = Process("program", command, env=told, say=lambda _, line: self.lines.append(line))

    def write(self, text: str) -> None:
        """Put another file in the place of the one before, at once."""
        new = self._path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self._path)

    def count(self, words: str) -> int:
        """How many lines have these words."""
        return sum(words in line for line in self.lines)

    async def hang_up(self, text: str, words: str) -> str:
        """Change the file, send SIGHUP, and wait for one more line with these words: that line."""
        before = len(self.lines)
        self.write(text)
        self.process.send(signal.SIGHUP)
        # Other lines may come before it and after it.
        await until(lambda: any(words in line for line in self.lines[before:]), within_s=20)
        return next(line for line in self.lines[before:] if words in line)


@asynccontextmanager
async def running(program: Program, text: str) -> AsyncIterator[Program]:
    """``program`` with ``text`` in its file; nothing of it is left at the end."""
    program.write(text)
    await program.process.start()
    try:
        yield program
    finally:
        await program.process.stop(20)
        print(*program.lines, sep="\n")  # noqa: T201 # pytest shows it on failure
        assert members_of(set(program.process.pids)) == {}


@asynccontextmanager
async def gateway(valkey: Valkey, tmp_path: Path, text: str, **variables: str) -> AsyncIterator[Program]:
    """``python -m gateway`` that serves, and prices on its bus."""
    async with polled(valkey), running(Program(GATEWAY, tmp_path / "conf", valkey.url, **variables), text) as program:
        await answers(f"http://127.0.0.1:{program.port}/readyz", 200)
        yield program


@asynccontextmanager
async def polled(valkey: Valkey) -> AsyncIterator[None]:
    """A hundred ticks a second of each of three symbols, without a gap, and a heartbeat every half second."""
    bus = open_bus(valkey.url)

    async def poll() -> None:
        seq = 0
        while True:
            seq += 1
            now = time.time_ns() // 1000
            heartbeat = Heartbeat(source="simulated", link="up", since_us=now, sent_us=now) if seq % 50 == 1 else None
            await publish(bus, [tick(symbol, seq) for symbol in ("BTCUSDT", "ETHUSDT", "XRPUSDT")], heartbeat)
            await asyncio.sleep(0.01)

    polling = asyncio.create_task(poll())
    try:
        yield
    finally:
        polling.cancel()
        await asyncio.wait((polling,))
        await bus.aclose()


async def further(client: Client, symbol: str, ticks: int = 20) -> None:
    """Wait for some more ticks of ``symbol``."""
    more = len(client.prices[symbol]) + ticks
    await client.until(lambda client: len(client.prices[symbol]) >= more)


async def test_symbols_come_and_go_under_clients_that_hold_others(valkey: Valkey, tmp_path: Path) -> None:
    """Who holds what stays misses no tick and hears no `stale`; who loses a symbol is told; a new one has its price."""
    async with gateway(valkey, tmp_path, "SYMBOLS=BTCUSDT,ETHUSDT\n") as program, connected(program.url) as client:
        await client.subscribe("*", conflate=False)
        await further(client, "BTCUSDT")
        await program.hang_up("SYMBOLS=BTCUSDT,XRPUSDT\n", "settings read again: SYMBOLS +XRPUSDT -ETHUSDT")
        await client.until(lambda client: client.count("unsubscribed") == 1)
        assert ["symbol_status", "unsubscribed"] == [message["type"] for message in client.messages[-2:]]
        lost = client.newest_seq("ETHUSDT")
        await client.subscribe("XRP")
        await further(client, "XRPUSDT")
        await further(client, "BTCUSDT")
        assert lost == client.newest_seq("ETHUSDT")
        await program.hang_up("SYMBOLS=BTCUSDT,XRPUSDT,ETHUSDT\n", "settings read again: SYMBOLS +ETHUSDT")
        await client.subscribe("ETH")
        await further(client, "ETHUSDT")
        assert [] == [gap for gap in client.gaps() if gap[0] == "BTCUSDT"]
        assert ["live"] == [message["feed"] for message in client.messages if message["type"] == "status"][-1:]
        assert client.count("status") <= 2
        # Of what it does not serve any more nothing was taken for a fault of the bus.
        assert program.count("WARNING") == 0


async def test_a_file_of_symbols_and_limits_and_the_level_of_the_log_are_read_again(
    valkey: Valkey, tmp_path: Path
) -> None:
    """Also what a `@file` holds changes, the limits do for clients that are there, and DEBUG shows who comes."""
    (names := tmp_path / "names").write_text("BTCUSDT\n", encoding="utf-8")
    text = f"SYMBOLS=@{names}\n"
    async with gateway(valkey, tmp_path, text) as program, connected(program.url) as client:
        names.write_text("BTCUSDT\nXRPUSDT\n", encoding="utf-8")
        await program.hang_up(text, "settings read again: SYMBOLS +XRPUSDT")
        limits = "MAX_SYMBOLS_PER_CONNECTION=1\nMAX_CONNECTIONS=1\nLOG_LEVEL=DEBUG\n"
        await program.hang_up(text + limits, "MAX_SYMBOLS_PER_CONNECTION 1, LOG_LEVEL DEBUG")
        await client.send({"type": "subscribe", "symbols": ["*"]})
        await client.until(lambda client: client.count("error") == 1)
        assert client.messages[-1]["code"] == "too_many_symbols"
        with pytest.raises(InvalidStatus, match="503"):
            await connect(program.url)
        await program.hang_up(text, "settings read again: MAX_CONNECTIONS 20000")
        async with connected(program.url):
            pass
        await program.hang_up(text + "LOG_LEVELS=gateway.client=debug\n", "LOG_LEVELS gateway.client=DEBUG")
        all_before, before = program.count("DEBUG"), program.count("DEBUG   gateway.client.")
        async with connected(program.url):
            await until(lambda: program.count("DEBUG   gateway.client.") > before)
        assert program.count("DEBUG") - all_before == program.count("DEBUG   gateway.client.") - before
        # And what was told at the start stays so.
        await program.hang_up(text + "HEARTBEAT_S=1\nGATEWAY_PORT=1\n", "stay as they were: HEARTBEAT_S")
        assert program.count("GATEWAY_PORT") == 0


async def test_a_rotated_key_file_opens_to_new_tokens_only(valkey: Valkey, tmp_path: Path) -> None:
    """The same path holds another key; with SIGHUP alone it counts, and with rubbish in it the one before does."""
    key = tmp_path / "key.pem"
    text = f"SYMBOLS=BTCUSDT\nAUTH_MODE=jwt\nJWT_PUBLIC_KEY_FILE={key}\nJWT_AUDIENCE=tickgate\n"

    def publish(name: str) -> dict[str, str]:
        key.write_bytes(public_pem(private_key("ES256", name)))
        signed = token("ES256", private_key("ES256", name), exp=4_000_000_000, nbf=0, iat=0)
        return {"Authorization": f"Bearer {signed}"}

    old = publish("old")
    async with gateway(valkey, tmp_path, text) as program, connect(program.url, additional_headers=old) as client:
        new = publish("new")
        await program.hang_up(text, "settings read again: the key of tokens")
        async with connect(program.url, additional_headers=new):
            pass
        with pytest.raises(InvalidStatus, match="401"):
            await connect(program.url, additional_headers=old)
        key.write_text("rubbish", encoding="utf-8")
        await program.hang_up(text, "settings stay as they are: JWT_PUBLIC_KEY_FILE ")
        async with connect(program.url, additional_headers=new):
            pass
        await client.send('{"type":"ping"}')
        async with asyncio.timeout(30):
            # It may have come before prices were live, and hear of that too.
            while '"type":"pong"' not in str(await client.recv()):
                pass


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SYMBOLS=BTCUSDT,,\n", "SYMBOLS has an empty entry"),
        ("SYMBOLS=BTCUSDT\nLOG_LEVEL=LOUD\n", "LOG_LEVEL 'LOUD' must be one of"),
        ("SYMBOLS=BTCUSDT\nsesame\n", "line 2 is not NAME=VALUE"),
        ("GATEWAY_HOST=0.0.0.0\n", "GATEWAY_HOST '0.0.0.0' is not loopback"),
    ],
)
async def test_a_broken_file_changes_nothing(valkey: Valkey, tmp_path: Path, text: str, said: str) -> None:
    """One line says what is wrong with it and where, and shows no secret; everybody is served as before."""
    async with gateway(valkey, tmp_path, "SYMBOLS=BTCUSDT\n") as program, connected(program.url) as client:
        await client.subscribe("*", conflate=False)
        await program.hang_up(text, "settings stay as they are: ")
        [line] = [line for line in program.lines if "settings" in line]
        assert said in line
        assert str(tmp_path) in line
        assert "sesame" not in line
        await further(client, "BTCUSDT")
        assert [] == client.gaps()
        # Gone altogether, it is no different.
        (tmp_path / "conf").rename(tmp_path / "elsewhere")
        program.process.send(signal.SIGHUP)
        await until(lambda: program.count("cannot be read (No such file") == 1)
        await program.hang_up("SYMBOLS=BTCUSDT,XRPUSDT\n", "settings read again: SYMBOLS +XRPUSDT")


async def test_ten_at_once_and_some_while_it_goes_away(valkey: Valkey, tmp_path: Path) -> None:
    """However many come and whenever, none ends the program before its time, and its exit code is 0."""
    async with gateway(valkey, tmp_path, "SYMBOLS=BTCUSDT\n", DRAIN_SECONDS="1") as program:
        async with connected(program.url) as client:
            await client.subscribe("BTC", conflate=False)
            program.write("SYMBOLS=BTCUSDT,XRPUSDT\n")
            for _ in range(10):
                program.process.send(signal.SIGHUP)
            await until(lambda: program.count("settings read again: SYMBOLS +XRPUSDT") == 1)
            await further(client, "BTCUSDT")
            assert program.count("settings read again") <= 10
            ended = asyncio.create_task(program.process.ended())
            program.process.send(signal.SIGTERM)
            await answers(f"http://127.0.0.1:{program.port}/readyz", 404)
            program.write("SYMBOLS=XRPUSDT\n")
            program.process.send(signal.SIGHUP)
            await until(lambda: program.count("this gateway is going away") == 1)
            assert await client.until_closed() == 1012
            assert [] == client.gaps()
            assert client.count("unsubscribed") == 0
            # To the very end.
            while not ended.done():
                program.process.send(signal.SIGHUP)
                await asyncio.sleep(0.002)
        assert await ended == 0


@pytest.mark.parametrize("command", [GATEWAY, POLLER, GUNICORN], ids=["gateway", "poller", "gunicorn"])
async def test_one_that_comes_while_a_program_is_still_being_imported_ends_nothing(
    valkey: Valkey, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """It has not read its settings yet; it goes on to start, and hears the next one."""
    program = Program(
        (sys.executable, "-c", HUNG_UP_EARLY, *command[command.index("-m") + 1 :]), tmp_path / "conf", valkey.url
    )
    async with running(program, "SYMBOLS=BTCUSDT\n"):
        if command is POLLER:
            await until(lambda: program.count("feed ") > 0)
        else:
            await answers(f"http://127.0.0.1:{program.port}/healthz", 200)
        assert program.count("hung up") == 1
        await program.hang_up("SYMBOLS=BTC*USDT\n", "settings stay as they are")


async def test_without_a_file_key_files_and_symbols_of_the_environment_are_read_again(
    valkey: Valkey, tmp_path: Path
) -> None:
    """SIGHUP without `TICKGATE_CONFIG` ends nothing; what the environment names by a file is read again."""
    (names := tmp_path / "names").write_text("BTCUSDT\n", encoding="utf-8")
    program = Program(GATEWAY, tmp_path / "conf", valkey.url)
    program.process.env["SYMBOLS"] = f"@{names}"
    del program.process.env["TICKGATE_CONFIG"]
    async with polled(valkey), running(program, ""):
        await answers(f"http://127.0.0.1:{program.port}/readyz", 200)
        await program.hang_up("", "settings read again: nothing has changed")
        names.write_text("BTCUSDT XRPUSDT", encoding="utf-8")
        await program.hang_up("", "settings read again: SYMBOLS +XRPUSDT")
        async with connected(program.url) as client:
            await client.subscribe("XRP")
            await further(client, "XRPUSDT")


async def test_a_poller_reads_its_settings_again(valkey: Valkey, tmp_path: Path) -> None:
    """The level of the log changes, what cannot is named, a broken file changes nothing, and a stop ends it."""
    program = Program(POLLER, tmp_path / "conf", valkey.url)
    del program.process.env["FEED"]
    text = "FEED=simulated\nSYMBOLS=BTCUSDT\n"
    async with running(program, text):
        await until(lambda: program.count("feed simulated") == 1, within_s=20)
        await program.hang_up(text + "LOG_LEVEL=DEBUG\nSIM_SEED=7\n", "settings read again: LOG_LEVEL DEBUG")
        await until(lambda: program.count("stay as they were: SIM_SEED") == 1)
        await program.hang_up("FEED=nonsense\n", "settings stay as they are: FEED 'nonsense' is no feed")
        for _ in range(10):
            program.process.send(signal.SIGHUP)
        assert await program.process.stop(20) == 0


async def test_under_gunicorn_the_worker_is_replaced_and_a_broken_file_replaces_nobody(
    valkey: Valkey, tmp_path: Path
) -> None:
    """A good file: another worker, the new symbol, the new level. A bad one: a line, and the worker serves on."""
    program = Program(GUNICORN, tmp_path / "conf", valkey.url, DRAIN_SECONDS="0")
    good = "SYMBOLS=BTCUSDT\n"
    async with polled(valkey), running(program, good):
        ready = f"http://127.0.0.1:{program.port}/readyz"
        await answers(ready, 200)
        [worker] = workers(program)
        async with connected(program.url) as client:
            await client.subscribe("*", conflate=False)
            bad = (
                ("SYMBOLS=BTC*USDT\n", "'BTC*USDT' is not a symbol"),
                (good + "AUTH_MODE=jwt\nJWT_SECRET=sesame\n", "JWT_SECRET is 6 bytes long"),
                (good + "sesame\n", "line 2 is not NAME=VALUE"),
            )
            for text, said in bad:
                await program.hang_up(text, said)
            # Sent to everybody in the group, as a terminal that closes would, it ends nobody either.
            before = program.count(said)
            program.process.send_all(signal.SIGHUP)
            await until(lambda: program.count(said) > before)
            await further(client, "BTCUSDT")
            assert [worker] == workers(program)
            assert [] == client.gaps()
            assert program.count("sesame") == 0
            await program.hang_up("SYMBOLS=BTCUSDT,XRPUSDT\nLOG_LEVELS=gateway.client=debug\n", "Handling signal: hup")
            assert await client.until_closed() == 1012

        async def replaced() -> bool:
            return worker not in workers(program) and await http_status(ready) == 200

        await eventually(replaced, within_s=20)
        async with connected(program.url) as client:
            await client.subscribe("XRP")
            await further(client, "XRPUSDT")
            await until(lambda: program.count("DEBUG   gateway.client.welcome") >= 1)


async def test_what_the_launcher_starts_reads_the_file_and_reads_it_again(tmp_path: Path) -> None:
    """`make run` with a file: its programs have what it says, and a SIGHUP to one of them is enough to change it."""
    (path := tmp_path / "conf").write_text("SYMBOLS=BTCUSDT\nDRAIN_SECONDS=0.5\nFEED=simulated\n", encoding="utf-8")
    told = environment(GATEWAY_PORT=str(free_port()), TICKGATE_CONFIG=str(path))
    del told["SYMBOLS"], told["FEED"]
    async with running_plan(plan_run(told)) as stack, connected(ws_url(stack)) as client:
        await client.subscribe("*")
        await further(client, "BTCUSDT", 3)
        assert list(client.prices) == ["BTCUSDT"]
        path.write_text("SYMBOLS=ETHUSDT\n", encoding="utf-8")
        stack["gateway"].send(signal.SIGHUP)
        await client.until(lambda client: client.count("unsubscribed") == 1)
        await client.subscribe("ETH")


def workers(program: Program) -> list[int]:
    """The processes of a gunicorn that are not its arbiter."""
    return [pid for pid in members_of({program.process.pid}) if pid != program.process.pid]
