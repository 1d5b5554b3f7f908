"""``python -m poller`` as seen by the person who starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from market.bus import open_bus
from market.wire.codec import decode_heartbeat, decode_tick
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import listen
from tests.poller.recording import RECORDING
from tests.valkey import Valkey
from tests.waiting import until

ROOT = Path(__file__).parents[2]


def start(**variables: str) -> subprocess.Popen[str]:
    """A poller with nothing but these variables."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "poller"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def taken_port() -> Iterator[str]:
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_bad_start(taken_port: str) -> None:
    """A start that cannot succeed is one line with variable and fix, exit code 2, and nothing else."""
    # A bus in memory is warned about.
    sound = {"FEED": "simulated", "BUS_URL": "memory://", "LOG_LEVEL": "ERROR"}
    cases = [
        ("BUS_URL", "redis://:sesame@localhost:port/0", "write redis://host:port/db"),
        ("SYMBOLS", "", "give some, like BTCUSDT,ETHUSDT"),
        ("FEED", f"replay:{RECORDING}", "try BLZETH, LRCBTC, NKNUSDT"),
        ("POLLER_METRICS_PORT", taken_port, "choose a free port, or 0 for none"),
    ]
    processes = [start(**{**sound, name: value}) for name, value, _ in cases]
    for process, (name, value, fix) in zip(processes, cases, strict=True):
        output, errors = process.communicate(timeout=20)
        assert (2, "") == (process.returncode, output), value
        (line,) = errors.splitlines()
        assert line.startswith(f"poller: {'SYMBOLS' if 'BLZETH' in fix else name} ")
        assert fix in line
        assert "sesame" not in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_run_and_stop(valkey: Valkey, number: signal.Signals) -> None:
    """It polls until SIGTERM or Ctrl-C, and publishes a last heartbeat."""
    bus, receiver = open_bus(valkey.url), RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    process = start(BUS_URL=valkey.url, FEED="simulated", LOG_FORMAT="json")
    try:
        await receiver.until_count(20)
        process.send_signal(number)
        await until(lambda: process.poll() is not None)
    finally:
        process.kill()
        output, errors = process.communicate()
    assert (0, "") == (process.returncode, output)
    assert ["INFO"] * 2 == [json.loads(line)["level"] for line in errors.splitlines()]
    await receiver.until(lambda received: b"the poller was stopped" in received[-1][1])
    assert "simulated" == decode_heartbeat(receiver.received[-1][1]).source
    assert all(decode_tick(payload).price_scale == 2 for symbol, payload in receiver.received if symbol != "beat")
    link.close()
    await bus.aclose()


@pytest.mark.parametrize(("symbols", "meant"), [("BTC,ETHUSDT", "BTCUSDT"), ("SOL/USDT", "SOLUSDT"), ("BTCUSDT", "")])
def test_symbols_that_are_no_pairs_are_warned_of(valkey: Valkey, symbols: str, meant: str) -> None:
    """In one line at the start, with the pair that was probably meant; a pair is none of it."""
    process = start(BUS_URL=valkey.url, FEED="simulated", LOG_FORMAT="json", SYMBOLS=symbols)
    try:
        assert process.stderr is not None
        first = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        _, others = process.communicate(timeout=20)
    finally:
        process.kill()
    wanted = f"SYMBOLS: {symbols.partition(',')[0]} is no pair of binance; did you mean {meant}?"
    assert (first["message"] == wanted) is bool(meant), first
    assert "is no pair" not in others
