"""Publishing and receiving as only a server can show it."""

import asyncio

import pytest

from market.bus import Bus, BusDownError, open_bus
from market.wire.codec import encode_tick
from market.wire.topics import last_ticks
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.bus.using import lead, listen, publish
from tests.market.samples import heartbeat, tick
from tests.valkey import Valkey
from tests.waiting import until


async def test_strange_payloads_are_passed_on(bus: Bus, valkey: Valkey) -> None:
    """A payload that is no tick reaches the receiver unchanged: the bus does not check it."""
    receiver = RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    strange = [b"", b"garbage", b"\xff\x00\r\n", b"x" * 1_000_000]
    for payload in strange:
        valkey.command("PUBLISH", "tick.BTCUSDT", payload)
    valkey.command("PUBLISH", "feed.status", b"no beat")
    await receiver.until_count(5)
    assert [*(("BTCUSDT", payload) for payload in strange), ("beat", b"no beat")] == receiver.received
    link.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_link_is_lost_with_its_server(bus: Bus, valkey: Valkey, how: str) -> None:
    """When the server ends or disconnects us, `lost` is done at once."""
    link = await listen(bus, ["BTCUSDT"], RecordingReceiver())
    if how == "stop":
        valkey.stop()
    else:
        valkey.command("CLIENT", "KILL", "TYPE", "pubsub")
    async with asyncio.timeout(TIMEOUT_S):
        reason = await link.lost
    assert reason
    link.ping()
    link.close()


async def test_refusal_to_subscribe(valkey: Valkey) -> None:
    """A user who may not read the channels gets the error at the first attempt."""
    valkey.command("ACL", "SETUSER", "narrow", "on", ">sesame", "+@all", "~*", "resetchannels")
    valkey.command("CONFIG", "RESETSTAT")
    bus = open_bus(f"redis://narrow:sesame@127.0.0.1:{valkey.port}/0")
    with pytest.raises(BusDownError, match="refused"):
        await listen(bus, ["BTCUSDT"], RecordingReceiver())
    assert {"count": 1} == valkey.command("INFO", "errorstats")["errorstat_NOPERM"]
    await bus.aclose()
    valkey.command("ACL", "DELUSER", "narrow")


async def test_refusal_to_publish(bus: Bus, valkey: Valkey) -> None:
    """A server that refuses a command counts as down, with its reason, until it accepts one."""
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(BusDownError, match="maxmemory"):
            await publish(bus, [tick()])
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    await publish(bus, [tick(seq=2)])
    assert {"BTCUSDT": encode_tick(tick(seq=2))} == await last_ticks(bus.last_values)


async def test_publish_that_is_cancelled(bus: Bus, valkey: Valkey) -> None:
    """After a publish that was cancelled half-way the next one is confirmed by its own answers."""
    await publish(bus, [tick()])
    with valkey.frozen():
        publishing = asyncio.create_task(publish(bus, [tick(seq=seq) for seq in range(100)]))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
    await publish(bus, [tick(seq=200)], heartbeat())
    assert {"BTCUSDT": encode_tick(tick(seq=200))} == await last_ticks(bus.last_values)


async def test_heartbeat_extends_the_lease_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """A heartbeat gives the lease its full time again; ticks alone leave it as it is."""
    token = await lead(bus)
    assert token
    for heartbeats, expected_s in ((None, 30), (heartbeat(), 900)):
        await publish(bus, [tick()], heartbeats, token=token._replace(ttl_s=900))
        assert expected_s - 5 < valkey.command("PTTL", "lease.test") / 1000 <= expected_s


async def test_publish_that_was_held_up(bus: Bus, valkey: Valkey) -> None:
    """A publish that a frozen server processes after the lease's end is refused."""
    valkey.command("CONFIG", "RESETSTAT")
    await publish(bus, [tick(seq=1)])
    token = await lead(bus, ttl_s=1)
    with valkey.frozen(), pytest.raises(BusDownError):
        await publish(bus, [tick(seq=2)], heartbeat(), token=token)
    await until(lambda: valkey.command("INFO", "errorstats").get("errorstat_LEASELOST") == {"count": 1})
    assert {"BTCUSDT": encode_tick(tick(seq=1))} == await last_ticks(bus.last_values)
