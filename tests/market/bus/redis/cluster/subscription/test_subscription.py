"""A subscription to a real cluster whose partitions move."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from redis.exceptions import ResponseError

from market.bus import Batch, Bus, BusDownError, BusSubscription, Message, in_partition
from market.bus.redis.cluster.subscription.node_link import NodeLink
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.redis.cluster.conftest import PARTITIONS
from tests.valkey_cluster import ClusterNode, ValkeyCluster
from tests.waiting import until

TOPICS = [in_partition("b", number) for number in range(PARTITIONS)]


@pytest.fixture
async def link(bus: Bus, receiver: RecordingReceiver) -> AsyncIterator[BusSubscription]:
    """A subscription in all partitions."""
    link = await bus.broker.subscribe(TOPICS, receiver.receive)
    yield link
    link.close()


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Somebody who listens."""
    return RecordingReceiver()


def _offset(node: ClusterNode) -> bytes:
    """How much of its primary's data a node has, or of its own."""
    info: bytes = node.command("INFO", "replication")
    name = b"slave_repl_offset:" if b"role:slave" in info else b"master_repl_offset:"
    return info.split(name)[1].split()[0]


async def comes_through(bus: Bus, receiver: RecordingReceiver, word: bytes) -> None:
    """Publish in every partition, and wait until it has come from all."""
    async with asyncio.timeout(20):
        while not {(topic, word) for topic in TOPICS} <= set(receiver.received):
            # One of several partitions of a node may be read again before the others.
            await bus.broker.publish(Batch(events=[(topic, word) for topic in TOPICS]))
            await asyncio.sleep(0.02)


def another(cluster: ValkeyCluster, node: ClusterNode) -> ClusterNode:
    """A primary that is not ``node``."""
    return next(other for other in cluster.nodes[:3] if other is not node)


async def test_a_slot_that_moves_is_followed(
    bus: Bus, link: BusSubscription, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster
) -> None:
    """After a move the partition comes from its new node, over the same subscription, and the gap is told."""
    await comes_through(bus, receiver, b"1")
    assert not link.missed.is_set()
    for round_ in range(3):
        valkey_cluster.move(0, another(valkey_cluster, valkey_cluster.owner(0)))
        await asyncio.wait_for(link.missed.wait(), 20)
        link.missed.clear()
        await comes_through(bus, receiver, b"moved %d" % round_)
    assert not link.interrupted
    assert not link.lost.done()
    await bus.broker.publish(Batch(events=[(topic, b"once") for topic in TOPICS]))
    await receiver.until(lambda received: {(topic, b"once") for topic in TOPICS} <= set(received))
    assert [1] * PARTITIONS == [receiver.received.count((topic, b"once")) for topic in TOPICS]


async def test_a_gap_is_told_between_what_it_lies_between(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """An interruption is told behind the last message of before, and before the first one after it."""
    happened: list[bytes] = []

    def receive(batch: Sequence[Message]) -> None:
        happened.extend(payload for _, payload in batch)

    link = await bus.broker.subscribe(TOPICS[:1], receive)
    link.on_interrupt = lambda: happened.append(b"gap")
    for word in (b"before", b"after"):
        async with asyncio.timeout(20):
            while word not in happened:
                await bus.broker.publish(Batch(events=[(TOPICS[0], word)]))
                await asyncio.sleep(0.02)
        if word == b"before":
            valkey_cluster.move(0, another(valkey_cluster, valkey_cluster.owner(0)))
            await asyncio.wait_for(link.missed.wait(), 20)
    at = happened.index(b"gap")
    assert {b"before"} == set(happened[:at])
    assert {b"after"} == set(happened[at + 1 :])
    link.close()


async def test_a_slot_that_is_half_moved(
    bus: Bus, link: BusSubscription, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster
) -> None:
    """While its key is at the new node already, publishing goes on there; it is read again when the slot follows."""
    await comes_through(bus, receiver, b"before")
    to = another(valkey_cluster, valkey_cluster.owner(0))
    source = valkey_cluster.begin_move(0, to)
    await comes_through(bus, receiver, b"open")
    await bus.broker.publish(Batch(values=[("states", b"1")]))
    valkey_cluster.move_keys(0, source, to)
    await bus.broker.publish(Batch(values=[("states", b"2")], events=[(TOPICS[0], b"unheard")]))
    assert {"states": b"2"} == await bus.last_values.read(["states"], max_bytes=9)
    valkey_cluster.end_move(0, source, to)
    await asyncio.wait_for(link.missed.wait(), 20)
    await comes_through(bus, receiver, b"moved")
    assert {"states": b"2"} == await bus.last_values.read(["states"], max_bytes=9)
    assert (TOPICS[0], b"unheard") not in receiver.received


@pytest.mark.parametrize("how", [(), ("FORCE",), ("TAKEOVER",)])
async def test_a_replica_that_takes_over_when_told(
    bus: Bus,
    link: BusSubscription,
    receiver: RecordingReceiver,
    valkey_cluster: ValkeyCluster,
    how: tuple[str, ...],
) -> None:
    """All partitions of the primary are read from the replica, and what was kept is kept."""
    await bus.broker.publish(Batch([("tick.A", b"1"), ("tick.B", b"1")], [("states", b"1")]))
    primary = valkey_cluster.owner(0)
    # A forced failover does not wait for what the replica has not received yet.
    await until(lambda: _offset(primary) == _offset(valkey_cluster.replica_of(primary)))
    await valkey_cluster.fail_over(0, *how)
    await asyncio.wait_for(link.missed.wait(), 20)
    await comes_through(bus, receiver, b"after")
    expected = {"tick.A": b"1", "tick.B": b"1", "states": b"1"}
    assert expected == await bus.last_values.read(expected, max_bytes=9)
    assert not link.lost.done()


async def test_a_connection_that_is_cut(
    bus: Bus, link: BusSubscription, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster
) -> None:
    """A node that ends our connection is connected to again, and the gap is told."""
    valkey_cluster.owner(1).command("CLIENT", "KILL", "TYPE", "pubsub")
    await asyncio.wait_for(link.missed.wait(), 20)
    await comes_through(bus, receiver, b"again")
    assert not link.lost.done()


async def test_a_silent_node_is_told_and_the_others_go_on(
    bus: Bus, link: BusSubscription, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster
) -> None:
    """A frozen node interrupts its partitions only; when it goes on, they are read again."""
    await comes_through(bus, receiver, b"before")
    node = valkey_cluster.owner(1)
    with node.frozen():
        async with asyncio.timeout(20):
            while not link.interrupted:
                link.ping()
                await asyncio.sleep(0.05)
        others = [topic for number, topic in enumerate(TOPICS) if valkey_cluster.owner_of(number) is not node]
        await bus.broker.publish(Batch(events=[(topic, b"meanwhile") for topic in others]))
        await receiver.until(lambda received: {(topic, b"meanwhile") for topic in others} <= set(received))
        assert not link.missed.is_set()
    await asyncio.wait_for(link.missed.wait(), 20)
    await comes_through(bus, receiver, b"after")
    assert not link.interrupted


async def test_a_check_finds_what_no_node_has_told(
    bus: Bus, link: BusSubscription, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster
) -> None:
    """A subscription that knows a better node than the one that it reads moves there before it leaves the old one."""
    from market.bus.redis.cluster.subscription.subscription import ClusterSubscription

    assert isinstance(link, ClusterSubscription)
    await comes_through(bus, receiver, b"before")
    seat = link._seats[0]
    assert seat.link is not None
    old = seat.link
    # As if the old node were cut off: it neither unsubscribes us nor knows who has the slot.
    old._unsubscribed = lambda *_: None
    valkey_cluster.move(0, another(valkey_cluster, valkey_cluster.owner(0)))
    async with asyncio.timeout(20):
        while not link.missed.is_set():
            # Some nodes hear of a move later than others.
            link._check_at = 0.0
            link.ping()
            await asyncio.sleep(0.05)
    await comes_through(bus, receiver, b"after")
    assert seat.link is not old


async def test_closing_in_the_middle_of_it(bus: Bus, link: BusSubscription, valkey_cluster: ValkeyCluster) -> None:
    """A subscription that is closed while a partition is looked for leaves nothing behind and calls nobody."""
    from market.bus.redis.cluster.subscription.subscription import ClusterSubscription

    assert isinstance(link, ClusterSubscription)
    node = valkey_cluster.owner(1)
    node.command("CLIENT", "KILL", "TYPE", "pubsub")
    with node.frozen():
        await until(lambda: any(seat.placing and not seat.placing.done() for seat in link._seats))
        link.close()
        assert "closed" == link.lost.result()
        link.ping()
    await until(lambda: not node.command("CLIENT", "LIST", "TYPE", "pubsub"))
    assert not link.missed.is_set()


async def test_where_one_partition_is_refused_the_others_end(
    bus: Bus, receiver: RecordingReceiver, valkey_cluster: ValkeyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that could not be opened does not go on to connect: the next try has its own connections."""
    really = NodeLink.subscribe

    async def subscribe(link: NodeLink, channels: Mapping[bytes, str]) -> None:
        if TOPICS[0] in channels.values():
            raise ResponseError("NOPERM not this one")
        # These are still at it when the first one is refused.
        await until(lambda: not link.alive)
        monkeypatch.setattr(NodeLink, "subscribe", really)
        await really(link, channels)

    monkeypatch.setattr(NodeLink, "subscribe", subscribe)
    with pytest.raises(BusDownError, match="not this one"):
        await bus.broker.subscribe(TOPICS, receiver.receive)
    assert "_place" not in str(asyncio.all_tasks())
    for node in valkey_cluster.nodes:
        await until(lambda: not node.command("CLIENT", "LIST", "TYPE", "pubsub"))  # noqa: B023 # awaited here
