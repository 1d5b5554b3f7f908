"""Publishing and receiving as only a cluster with several partitions can show it."""

import asyncio

import pytest

from market.bus import Batch, Bus, BusDownError, LeaseLostError, Message, in_partition, open_bus, partition_of
from market.bus.redis.cluster.roles.layout import partition_key
from market.bus.registry import BusOptions
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.redis.cluster.conftest import PARTITIONS, Opener
from tests.market.bus.using import lead
from tests.valkey_cluster import ValkeyCluster

BARRIER = ("beats.all", b"a beat")
TOPICS = [f"tick.S{number}" for number in range(40)]


def in_each(name: str, payload: bytes) -> list[Message]:
    """A message for every partition."""
    return [(in_partition(name, number), payload) for number in range(PARTITIONS)]


def of(received: list[Message], number: int) -> list[Message]:
    """What was received of one partition."""
    return [message for message in received if partition_of(message[0], PARTITIONS) == number]


async def test_each_partition_has_its_order(bus: Bus) -> None:
    """In every partition events and updates come in the order of publishing, and the barrier behind them."""
    receiver = RecordingReceiver()
    topics = [*TOPICS, *(topic for name in ("b", BARRIER[0]) for topic, _ in in_each(name, b""))]
    link = await bus.broker.subscribe(topics, receiver.receive)
    expected: list[Message] = []
    for count in range(20):
        updates = [(topic, b"%d" % count) for topic in TOPICS]
        events = in_each("b", b"%d" % count)
        await bus.broker.publish(Batch(updates, events=events, barrier=BARRIER if count == 19 else None))
        expected += [*updates, *events]
    expected += in_each(*BARRIER)
    await receiver.until_count(len(expected))
    for number in range(PARTITIONS):
        assert of(expected, number) == of(receiver.received, number)
    link.close()


async def test_who_has_a_barrier_has_its_partition(bus: Bus) -> None:
    """When the barrier of a partition comes, everything published there has come, and its last values are kept."""
    receiver = RecordingReceiver()
    link = await bus.broker.subscribe([*TOPICS, *(topic for topic, _ in in_each(*BARRIER))], receiver.receive)
    publishing = asyncio.create_task(
        bus.broker.publish(
            Batch([(topic, b"1") for topic in TOPICS], [("states", b"all")], BARRIER),
        )
    )
    await receiver.until(lambda received: set(in_each(*BARRIER)) <= set(received))
    assert set(TOPICS) <= {topic for topic, _ in receiver.received}
    assert dict.fromkeys(TOPICS, b"1") == await bus.last_values.read(TOPICS, max_bytes=9)
    assert {"states": b"all"} == await bus.last_values.read(["states"], max_bytes=9)
    await publishing
    link.close()


async def test_one_connection_for_each_node(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """A subscription has one connection to each primary, however many partitions lie there."""
    link = await bus.broker.subscribe([topic for topic, _ in in_each("b", b"")], RecordingReceiver().receive)
    readers = [node.command("CLIENT", "LIST", "TYPE", "pubsub").count(b"\n") for node in valkey_cluster.nodes]
    assert [1, 1, 1, 0, 0, 0] == readers
    link.close()


async def test_a_batch_goes_to_its_partitions_only(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """A node that has nothing of a batch is not asked; only the first batch makes the number of partitions known."""
    await bus.broker.publish(Batch(events=[("4#b", b"1")]))
    assert {b"#partitions": b"6"} == valkey_cluster.values(0)
    for node in valkey_cluster.nodes:
        node.command("CONFIG", "RESETSTAT")
    await bus.broker.publish(Batch(events=[("4#b", b"2")]))
    asked = [b"cmdstat_eval:" in node.command("INFO", "commandstats") for node in valkey_cluster.nodes[:3]]
    assert [node is valkey_cluster.owner(4) for node in valkey_cluster.nodes[:3]] == asked


async def test_a_partition_refuses_by_itself(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """A publish of an earlier term is refused by every partition, also by one that the rest of the batch is not for."""
    ours, theirs = open_one(), open_one()
    old = await lead(ours)
    assert old
    await ours.leadership.release(old)
    assert await lead(theirs, "they")
    receiver = RecordingReceiver()
    link = await theirs.broker.subscribe([topic for topic, _ in in_each("b", b"")], receiver.receive)
    for event in in_each("b", b"late"):
        with pytest.raises(LeaseLostError, match=r"^lease test is not held$"):
            await ours.broker.publish(Batch(events=[event]), token=old)
    await theirs.broker.publish(Batch(events=in_each("b", b"now")))
    await receiver.until_count(PARTITIONS)
    assert {b"now"} == {payload for _, payload in receiver.received}
    for number in range(PARTITIONS):
        assert valkey_cluster.values(number)[b"#lease.test"].endswith(b" they")
    link.close()


async def test_a_fence_that_was_lost_refuses_and_is_raised_again(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """A partition that lost its data takes nothing more of the term until the leader has acquired again."""
    token = await lead(bus)
    valkey_cluster.owner(3).command("DEL", partition_key(3))
    with pytest.raises(LeaseLostError):
        await bus.broker.publish(Batch(events=[("3#b", b"1")]), token=token)
    assert token == await lead(bus)
    await bus.broker.publish(Batch(events=[("3#b", b"1")]), token=token)


@pytest.mark.parametrize("kind", ["string", "list"])
async def test_a_key_of_another_kind_is_replaced(bus: Bus, valkey_cluster: ValkeyCluster, kind: str) -> None:
    """Whatever somebody writes in place of a partition, publishing, reading and leading go on."""
    for number in range(PARTITIONS):
        words = ("SET",) if kind == "string" else ("RPUSH",)
        valkey_cluster.owner(number).command(*words, partition_key(number), "x")
    assert {} == await bus.last_values.read_all("tick.", max_bytes=9)
    await bus.broker.publish(Batch([(topic, b"1") for topic in TOPICS]))
    assert dict.fromkeys(TOPICS, b"1") == await bus.last_values.read_all("tick.", max_bytes=9)
    for number in range(PARTITIONS):
        node = valkey_cluster.owner(number)
        node.command("DEL", partition_key(number))
        node.command(*(("SET",) if kind == "string" else ("RPUSH",)), partition_key(number), "x")
    token = await lead(bus)
    await bus.broker.publish(Batch([(topic, b"2") for topic in TOPICS]), token=token)
    assert dict.fromkeys(TOPICS, b"2") == await bus.last_values.read(TOPICS, max_bytes=9)


async def test_another_number_of_partitions(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """The next leader may use more partitions or fewer: readers find the newest values, and no old ones elsewhere."""
    reader = open_one(1)
    for term, partitions in enumerate((6, 2, 8)):
        bus = open_one(partitions)
        token = await lead(bus, f"owner{term}")
        assert token
        value = b"%d" % term
        # Until the new leader publishes, the values of the old one are where they were.
        if term:
            assert dict.fromkeys(TOPICS, b"%d" % (term - 1)) == await reader.last_values.read(TOPICS, max_bytes=9)
        await bus.broker.publish(Batch(values=[(topic, value) for topic in TOPICS], barrier=BARRIER), token=token)
        assert dict.fromkeys(TOPICS, value) == await reader.last_values.read(TOPICS, max_bytes=9)
        assert dict.fromkeys(TOPICS, value) == await reader.last_values.read_all("tick.", max_bytes=9)
        await bus.leadership.release(token)


async def test_fewer_partitions_fence_those_that_are_left(open_one: Opener) -> None:
    """A leader with fewer partitions than the last one raises the fences of those too that it does not use."""
    before, after = open_one(6), open_one(2)
    old = await lead(before)
    assert old
    await before.broker.publish(Batch(barrier=BARRIER), token=old)
    await before.leadership.release(old)
    # As if the release had not reached these.
    assert await lead(before)
    renewed = await lead(before)
    assert renewed
    for number in (0, 1):
        await before.broker.publish(Batch(events=[(in_partition("b", number), b"1")]), token=renewed)
    await before.leadership.release(renewed)
    assert await lead(after, "they")
    for event in in_each("b", b"late"):
        with pytest.raises(LeaseLostError):
            await before.broker.publish(Batch(events=[event]), token=renewed)


async def test_strange_topics_in_every_partition(bus: Bus) -> None:
    """Values come back byte for byte, also of topics that begin like our own fields."""
    topics = [
        "#lease.test",
        "#partitions",
        "##x.y",
        "tick.}{",
        "tick.{tickgate:1}",
        "币.币安人生",
        "a b.\r\n",
        "#.",
        ".",
    ]
    await bus.broker.publish(Batch(values=[(topic, topic.encode()) for topic in topics]))
    assert {topic: topic.encode() for topic in topics} == await bus.last_values.read(topics, max_bytes=99)
    assert {"#lease.test": b"#lease.test"} == await bus.last_values.read_all("#lease.", max_bytes=99)


async def test_large_batches(bus: Bus) -> None:
    """A batch of thousands of values is kept whole."""
    topics = [f"tick.S{number}" for number in range(12_000)]
    await bus.broker.publish(Batch(values=[(topic, topic.encode()) for topic in topics]))
    found = await bus.last_values.read(topics, max_bytes=99)
    assert {topic: topic.encode() for topic in topics} == found
    assert found == await bus.last_values.read_all("tick.", max_bytes=99)


async def test_refusals(valkey_cluster: ValkeyCluster) -> None:
    """A user who may not read or write gets the reason at the first attempt."""
    for node in valkey_cluster.nodes:
        node.command("ACL", "SETUSER", "narrow", "on", ">sesame", "+@all", "~*", "resetchannels")
        node.command("CONFIG", "RESETSTAT")
    bus = open_bus(valkey_cluster.url.replace("://", "://narrow:sesame@"), BusOptions(partitions=2))

    def refused(times: int) -> bool:
        return valkey_cluster.owner(1).says("errorstats", b"errorstat_NOPERM:count=%d" % times)

    try:
        with pytest.raises(BusDownError, match="NOPERM"):
            await bus.broker.subscribe(["1#b"], RecordingReceiver().receive)
        assert refused(1)
        with pytest.raises(BusDownError, match="access a channel"):
            await bus.broker.publish(Batch(events=[("1#b", b"1")]))
        assert refused(2)
    finally:
        await bus.aclose()
        for node in valkey_cluster.nodes:
            node.command("ACL", "DELUSER", "narrow")
