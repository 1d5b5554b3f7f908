"""A bus whose address leads to another server: real ones, which fail over."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from deploy.ports import free_port
from market.bus import Bus, BusDownError, Token, open_bus
from market.bus.redis.bus import RedisBus
from market.wire.codec import encode_tick
from market.wire.topics import last_ticks
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.bus.using import lead, listen, publish
from tests.market.samples import heartbeat, tick
from tests.proxy import Proxy
from tests.valkey import Valkey
from tests.waiting import until

TOKEN = Token("test", "we", 1, 30)
AT_ONCE = 4
"""Questions asked side by side, so that there are as many connections."""

QUESTIONS: dict[str, Callable[[Bus], Awaitable[object]]] = {
    "publish": lambda bus: publish(bus, [tick()], heartbeat(), token=TOKEN),
    "hold": lead,
    "take": lambda bus: bus.tickets.take("1"),
    "last_values": lambda bus: last_ticks(bus.last_values),
}


def _demote(server: Valkey) -> str:
    """As Sentinel or an operator does it; the new primary is another's business here."""
    server.command("REPLICAOF", "127.0.0.1", free_port())
    return "READONLY"


def _cut_off(server: Valkey) -> str:
    """Demoted, and without a link to its primary it answers no question at all."""
    server.command("CONFIG", "SET", "replica-serve-stale-data", "no")
    server.command("REPLICAOF", "127.0.0.1", free_port())
    return "MASTERDOWN|READONLY"


def _isolate(server: Valkey) -> str:
    """Left alone by its replicas, it takes no writes."""
    server.command("CONFIG", "SET", "min-replicas-to-write", "1")
    return "NOREPLICAS"


@pytest.mark.parametrize("fail_over", [_demote, _cut_off, _isolate])
@pytest.mark.parametrize("question", ["publish", "hold"])
async def test_failover_behind_an_address(
    servers: Callable[..., Valkey], fail_over: Callable[[Valkey], str], question: str
) -> None:
    """The second try after a failover reaches the new server, though no connection to the old one was cut."""
    old, new = servers(), servers()
    async with Proxy(old.port) as address:
        bus = open_bus(f"redis://{address.address}/0")
        token = await lead(bus)
        await publish(bus, [tick()], heartbeat(), token=token)
        answer = fail_over(old)
        address.retarget(new.port)
        with pytest.raises(BusDownError, match=answer):
            await QUESTIONS[question](bus)
        token = await lead(bus)
        await publish(bus, [tick(seq=2)], heartbeat(), token=token)
        assert {"BTCUSDT": encode_tick(tick(seq=2))} == await last_ticks(bus.last_values)
        assert new.last_values() == {b"BTCUSDT": encode_tick(tick(seq=2))}
        await bus.aclose()


async def test_reads_after_a_link_is_made_anew(servers: Callable[..., Valkey]) -> None:
    """After a link to a successor the old server, which still answers reads, is not asked any more."""
    old, new = servers(), servers()
    old.command("HSET", "ticks", "BTCUSDT", b"old")
    new.command("HSET", "ticks", "BTCUSDT", b"new")
    async with Proxy(old.port) as address:
        bus = open_bus(f"redis://{address.address}/0")
        first = await listen(bus, ["BTCUSDT"], RecordingReceiver())
        assert {"BTCUSDT": b"old"} == await last_ticks(bus.last_values)
        address.retarget(new.port)
        receiver = RecordingReceiver()
        second = await listen(bus, ["BTCUSDT"], receiver)
        assert {"BTCUSDT": b"new"} == await last_ticks(bus.last_values)
        new.command("PUBLISH", "tick.BTCUSDT", b"newer")
        await receiver.until_count(1)
        for link in (first, second):
            link.close()
        await bus.aclose()


async def test_a_cluster_in_place_of_the_server(servers: Callable[..., Valkey]) -> None:
    """After the address has led to a cluster node, the bus works as soon as it leads to a server again."""
    bus_port = free_port()
    node = servers(cluster_enabled="yes", cluster_port=free_port())
    other = servers(cluster_enabled="yes", cluster_port=bus_port)
    server = servers()
    async with Proxy(node.port) as address:
        bus = open_bus(f"redis://{address.address}/0")
        with pytest.raises(BusDownError, match="CLUSTERDOWN"):
            await last_ticks(bus.last_values)
        other.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        node.command("CLUSTER", "MEET", "127.0.0.1", other.port, bus_port)
        await until(lambda: b"cluster_state:ok" in node.command("CLUSTER", "INFO"), within_s=20)
        for ask, answer in ((last_ticks(bus.last_values), "MOVED"), (publish(bus, [tick()]), "CROSSSLOT")):
            with pytest.raises(BusDownError, match=answer):
                await ask
        address.retarget(server.port)
        # The wrong node is not left at every question, but soon.
        async with asyncio.timeout(TIMEOUT_S):
            while not server.last_values():
                await asyncio.gather(publish(bus, [tick()]), return_exceptions=True)
        await bus.aclose()


async def test_a_server_that_serves_on_alone_is_left_for_its_successor(servers: Callable[..., Valkey]) -> None:
    """A bus in use notices without any failure that its address leads to another primary."""
    old, new = servers(), servers()
    async with Proxy(old.port) as address:
        bus = RedisBus(f"redis://{address.address}/0", redial_s=0.05)
        await publish(bus, [tick()])
        address.retarget(new.port)
        async with asyncio.timeout(TIMEOUT_S):
            while not new.last_values():
                await publish(bus, [tick(seq=2)])
        await until(lambda: old.command("INFO", "clients")["connected_clients"] == 1)
        await bus.aclose()


@pytest.mark.parametrize("elsewhere", ["replica", "nowhere", "silent"])
async def test_a_server_that_works_is_not_left_for_one_that_does_not(
    servers: Callable[..., Valkey], elsewhere: str
) -> None:
    """While the address leads to a replica, to nothing or to a frozen server, present connections are still used."""
    good, other = servers(), servers()
    other.command("REPLICAOF", "127.0.0.1", free_port())
    async with Proxy(good.port) as address:
        bus = RedisBus(f"redis://{address.address}/0", redial_s=0.05)
        token = await lead(bus)
        dialled = address.dialled
        address.retarget(free_port() if elsewhere == "nowhere" else other.port)
        if elsewhere == "silent":
            other.freeze()
        async with asyncio.timeout(TIMEOUT_S):
            seq = 1
            while address.dialled < dialled + (1 if elsewhere == "silent" else 3):
                seq += 1
                await publish(bus, [tick(seq=seq)], heartbeat(), token=token)
        for _ in range(20):
            await publish(bus, [tick(seq=seq)], heartbeat(), token=token)
        assert good.last_values() == {b"BTCUSDT": encode_tick(tick(seq=seq))}
        await bus.aclose()
        other.thaw()
