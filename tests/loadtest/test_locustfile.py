"""The load test as its user starts it: ``locust -f loadtest``, against a gateway that is right or wrong on purpose."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SYMBOLS = ["AUSDT", "BUSDT", "CUSDT"]
USERS, ROUNDS, TICKS_PER_S = 5, 30, 50
"""A run is long enough once all users were sent so many rounds of ticks."""


def program() -> str:
    """Locust, which has a virtual environment of its own (setup.cfg); skips where there is none."""
    beside = Path(sys.executable).with_name("locust")
    for path in (os.environ.get("LOCUST"), str(ROOT / ".venv-load/bin/locust"), str(beside)):
        if path and shutil.which(path):
            return path
    pytest.skip("Locust is not installed (pip install '.[load]' into .venv-load, or name it in LOCUST)")


@asynccontextmanager
async def gateway(skip_every: int = 0) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server of the protocol that leaves out every so many ticks; its address, and when all had their rounds."""
    sockets: set[web.WebSocketResponse] = set()
    seqs = dict.fromkeys(SYMBOLS, 1)

    def quote(kind: str, symbol: str) -> dict[str, object]:
        # The time belongs to the tick: its snapshot and all users must see the same.
        numbers = {"seq": seqs[symbol], "bid": 100, "ask": 101, "price_scale": 2, "size_scale": 5}
        return {"type": kind, "symbol": symbol, **numbers, "recv_us": times[symbol]}

    async def websocket(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "welcome", "client": "c", "heartbeat_s": 20})
        async for message in socket:
            if message.json()["type"] == "subscribe":
                # No tick may pass between a snapshot and the first tick after it.
                async with speaking:
                    await socket.send_json({"type": "subscribed", "symbols": SYMBOLS})
                    for symbol in SYMBOLS:
                        await socket.send_str(msgspec.json.encode(quote("snapshot", symbol)).decode())
                    sockets.add(socket)
        sockets.discard(socket)
        return socket

    async def publish() -> None:
        rounds = 0
        while True:
            await asyncio.sleep(len(SYMBOLS) / TICKS_PER_S)
            async with speaking:
                for symbol in SYMBOLS:
                    await say(symbol)
                rounds += len(sockets) == USERS
            if rounds == ROUNDS:
                enough.set()

    async def say(symbol: str) -> None:
        seqs[symbol] += 1
        times[symbol] = time.time_ns() // 1000
        if skip_every and seqs[symbol] % skip_every == 0:
            return
        text = msgspec.json.encode(quote("tick", symbol)).decode()
        await asyncio.gather(*(socket.send_str(text) for socket in sockets), return_exceptions=True)

    speaking, enough = asyncio.Lock(), asyncio.Event()
    times = dict.fromkeys(SYMBOLS, time.time_ns() // 1000)
    app = web.Application()
    app.add_routes([web.get("/ws", websocket)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    publishing = asyncio.create_task(publish())
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", enough
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await runner.cleanup()


async def load(
    host: str, tmp_path: Path, enough: asyncio.Event | None, *options: str, by: signal.Signals = signal.SIGTERM
) -> tuple[int, dict[str, Any], str]:
    """Run Locust until it has seen enough, or until it logs a failure; its exit code, rows by name, and log.

    While a shape runs, Locust handles Ctrl-C only.
    """
    process = await asyncio.create_subprocess_exec(
        program(), "-f", "loadtest", "--headless", "--only-summary", "--host", host,
        "--users", str(USERS), "--json-file", str(tmp_path / "load"), *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        log = b""
        if enough is None:
            while b"first such failure" not in log:
                log += await process.stdout.readline()
        else:
            await enough.wait()
        process.send_signal(by)
        log += await process.stdout.read()
        await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    assert (tmp_path / "load.json").is_file(), log.decode()
    rows = msgspec.json.decode((tmp_path / "load.json").read_bytes())
    assert process.returncode is not None
    return process.returncode, {row["name"]: row for row in rows}, log.decode()


async def test_a_right_gateway_passes(tmp_path: Path) -> None:
    """Every tick of every user is one request in the statistics, nothing fails, and the exit code is 0."""
    async with gateway() as (host, enough):
        code, rows, log = await load(host, tmp_path, enough, "--symbols", "3")
    assert 0 == code, log
    assert {"connect", "first tick", "tick latency", "generator lag"} == set(rows)
    assert USERS == rows["connect"]["num_requests"] == rows["first tick"]["num_requests"]
    latency = rows["tick latency"]
    assert latency["num_requests"] > USERS * (ROUNDS - 5) * len(SYMBOLS)
    assert latency["num_requests"] == sum(latency["response_times"].values())
    assert f"{latency['num_requests']} ticks checked" in log
    assert 0 <= latency["min_response_time"]
    assert 0 == sum(row["num_failures"] for row in rows.values())


async def test_a_gap_fails_the_run(tmp_path: Path) -> None:
    """A gateway that leaves ticks out makes a row of failures and the exit code 1; fewer symbols are mentioned."""
    async with gateway(skip_every=3) as (host, enough):
        code, rows, log = await load(host, tmp_path, enough)
    assert 1 == code, log
    assert rows["gap"]["num_failures"] >= USERS
    assert 1 == log.count("the gateway has 3 symbols; users hold those, not 100")
    assert 1 == log.count("ticks were skipped (the first such message")


async def test_nobody_there_fails_the_run(tmp_path: Path) -> None:
    """A gateway that cannot be reached fails in the row `connect`."""
    code, rows, log = await load("http://127.0.0.1:1", tmp_path, None)
    assert 1 == code, log
    assert rows["connect"]["num_failures"] >= 1
    assert "Connection refused" in log


async def test_silence_fails_the_run(tmp_path: Path) -> None:
    """A gateway that takes every subscription and sends no tick does not pass."""
    async with gateway(skip_every=1) as (host, enough):
        code, rows, log = await load(host, tmp_path, enough, "--symbols", "3")
    assert 1 == code, log
    assert 1 == rows["tick latency"]["num_failures"]
    assert "no tick arrived in the whole run" in log


@pytest.mark.parametrize(
    ("settings", "said_last"),
    [
        ({"LOAD_SYMBOLS": "many"}, "'many' is not a whole number of 1 or more (LOAD_SYMBOLS)"),
        (
            {"LOAD_TOKEN": "x", "LOAD_TOKEN_KEY": "secret"},
            "only one of --token, --token-key and --token-command can be used (LOAD_TOKEN, LOAD_TOKEN_KEY, "
            "LOAD_TOKEN_COMMAND)",
        ),
    ],
    ids=["a number", "two sources of tokens"],
)
async def test_a_bad_setting_stops_the_start(settings: dict[str, str], said_last: str) -> None:
    """A bad value ends the program with one line that names the option and its variable."""
    process = await asyncio.create_subprocess_exec(
        program(), "-f", "loadtest", "--headless",
        cwd=ROOT, env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert 2 == process.returncode
    assert said.splitlines()[-1].endswith(said_last)


async def test_a_storm_connects_all_at_once_and_leaves_a_report(tmp_path: Path) -> None:
    """A shape starts its users by itself, and the report counts what Locust's own rows count."""
    async with gateway() as (host, enough):
        report = tmp_path / "report.json"
        options = ("--symbols", "3", "--shape", "storm", "--run-time", "1h", "--report", str(report))
        code, rows, log = await load(host, tmp_path, enough, *options, by=signal.SIGINT)
    assert 0 == code, log
    assert f"Shape test updating to {USERS} users at {USERS}.00 spawn rate" in log
    found = msgspec.json.decode(report.read_bytes())
    assert USERS == found["connect"]["count"] == rows["connect"]["num_requests"]
    assert rows["tick latency"]["num_requests"] == found["tick latency"]["count"]
    assert found["tick latency"]["p50_ms"] <= found["tick latency"]["p99_ms"]
    assert (0, None) == (found["gap"]["failures"], found["gap"]["p99_ms"])


async def test_the_report_names_a_gap(tmp_path: Path) -> None:
    """A report of a run with gaps counts them, as a page if its name says so."""
    async with gateway(skip_every=3) as (host, enough):
        code, rows, log = await load(host, tmp_path, enough, "--report", str(tmp_path / "report.html"))
    assert 1 == code, log
    gaps = rows["gap"]["num_failures"]
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<tr><td>gap</td><td>{gaps}</td><td>{gaps}</td><td>–</td>" in written
