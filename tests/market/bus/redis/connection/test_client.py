"""Questions to a server that is there, is not, comes back, or keeps us waiting."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from deploy.ports import free_port
from market.bus import Bus, BusDownError, Token, open_bus
from market.wire.codec import encode_tick
from market.wire.topics import last_ticks
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.bus.using import lead, listen, publish
from tests.market.samples import tick
from tests.valkey import Valkey
from tests.waiting import HANGS_AFTER_S

TOKEN = Token("test", "we", 1, 30)


def operations(bus: Bus) -> list[Coroutine[Any, Any, object]]:
    """One of everything that a bus can be asked."""
    return [
        publish(bus, [tick()]),
        last_ticks(bus.last_values),
        listen(bus, ["BTCUSDT"], RecordingReceiver()),
        bus.tickets.put("1", b"", 30),
        bus.tickets.take("1"),
        lead(bus),
        bus.leadership.release(TOKEN),
    ]


async def test_password(valkey: Valkey) -> None:
    """With the right password everything works; with none or a wrong one the bus counts as down."""
    valkey.command("CONFIG", "SET", "requirepass", "s/e@same")
    good = open_bus(f"redis://:s%2Fe%40same@127.0.0.1:{valkey.port}/0")
    others = [open_bus(valkey.url), open_bus(f"redis://:wrong@127.0.0.1:{valkey.port}/0")]
    try:
        receiver = RecordingReceiver()
        link = await listen(good, ["BTCUSDT"], receiver)
        await publish(good, [tick()])
        await receiver.until_count(1)
        link.close()
        for bad in others:
            for attempt in operations(bad):
                with pytest.raises(BusDownError) as refusal:
                    await attempt
                assert "wrong" not in str(refusal.value).replace("WRONGPASS", "")
    finally:
        for bus in (good, *others):
            await bus.aclose()
        # Without a password of its own again, for the tests after this one.
        valkey.stop()


async def test_unreachable_server() -> None:
    """Without a server every operation reports that the bus is down."""
    bus = open_bus(f"redis://127.0.0.1:{free_port()}/0")
    for attempt in operations(bus):
        with pytest.raises(BusDownError):
            await attempt
    await bus.aclose()


async def test_frozen_server(bus: Bus, valkey: Valkey) -> None:
    """A server that takes bytes and does not answer is down, and back when it thaws."""
    receiver = RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    await publish(bus, [tick()])
    await receiver.until_count(1)
    with valkey.frozen():
        heard_at = link.received_at
        link.ping()
        # Each waits for two seconds.
        async with asyncio.timeout(HANGS_AFTER_S):
            outcomes = await asyncio.gather(*operations(bus), return_exceptions=True)
        assert [BusDownError] * 7 == [type(outcome) for outcome in outcomes]
        assert heard_at == link.received_at
        assert not link.lost.done()
    async with asyncio.timeout(TIMEOUT_S):
        await publish(bus, [tick(seq=2)])
    link.close()


async def test_server_comes_back(bus: Bus, valkey: Valkey) -> None:
    """The same bus works again once its server is back, empty or not."""
    await publish(bus, [tick()])
    valkey.stop()
    with pytest.raises(BusDownError):
        await publish(bus, [tick()])
    valkey.start()
    await publish(bus, [tick(seq=9)])
    assert {"BTCUSDT": encode_tick(tick(seq=9))} == await last_ticks(bus.last_values)


async def test_restart_between_two_publishes(bus: Bus, valkey: Valkey) -> None:
    """A server that was restarted while nothing was to be published is not missed."""
    link = await listen(bus, [], RecordingReceiver())
    await publish(bus, [tick()])
    valkey.stop()
    async with asyncio.timeout(TIMEOUT_S):
        await link.lost
    valkey.start()
    await publish(bus, [tick(seq=2)])
    assert {"BTCUSDT": encode_tick(tick(seq=2))} == await last_ticks(bus.last_values)


async def test_store_of_a_server_that_comes_back(bus: Bus, valkey: Valkey) -> None:
    """The first command after a restart of the server is answered."""
    link = await listen(bus, [], RecordingReceiver())
    assert await lead(bus)
    valkey.stop()
    async with asyncio.timeout(TIMEOUT_S):
        await link.lost
    valkey.start()
    assert await bus.leadership.take_stand_by("test") is None
    assert await lead(bus, "they")


async def test_questions_that_are_cancelled(bus: Bus, valkey: Valkey) -> None:
    """After commands that were cancelled half-way the next ones get their own answers."""
    for number in range(20):
        await bus.tickets.put(f"{number}", b"%d" % number, 30)
    with valkey.frozen():
        asking = [asyncio.create_task(bus.tickets.take("none")) for _ in range(20)]
        await asyncio.sleep(0.01)
        for task in asking:
            task.cancel()
    await asyncio.wait(asking)
    taken = await asyncio.gather(*(bus.tickets.take(f"{number}") for number in range(20)))
    assert [b"%d" % number for number in range(20)] == taken


async def test_many_questions_at_once(bus: Bus, valkey: Valkey) -> None:
    """Any number of concurrent commands is served by a few connections."""
    before = valkey.command("INFO", "clients")["connected_clients"]
    for _ in range(3):
        await asyncio.gather(*(bus.tickets.put(f"{number}", b"it", 30) for number in range(500)))
        assert valkey.command("INFO", "clients")["connected_clients"] <= before + 8
    assert 500 == valkey.command("DBSIZE")
