"""The stream for programs without asyncio."""

import asyncio
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from deploy.ports import free_port
from tests.gateway.conftest import RunningGateway, Start
from tests.waiting import HANGS_AFTER_S, until
from tickgate_client import ClosedError, NotConnectedError, SubscribeError, Tick, connect_sync

CLIENT = Path(__file__).resolve().parents[3] / "clients" / "python"


async def test_it_does_what_the_other_does(start: Start) -> None:
    """Names, errors, prices, states and the list of symbols; its thread is gone at the end."""
    gateway: RunningGateway = await start()
    await gateway.heartbeat()
    await gateway.publish("BTCUSDT", 7)

    def program() -> None:
        with connect_sync(gateway.url) as stream:
            assert ["BTCUSDT"] == stream.subscribe("BTC")
            tick = next(iter(stream))
            assert (7, "0.70") == (tick.seq, str(tick.bid))
            with pytest.raises(SubscribeError):
                stream.subscribe("XBT")
            while stream.states["BTCUSDT"].state != "live":
                time.sleep(0.01)
            assert stream.age_s(tick) > 0
            assert stream.symbols()
            while not isinstance(stream.take(timeout_s=0.05), Tick | None):
                pass
            assert None is stream.take(timeout_s=0.01)
            assert ["BTCUSDT"] == stream.unsubscribe("BTC")
        assert "tickgate-client" not in {thread.name for thread in threading.enumerate()}
        with pytest.raises(ClosedError):
            stream.subscribe("BTC")

    await asyncio.to_thread(program)


async def test_a_program_that_is_busy_finds_the_newest(start: Start) -> None:
    """The thread reads meanwhile."""
    gateway: RunningGateway = await start()
    stream = await asyncio.to_thread(connect_sync(gateway.url).__enter__)
    try:
        await asyncio.to_thread(stream.subscribe, "BTC")
        for seq in range(1, 101):
            await gateway.publish("BTCUSDT", seq)
        await until(lambda: "BTCUSDT" in stream.ticks and stream.ticks["BTCUSDT"].seq == 100)
        assert 100 == next(iter(stream)).seq
    finally:
        await asyncio.to_thread(stream.close)
    assert [] == list(stream)


def test_no_gateway_leaves_no_thread() -> None:
    """The error is the same as with asyncio."""
    with pytest.raises(NotConnectedError), connect_sync(f"ws://127.0.0.1:{free_port()}/ws", connect_timeout_s=0.1):
        raise AssertionError("connected")
    assert "tickgate-client" not in {thread.name for thread in threading.enumerate()}


PROGRAM = """
import sys
import tickgate_client
with tickgate_client.connect_sync(sys.argv[1]) as stream:
    stream.subscribe("BTC")
    for tick in stream:
        print(tick, flush=True)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["waiting", "busy"])
async def test_ctrl_c_ends_a_program(start: Start, busy: bool) -> None:
    """At once, while it waits for a price and while it works on one; the connection is closed in order."""
    gateway: RunningGateway = await start()
    await gateway.publish("BTCUSDT", 7)
    code = PROGRAM + ("        while True: pass\n" if busy else "")
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, gateway.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(CLIENT)},
    )
    try:
        assert program.stdout is not None
        async with asyncio.timeout(HANGS_AFTER_S):
            assert b"BTCUSDT 0.70 / 0.71\n" == await program.stdout.readline()
            program.send_signal(signal.SIGINT)
            _, errors = await program.communicate()
        assert errors.splitlines()[-1] == b"KeyboardInterrupt", errors.decode()
        await until(lambda: not gateway.gateway.hub.connections)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
