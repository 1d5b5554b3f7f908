"""Terms on Kafka: what an earlier leader still sends is refused by the brokers, and what there is without a store."""

import asyncio
import logging

import pytest

from market.bus import Batch, Bus, BusDownError, BusOptions, LeaseLostError, NoStoreError, Token, open_bus
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.roles.records import drafts
from market.bus.kafka.roles.sender import Sender
from market.bus.memory import MemoryBus
from tests.kafka import fresh_url
from tests.market.bus.receivers import RecordingReceiver
from tests.valkey import Valkey

BARRIER = ("beats.all", b"a beat")


def bus_of(url: str, store: str = "") -> Bus:
    """One process's bus."""
    return open_bus(url, BusOptions(partitions=2, store_url=store))


async def led(bus: Bus, owner: str) -> Token:
    """The token of ``owner``, which can have the lease now."""
    token = await bus.leadership.acquire("poller", owner, 30)
    assert token is not None
    return token


async def test_the_brokers_refuse_an_earlier_leader(kafka_port: int) -> None:
    """Also in a partition in which it has just written, and also what its producer sends without asking anybody."""
    client = KafkaClient(fresh_url(kafka_port))
    await client.ensure_topics(2)
    old, new = (Sender(client, 2, "poller") for _ in range(2))
    await old.begin()
    await old.send(drafts(Batch(events=[("0#e", b"1")]), 2), [], end_transaction=False)
    await new.begin()
    for partition in (0, 1):
        with pytest.raises(LeaseLostError):
            await old.send(drafts(Batch(events=[(f"{partition}#e", b"2")]), 2), [], end_transaction=False)
    assert old.broken
    assert [1, 0] == [position - (position > 1) for position in new.positions]
    await new.send(drafts(Batch(events=[("0#e", b"3")]), 2), [], end_transaction=True)
    old.close()
    new.close()
    await client.aclose()


async def test_a_leader_whose_lease_was_taken_sends_nothing(kafka_port: int, valkey: Valkey) -> None:
    """The other one leads with the same store; what it finds as last values is final."""
    url = fresh_url(kafka_port)
    ours, theirs = bus_of(url, valkey.url), bus_of(url, valkey.url)
    token = await led(ours, "we")
    await ours.broker.publish(Batch([("a.1", b"1")], barrier=BARRIER), token=token)
    assert await theirs.leadership.acquire("poller", "they", 30) is None
    # As if we had been frozen: the store has forgotten us, and we do not know it.
    valkey.command("DEL", "lease.poller")
    their_token = await led(theirs, "they")
    assert {"a.1": b"1"} == await theirs.last_values.read(["a.1"], max_bytes=9)
    with pytest.raises(LeaseLostError, match=r"^lease poller is not held$"):
        await ours.broker.publish(Batch([("a.1", b"2")]), token=token)
    await theirs.broker.publish(Batch([("b.1", b"3")], barrier=BARRIER), token=their_token)
    assert {"a.1": b"1", "b.1": b"3"} == await theirs.last_values.read(["a.1", "b.1"], max_bytes=9)
    assert await ours.leadership.acquire("poller", "we", 30) is None
    await asyncio.gather(ours.aclose(), theirs.aclose())


async def test_without_a_store_the_newest_poller_leads(kafka_port: int, caplog: pytest.LogCaptureFixture) -> None:
    """The other one is told what is wrong, and does not take the lease back at once."""
    url = fresh_url(kafka_port)
    first, second = bus_of(url), bus_of(url)
    with caplog.at_level(logging.WARNING):
        token = await led(first, "first")
        await first.broker.publish(Batch([("a.1", b"1")], barrier=BARRIER), token=token)
        assert "no STORE_URL: nobody else may publish poller" in caplog.text
        newer = await led(second, "second")
        with pytest.raises(LeaseLostError):
            await first.broker.publish(Batch([("a.1", b"2")], barrier=BARRIER), token=token)
    assert "without STORE_URL only one may run" in caplog.text
    assert await first.leadership.acquire("poller", "first", 30) is None
    await second.broker.publish(Batch([("a.1", b"3")], barrier=BARRIER), token=newer)
    assert {"a.1": b"3"} == await second.last_values.read(["a.1"], max_bytes=9)
    assert await first.leadership.take_stand_by("poller") is None
    await asyncio.gather(first.aclose(), second.aclose())


async def test_without_a_store_there_are_no_tickets() -> None:
    """Who asks for one is told which setting is missing; nobody has one."""
    bus = bus_of("kafka://127.0.0.1:1")
    with pytest.raises(NoStoreError, match="STORE_URL"):
        await bus.tickets.put("key", b"value", 30)
    assert await bus.tickets.take("key") is None
    await bus.aclose()


async def test_a_poller_that_cannot_reach_the_brokers_leaves_the_lease_to_others(valkey: Valkey) -> None:
    """The store alone is no bus."""
    ours = bus_of("kafka://127.0.0.1:1", valkey.url)
    with pytest.raises(BusDownError, match=r"cannot be reached|did not answer"):
        await ours.leadership.acquire("poller", "we", 30)
    assert not valkey.command("EXISTS", "lease.poller")
    await ours.aclose()


async def test_last_values_survive_their_publisher(kafka_port: int) -> None:
    """Other processes find them, sent or only kept, written to the topic of last values or not yet."""
    url = fresh_url(kafka_port)
    publisher = bus_of(url)
    token = await led(publisher, "we")
    await publisher.broker.publish(Batch([("a.1", b"1")], [("b.1", b"1"), ("states", b"1")], BARRIER), token=token)
    await publisher.broker.publish(Batch([("a.1", b"2")], [("b.1", b"2")]), token=token)
    await publisher.aclose()
    reader = bus_of(url)
    expected = {"a.1": b"2", "b.1": b"2", "states": b"1"}
    assert expected == await reader.last_values.read(expected, max_bytes=9)
    later = bus_of(url)
    token = await led(later, "they")
    await later.broker.publish(Batch(values=[("b.1", b"3")], barrier=BARRIER), token=token)
    assert expected | {"b.1": b"3"} == await reader.last_values.read(expected, max_bytes=9)
    await asyncio.gather(later.aclose(), reader.aclose())


async def test_a_subscriber_hears_each_leader_once(kafka_port: int) -> None:
    """Transactions of leaders are not seen by readers: neither their ends nor that one was not ended."""
    url = fresh_url(kafka_port)
    receiver, reader = RecordingReceiver(), bus_of(url)
    await KafkaClient(url).ensure_topics(2)
    link = await reader.broker.subscribe(["0#e"], receiver.receive)
    for number in range(3):
        leader = bus_of(url)
        token = await led(leader, f"leader {number}")
        for count in range(3):
            await leader.broker.publish(Batch(events=[("0#e", b"%d %d" % (number, count))]), token=token)
    await receiver.until_count(9)
    assert [b"%d %d" % (number, count) for number in range(3) for count in range(3)] == [
        payload for _, payload in receiver.received
    ]
    link.close()


def test_the_memory_bus_can_be_a_store() -> None:
    """It is what a process has without one."""
    assert MemoryBus().leadership is not None
