"""What only a bus with a server behind it can show."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from deploy.ports import free_port
from market.bus import Bus, BusDownError, BusUrlError, Lease, LeaseLostError, open_bus
from market.codec import encode_states, encode_tick
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.samples import beat, states, tick
from tests.valkey import Valkey
from tests.waiting import until

LEASE = Lease("lease.test", "we", 30)


def operations(bus: Bus) -> list[Coroutine[Any, Any, object]]:
    """One of everything that a bus can be asked."""
    return [
        bus.publish([tick()]),
        bus.last_values(),
        bus.subscribe(["BTCUSDT"], RecordingReceiver()),
        bus.put("ticket.1", b"", 30),
        bus.take("ticket.1"),
        bus.hold(LEASE),
        bus.release(LEASE),
    ]


@pytest.fixture
async def bus(valkey: Valkey) -> AsyncIterator[Bus]:
    """A bus on a running server."""
    bus = open_bus(valkey.url)
    yield bus
    await bus.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1:6379",
        "memory://x",
        "redis://127.0.0.1:port/0",
        "redis://127.0.0.1:70000/0",
        "redis://[::1/0",
        "redis://127.0.0.1:6379/zero",
        "redis://127.0.0.1:6379/0/1",
        "redis://127.0.0.1:6379/0?db=x",
        "redis://127.0.0.1:6379/0?nonsense=1",
        "redis://:sesame/street@127.0.0.1:6379/0",
    ],
)
def test_url_that_means_nothing(url: str) -> None:
    """A URL that no client can read is refused with the way to write one, and shows nothing of itself."""
    with pytest.raises(BusUrlError, match=r"write|remove") as refusal:
        open_bus(url)
    assert "sesame" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:sesame@example.org:6380/3", "redis example.org:6380 db 3"),
        ("rediss://:sesame@example.org", "redis example.org:6379 db 0"),
        ("unix:///run/valkey.sock?db=2", "redis /run/valkey.sock db 2"),
    ],
)
def test_name_shows_the_place_only(url: str, name: str) -> None:
    """A bus is named by its place; its password is in neither name nor representation."""
    bus = open_bus(url)
    assert name == bus.name
    assert "sesame" not in repr(bus)
    assert "sesame" not in repr(vars(bus))


async def test_layout_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """Ticks go to ``tick.<SYMBOL>``, beats to ``feed.status``, newest payloads to the hash ``ticks``."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", valkey.port)
        writer.write(b"PSUBSCRIBE *\r\n")
        await reader.readuntil(b":1\r\n")
        await bus.publish([tick("BTCUSDT", 5)], beat())
        stream = await reader.readuntil(b"feed.status\r\n")
    assert b"tick.BTCUSDT\r\n" in stream
    assert {b"BTCUSDT": encode_tick(tick("BTCUSDT", 5))} == valkey.last_values()
    writer.close()
    await writer.wait_closed()


async def test_strange_payloads_are_passed_on(bus: Bus, valkey: Valkey) -> None:
    """What is no tick reaches the receiver as it is: judging it is not the bus's work."""
    receiver = RecordingReceiver()
    link = await bus.subscribe(["BTCUSDT"], receiver)
    strange = [b"", b"garbage", b"\xff\x00\r\n", b"x" * 1_000_000]
    for payload in strange:
        valkey.command("PUBLISH", "tick.BTCUSDT", payload)
    valkey.command("PUBLISH", "feed.status", b"no beat")
    await receiver.until_count(5)
    assert [*(("BTCUSDT", payload) for payload in strange), ("beat", b"no beat")] == receiver.received
    link.close()


async def test_strange_last_values_are_passed_on(bus: Bus, valkey: Valkey) -> None:
    """Foreign fields in the hash, even ones that are not UTF-8, are no error."""
    valkey.command("HSET", "ticks", "BTCUSDT", b"garbage", b"\xff", b"x")
    values = await bus.last_values()
    assert b"garbage" == values["BTCUSDT"]
    assert 2 == len(values)
    assert {"BTCUSDT": b"garbage"} == await bus.last_values(["ETHUSDT", "BTCUSDT"])


@pytest.mark.parametrize("symbols", [None, ["BTCUSDT", "ETHUSDT"]], ids=["all", "some"])
async def test_what_is_too_long_for_a_tick_is_not_fetched(bus: Bus, valkey: Valkey, symbols: list[str] | None) -> None:
    """One value of megabytes keeps nobody from the others; a name of megabytes is nobody's."""
    await bus.publish([tick("ETHUSDT")])
    valkey.command("HSET", "ticks", "BTCUSDT", b"x" * 50_000_000)
    valkey.command("HSET", "ticks", "X" * 1_000_000, b"x")
    assert {"BTCUSDT": b"", "ETHUSDT": encode_tick(tick("ETHUSDT"))} == await bus.last_values(symbols)
    valkey.command("SET", "states", b"x" * 50_000_000)
    assert b"" == await bus.last_states()


@pytest.mark.parametrize("kind", ["string", "list"])
async def test_keys_of_another_kind_stop_nobody(bus: Bus, valkey: Valkey, kind: str) -> None:
    """Whatever somebody put in place of ours: it is nothing when it is read, and replaced when we write."""
    await bus.publish([tick()], beat(), states=states())
    for key in ("ticks", "states", "lease.test"):
        valkey.command("DEL", key)
        if kind == "list" or key == "ticks":
            valkey.command(*(("RPUSH", key, "x") if kind == "list" else ("SET", key, "x")))
    assert {} == await bus.last_values() == await bus.last_values(["BTCUSDT"])
    assert (b"" if kind == "list" else None) == await bus.last_states()
    with pytest.raises(LeaseLostError):
        await bus.publish([tick(seq=2)], lease=LEASE)
    assert await bus.hold(LEASE)
    await bus.publish([tick(seq=3)], beat(), states=states(), lease=LEASE)
    assert {"BTCUSDT": encode_tick(tick(seq=3))} == await bus.last_values()
    assert encode_states(states()) == await bus.last_states()


@pytest.mark.parametrize("expiry", [(), ("PX", 3_600_000)], ids=["without end", "of an hour"])
async def test_a_lease_that_nobody_extends_ends_however_long_it_is(
    bus: Bus, valkey: Valkey, expiry: tuple[str, int]
) -> None:
    """Another's is as long as ours would be, from the first time that it is in our way."""
    valkey.command("SET", "lease.test", "nobody", *expiry)
    lease = LEASE._replace(ttl_s=0.3)
    assert not await bus.hold(lease)
    assert 0 < valkey.command("PTTL", "lease.test") <= 300
    await until(lambda: not valkey.command("EXISTS", "lease.test"))
    assert await bus.hold(lease)


async def test_a_lease_of_another_is_not_made_longer(bus: Bus, valkey: Valkey) -> None:
    """However often we ask for it."""
    valkey.command("SET", "lease.test", "another", "PX", 5_000)
    for _ in range(5):
        assert not await bus.hold(LEASE)
    assert valkey.command("PTTL", "lease.test") <= 5_000


async def test_password(valkey: Valkey) -> None:
    """With the right password everything works; with none or a wrong one the bus counts as down."""
    valkey.command("CONFIG", "SET", "requirepass", "s/e@same")
    good = open_bus(f"redis://:s%2Fe%40same@127.0.0.1:{valkey.port}/0")
    others = [open_bus(valkey.url), open_bus(f"redis://:wrong@127.0.0.1:{valkey.port}/0")]
    try:
        receiver = RecordingReceiver()
        link = await good.subscribe(["BTCUSDT"], receiver)
        await good.publish([tick()])
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


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_link_is_lost_with_its_server(bus: Bus, valkey: Valkey, how: str) -> None:
    """When the server goes, or throws us out, `lost` tells at once."""
    link = await bus.subscribe(["BTCUSDT"], RecordingReceiver())
    if how == "stop":
        valkey.stop()
    else:
        valkey.command("CLIENT", "KILL", "TYPE", "pubsub")
    async with asyncio.timeout(TIMEOUT_S):
        reason = await link.lost
    assert reason
    link.ping()
    link.close()


async def test_unreachable_server() -> None:
    """Where nobody listens, every operation says that the bus is down."""
    bus = open_bus(f"redis://127.0.0.1:{free_port()}/0")
    for attempt in operations(bus):
        with pytest.raises(BusDownError):
            await attempt
    await bus.aclose()


async def test_frozen_server(bus: Bus, valkey: Valkey) -> None:
    """A server that takes bytes and answers none is down within three seconds, and back when it thaws."""
    receiver = RecordingReceiver()
    link = await bus.subscribe(["BTCUSDT"], receiver)
    await bus.publish([tick()])
    await receiver.until_count(1)
    with valkey.frozen():
        heard_at = link.heard_at
        link.ping()
        async with asyncio.timeout(3):
            outcomes = await asyncio.gather(*operations(bus), return_exceptions=True)
        assert [BusDownError] * 7 == [type(outcome) for outcome in outcomes]
        assert heard_at == link.heard_at
        assert not link.lost.done()
    async with asyncio.timeout(TIMEOUT_S):
        await bus.publish([tick(seq=2)])
    link.close()


async def test_server_comes_back(bus: Bus, valkey: Valkey) -> None:
    """The same bus works again once its server is back, empty or not."""
    await bus.publish([tick()])
    valkey.stop()
    with pytest.raises(BusDownError):
        await bus.publish([tick()])
    valkey.start()
    await bus.publish([tick(seq=9)])
    assert {"BTCUSDT": encode_tick(tick(seq=9))} == await bus.last_values()


async def test_refusal_to_subscribe(valkey: Valkey) -> None:
    """A user who may not read the channels is told so, at once."""
    valkey.command("ACL", "SETUSER", "narrow", "on", ">sesame", "+@all", "~*", "resetchannels")
    bus = open_bus(f"redis://narrow:sesame@127.0.0.1:{valkey.port}/0")
    async with asyncio.timeout(1):
        with pytest.raises(BusDownError, match="refused"):
            await bus.subscribe(["BTCUSDT"], RecordingReceiver())
    await bus.aclose()
    valkey.command("ACL", "DELUSER", "narrow")


async def test_restart_between_two_publishes(bus: Bus, valkey: Valkey) -> None:
    """A server that was restarted while nothing was to be published is not missed."""
    link = await bus.subscribe([], RecordingReceiver())
    await bus.publish([tick()])
    valkey.stop()
    async with asyncio.timeout(TIMEOUT_S):
        await link.lost
    valkey.start()
    await bus.publish([tick(seq=2)])
    assert {"BTCUSDT": encode_tick(tick(seq=2))} == await bus.last_values()


async def test_refusal_to_publish(bus: Bus, valkey: Valkey) -> None:
    """A server that refuses a command is down for us, with its reason, until it refuses no more."""
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(BusDownError, match="maxmemory"):
            await bus.publish([tick()])
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    await bus.publish([tick(seq=2)])
    assert {"BTCUSDT": encode_tick(tick(seq=2))} == await bus.last_values()


async def test_publishing_twice_at_once(bus: Bus, valkey: Valkey) -> None:
    """Publishes made side by side do not take each other's answers."""
    await asyncio.gather(*(bus.publish([tick(f"S{number}", seq) for seq in range(50)]) for number in range(20)))
    assert {f"S{number}": encode_tick(tick(f"S{number}", 49)) for number in range(20)} == await bus.last_values()


async def test_publish_that_is_cancelled(bus: Bus, valkey: Valkey) -> None:
    """After a publish that was cancelled half-way the next one is confirmed by its own answers."""
    await bus.publish([tick()])
    with valkey.frozen():
        publishing = asyncio.create_task(bus.publish([tick(seq=seq) for seq in range(100)]))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
    await bus.publish([tick(seq=200)], beat())
    assert {"BTCUSDT": encode_tick(tick(seq=200))} == await bus.last_values()


async def test_store_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """What is put, and a lease, are plain strings that expire, for an operator to look at."""
    await bus.put("ticket.1", b"it", 30)
    assert await bus.hold(LEASE)
    assert (b"it", b"we") == (valkey.command("GET", "ticket.1"), valkey.command("GET", "lease.test"))
    for key in ("ticket.1", "lease.test"):
        assert 29_000 < valkey.command("PTTL", key) <= 30_000


async def test_beat_extends_the_lease_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """A beat gives the lease its full time again; ticks alone leave it as it is."""
    assert await bus.hold(LEASE)
    for beats, expected_s in ((None, 30), (beat(), 900)):
        await bus.publish([tick()], beats, lease=LEASE._replace(ttl_s=900))
        assert expected_s - 5 < valkey.command("PTTL", "lease.test") / 1000 <= expected_s


async def test_publish_that_was_held_up(bus: Bus, valkey: Valkey) -> None:
    """What a frozen server works off only when its lease has run out is refused there."""
    valkey.command("CONFIG", "RESETSTAT")
    await bus.publish([tick(seq=1)])
    assert await bus.hold(LEASE._replace(ttl_s=1))
    with valkey.frozen(), pytest.raises(BusDownError):
        await bus.publish([tick(seq=2)], beat(), lease=LEASE)
    await until(lambda: valkey.command("INFO", "errorstats").get("errorstat_LEASELOST") == {"count": 1})
    assert {"BTCUSDT": encode_tick(tick(seq=1))} == await bus.last_values()


async def test_store_of_a_server_that_comes_back(bus: Bus, valkey: Valkey) -> None:
    """The first question to a server that was restarted is answered, as if nothing had been."""
    link = await bus.subscribe([], RecordingReceiver())
    assert await bus.hold(LEASE)
    valkey.stop()
    async with asyncio.timeout(TIMEOUT_S):
        await link.lost
    valkey.start()
    assert await bus.take("lease.test") is None
    assert await bus.hold(LEASE._replace(owner="they"))


async def test_questions_that_are_cancelled(bus: Bus, valkey: Valkey) -> None:
    """After questions that were cancelled half-way the next ones get their own answers."""
    for number in range(20):
        await bus.put(f"ticket.{number}", b"%d" % number, 30)
    with valkey.frozen():
        asking = [asyncio.create_task(bus.take("ticket.none")) for _ in range(20)]
        await asyncio.sleep(0.01)
        for task in asking:
            task.cancel()
    await asyncio.wait(asking)
    taken = await asyncio.gather(*(bus.take(f"ticket.{number}") for number in range(20)))
    assert [b"%d" % number for number in range(20)] == taken


async def test_many_questions_at_once(bus: Bus, valkey: Valkey) -> None:
    """However many ask at once, few connections serve them all, and they stay as few."""
    before = valkey.command("INFO", "clients")["connected_clients"]
    for _ in range(3):
        await asyncio.gather(*(bus.put(f"ticket.{number}", b"it", 30) for number in range(500)))
        assert valkey.command("INFO", "clients")["connected_clients"] <= before + 8
    assert 500 == valkey.command("DBSIZE")


async def test_refusal_to_store(bus: Bus, valkey: Valkey) -> None:
    """A server that refuses to store is down for us, with its reason."""
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(BusDownError, match="maxmemory"):
            await bus.hold(LEASE)
        with pytest.raises(BusDownError, match="maxmemory"):
            await bus.put("ticket.1", b"it", 30)
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    assert await bus.hold(LEASE)
