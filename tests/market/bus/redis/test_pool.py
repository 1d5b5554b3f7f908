"""Connections to a server that is not, or is no longer, the one that the address means."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from deploy.ports import free_port
from market.bus import Bus, BusDownError, Lease, LeaseLostError, open_bus
from market.bus.redis.bus import RedisBus
from market.codec import encode_tick
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.bus.redis.scripted import ScriptedRedis
from tests.market.samples import beat, tick
from tests.proxy import Proxy
from tests.valkey import Valkey
from tests.waiting import until

LEASE = Lease("lease.test", "we", 30)
AT_ONCE = 4
"""Questions asked side by side, so that there are as many connections."""

READONLY = b"READONLY You can't write against a read only replica."
NOT_HERE = [
    READONLY,
    b"READONLY You can't write against a read only replica. script: on @user_script:1.",
    b"ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -READONLY You can't write",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    b"LOADING Redis is loading the dataset in memory",
    b"NOAUTH Authentication required.",
    b"MOVED 7629 127.0.0.1:6381",
    b"MOVED 7629 127.0.0.1:6381 script: on @user_script:1.",
    b"ASK 7629 127.0.0.1:6381",
    b"CLUSTERDOWN Hash slot not served",
    b"CROSSSLOT Keys in request don't hash to the same slot",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"NOREPLICAS Not enough good replicas to write.",
    b"BUSY Valkey is busy running a script. You can only call SCRIPT KILL or FUNCTION KILL.",
    b"MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    b"IDONTKNOW",
    b"ERR upstream failure",
]
QUESTIONS: dict[str, Callable[[Bus], Awaitable[object]]] = {
    "publish": lambda bus: bus.publish([tick()], beat(), lease=LEASE),
    "hold": lambda bus: bus.hold(LEASE),
    "take": lambda bus: bus.take("ticket.1"),
    "last_values": lambda bus: bus.last_values(),
}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedRedis]:
    """A server that says what a test wants."""
    async with ScriptedRedis() as server:
        yield server


@pytest.fixture
async def bus(server: ScriptedRedis) -> AsyncIterator[Bus]:
    """A bus on it, with some connections that have served."""
    bus = open_bus(server.url)
    await asyncio.gather(*(bus.take(f"ticket.{number}") for number in range(AT_ONCE)))
    assert (AT_ONCE, AT_ONCE) == (server.accepted, len(server.connections))
    yield bus
    await bus.aclose()


@pytest.mark.parametrize("refusal", NOT_HERE)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_refusal_condemns_every_connection(
    bus: Bus, server: ScriptedRedis, refusal: bytes, question: str
) -> None:
    """After one question that was refused no connection made before is left, and the next one is made anew."""
    server.refuse(refusal)
    with pytest.raises(BusDownError):
        await QUESTIONS[question](bus)
    await until(lambda: not server.connections)
    server.says = None
    for ask in QUESTIONS.values():
        await ask(bus)
    assert (AT_ONCE + 1, 1) == (server.accepted, len(server.connections))


async def test_a_refusal_condemns_connections_that_are_in_use(bus: Bus, server: ScriptedRedis) -> None:
    """A question that is under way when another is refused still gets its answer; then its connection is closed."""
    server.says = b""
    waiting = asyncio.create_task(bus.take("ticket.1"))
    await until(lambda: server.asked == AT_ONCE + 1)
    server.refuse(READONLY)
    with pytest.raises(BusDownError):
        await bus.hold(LEASE)
    await until(lambda: len(server.connections) == 1)
    server.say(b"$2\r\nit\r\n")
    assert b"it" == await waiting
    await until(lambda: not server.connections)


async def test_silence_condemns_every_connection(bus: Bus, server: ScriptedRedis) -> None:
    """When one question was not answered in time, no other waits on a connection that was there before."""
    server.says = b""
    with pytest.raises(BusDownError):
        await bus.take("ticket.1")
    await until(lambda: not server.connections)


async def test_nonsense_condemns_every_connection(bus: Bus, server: ScriptedRedis) -> None:
    """A peer that does not speak the protocol is left by every connection."""
    server.says = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with pytest.raises(BusDownError, match="protocol"):
        await bus.take("ticket.1")
    await until(lambda: not server.connections)


async def test_what_was_not_asked_for_answers_no_question(bus: Bus, server: ScriptedRedis) -> None:
    """A connection on which a peer spoke out of turn is not used again, so that no question gets another's answer."""
    server.say(b"$5\r\nwrong\r\n")
    await until(lambda: not server.connections)
    server.says = b"$2\r\nit\r\n$5\r\nwrong\r\n"
    assert b"it" == await bus.take("ticket.1")
    server.says = b"$2\r\nit\r\n"
    assert b"it" == await bus.take("ticket.1")


async def test_a_wrong_server_is_not_dialled_for_every_question(bus: Bus, server: ScriptedRedis) -> None:
    """However many questions a wrong server refuses, it is dialled a few times a second."""
    loop = asyncio.get_running_loop()
    server.refuse(READONLY)
    began, dialled = loop.time(), server.accepted
    for _ in range(50):
        outcomes = await asyncio.gather(*(bus.take("ticket.1") for _ in range(20)), return_exceptions=True)
        assert {BusDownError} == {type(outcome) for outcome in outcomes}
    renewals = 1 + (loop.time() - began) / 0.5
    assert server.accepted - dialled <= 8 * (1 + renewals)


async def test_a_lost_lease_condemns_nothing(bus: Bus, server: ScriptedRedis) -> None:
    """A server that refuses to publish without the lease is the right one."""
    server.refuse(b"LEASELOST the lease has run out or is of another")
    with pytest.raises(LeaseLostError):
        await bus.publish([tick()], lease=LEASE)
    server.says = None
    await bus.take("ticket.1")
    assert (AT_ONCE, AT_ONCE) == (server.accepted, len(server.connections))


async def test_a_dial_that_fails_condemns_nothing(bus: Bus, server: ScriptedRedis) -> None:
    """Where no further connection can be made, those there are serve on."""
    server.shut()
    server.says = b""
    asking = [asyncio.create_task(bus.take("ticket.1")) for _ in range(AT_ONCE)]
    await until(lambda: server.asked == 2 * AT_ONCE)
    for more in (bus.take("ticket.1"), bus.subscribe([], RecordingReceiver())):
        with pytest.raises(BusDownError):
            await more
    server.say(b"$-1\r\n")
    assert [None] * AT_ONCE == await asyncio.gather(*asking)
    assert AT_ONCE == len(server.connections)


async def test_subscribing_condemns_every_connection_made_before(bus: Bus, server: ScriptedRedis) -> None:
    """A subscription is made on a new connection, and what is asked after it on newer ones than before."""
    link = await bus.subscribe(["BTCUSDT"], RecordingReceiver())
    await until(lambda: len(server.connections) == 1)
    await bus.last_values()
    assert (AT_ONCE + 2, 2) == (server.accepted, len(server.connections))
    link.close()


async def test_a_missing_password_condemns_nothing(valkey: Valkey) -> None:
    """A password set while we run shuts out new connections only; those made before serve on, and links live."""
    bus = open_bus(valkey.url)
    link = await bus.subscribe(["BTCUSDT"], RecordingReceiver())
    await bus.publish([tick()])
    valkey.command("CONFIG", "SET", "requirepass", "sesame")
    try:
        for _ in range(3):
            outcomes = await asyncio.gather(*(bus.put("ticket.1", b"", 30) for _ in range(4)), return_exceptions=True)
            assert outcomes.count(None) == 1
            refusals = [str(error) for error in outcomes if error]
            assert ["Authentication required" in refusal for refusal in refusals] == [True] * 3
        await bus.publish([tick(seq=2)])
        assert not link.lost.done()
    finally:
        link.close()
        await bus.aclose()
        valkey.stop()


@pytest.fixture
def servers() -> Iterator[Callable[..., Valkey]]:
    """Starts Valkey servers of the test's own."""
    started = []

    def start(**config: str | int) -> Valkey:
        server = Valkey(**config)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


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
        assert await bus.hold(LEASE)
        await bus.publish([tick()], beat(), lease=LEASE)
        answer = fail_over(old)
        address.retarget(new.port)
        with pytest.raises(BusDownError, match=answer):
            await QUESTIONS[question](bus)
        assert await bus.hold(LEASE)
        await bus.publish([tick(seq=2)], beat(), lease=LEASE)
        assert {"BTCUSDT": encode_tick(tick(seq=2))} == await bus.last_values()
        assert new.last_values() == {b"BTCUSDT": encode_tick(tick(seq=2))}
        await bus.aclose()


async def test_reads_after_a_link_is_made_anew(servers: Callable[..., Valkey]) -> None:
    """A server that reads are still answered by is not asked any more once a link was made to its successor."""
    old, new = servers(), servers()
    old.command("HSET", "ticks", "BTCUSDT", b"old")
    new.command("HSET", "ticks", "BTCUSDT", b"new")
    async with Proxy(old.port) as address:
        bus = open_bus(f"redis://{address.address}/0")
        first = await bus.subscribe(["BTCUSDT"], RecordingReceiver())
        assert {"BTCUSDT": b"old"} == await bus.last_values()
        address.retarget(new.port)
        receiver = RecordingReceiver()
        second = await bus.subscribe(["BTCUSDT"], receiver)
        assert {"BTCUSDT": b"new"} == await bus.last_values()
        new.command("PUBLISH", "tick.BTCUSDT", b"newer")
        await receiver.until_count(1)
        for link in (first, second):
            link.close()
        await bus.aclose()


async def test_a_cluster_in_place_of_the_server(servers: Callable[..., Valkey]) -> None:
    """When the address led to a node of a cluster for a while, the bus works as soon as it leads to a server again."""
    bus_port = free_port()
    node = servers(cluster_enabled="yes", cluster_port=free_port())
    other = servers(cluster_enabled="yes", cluster_port=bus_port)
    server = servers()
    async with Proxy(node.port) as address:
        bus = open_bus(f"redis://{address.address}/0")
        with pytest.raises(BusDownError, match="CLUSTERDOWN"):
            await bus.last_values()
        other.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        node.command("CLUSTER", "MEET", "127.0.0.1", other.port, bus_port)
        await until(lambda: b"cluster_state:ok" in node.command("CLUSTER", "INFO"), within_s=20)
        for ask, answer in ((bus.last_values(), "MOVED"), (bus.publish([tick()]), "CROSSSLOT")):
            with pytest.raises(BusDownError, match=answer):
                await ask
        address.retarget(server.port)
        # The wrong node is not left at every question, but soon.
        async with asyncio.timeout(TIMEOUT_S):
            while not server.last_values():
                await asyncio.gather(bus.publish([tick()]), return_exceptions=True)
        await bus.aclose()


async def test_a_server_that_serves_on_alone_is_left_for_its_successor(servers: Callable[..., Valkey]) -> None:
    """A bus in use notices without any failure that its address leads to another primary."""
    old, new = servers(), servers()
    async with Proxy(old.port) as address:
        bus = RedisBus(f"redis://{address.address}/0", redial_s=0.05)
        await bus.publish([tick()])
        address.retarget(new.port)
        async with asyncio.timeout(TIMEOUT_S):
            while not new.last_values():
                await bus.publish([tick(seq=2)])
        await until(lambda: old.command("INFO", "clients")["connected_clients"] == 1)
        await bus.aclose()


@pytest.mark.parametrize("elsewhere", ["replica", "nowhere", "silent"])
async def test_a_server_that_works_is_not_left_for_one_that_does_not(
    servers: Callable[..., Valkey], elsewhere: str
) -> None:
    """While the address leads to a replica, to nothing or to a frozen server, the connections there are serve on."""
    good, other = servers(), servers()
    other.command("REPLICAOF", "127.0.0.1", free_port())
    async with Proxy(good.port) as address:
        bus = RedisBus(f"redis://{address.address}/0", redial_s=0.05)
        assert await bus.hold(LEASE)
        dialled = address.dialled
        address.retarget(free_port() if elsewhere == "nowhere" else other.port)
        if elsewhere == "silent":
            other.freeze()
        async with asyncio.timeout(TIMEOUT_S):
            seq = 1
            while address.dialled < dialled + (1 if elsewhere == "silent" else 3):
                seq += 1
                await bus.publish([tick(seq=seq)], beat(), lease=LEASE)
        for _ in range(20):
            await bus.publish([tick(seq=seq)], beat(), lease=LEASE)
        assert good.last_values() == {b"BTCUSDT": encode_tick(tick(seq=seq))}
        await bus.aclose()
        other.thaw()
