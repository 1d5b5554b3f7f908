"""What all last values promise."""

import pytest

from market.bus import Batch, Bus
from market.bus.last_values import MAX_TOPIC_BYTES
from tests.market.bus.receivers import RecordingReceiver


async def test_the_newest_of_each_topic(any_bus: Bus) -> None:
    """The last value of a topic is the last published one, sent or only kept, with or without subscribers."""
    assert {} == await any_bus.last_values.read(["a.1", "states"], max_bytes=9)
    await any_bus.broker.publish(Batch([("a.1", b"1"), ("b.1", b"1"), ("a.1", b"2")], values=[("states", b"1")]))
    await any_bus.broker.publish(Batch([("b.1", b"2")], values=[("states", b"2")]))
    expected = {"a.1": b"2", "b.1": b"2", "states": b"2"}
    assert expected == await any_bus.last_values.read(["states", "b.1", "a.1", "a.1", "z.1"], max_bytes=9)
    assert {} == await any_bus.last_values.read([], max_bytes=9)


@pytest.mark.parametrize("topic", ["nodot", "a.b.c", "币.币安人生", "a.coinbase:BTC-USD", "a b\t.\r\n"])
async def test_payloads_come_back_byte_for_byte(any_bus: Bus, topic: str) -> None:
    """Any bytes of any topic come back; a similar name is another topic."""
    for payload in (b"\x00\xff\r\n", b"", b"x" * 10_000):
        await any_bus.broker.publish(Batch([(topic, payload), (f"{topic}x", b"other")]))
        assert {topic: payload} == await any_bus.last_values.read([topic, f"{topic}y"], max_bytes=10_000)


async def test_what_is_too_long_is_not_fetched(any_bus: Bus) -> None:
    """A too long value is empty in the answer, and does not affect others."""
    await any_bus.broker.publish(Batch([("a.1", b"x" * 11), ("a.2", b"x" * 10)], values=[("states", b"x" * 11)]))
    expected = {"a.1": b"", "a.2": b"x" * 10, "states": b""}
    assert expected == await any_bus.last_values.read(expected, max_bytes=10)
    assert {"a.1": b"", "a.2": b"x" * 10} == await any_bus.last_values.read_all("a.", max_bytes=10)


async def test_all_that_begin_alike(any_bus: Bus) -> None:
    """Every topic below a kind, or below a part of one, can be asked for without knowing its name."""
    assert {} == await any_bus.last_values.read_all("tick.", max_bytes=9)
    topics = ["tick.A", "tick.k:A", "tick.k:B", "tick.k", "tickk.k:A", "tick", "k:A", "tick.币B2"]
    await any_bus.broker.publish(Batch([(topic, topic.encode()[-9:]) for topic in topics]))
    for prefix in ("tick.", "tick.k:", "tick.币", "tick.z"):
        expected = {topic: topic.encode()[-9:] for topic in topics if topic.startswith(prefix)}
        assert expected == await any_bus.last_values.read_all(prefix, max_bytes=9)


async def test_names_of_nobody(any_bus: Bus) -> None:
    """A topic with a name that is too long is left out where all are asked for."""
    longest = "a." + "x" * (MAX_TOPIC_BYTES - 2)
    await any_bus.broker.publish(Batch([(longest, b"1"), (f"{longest}x", b"2")]))
    assert {longest: b"1"} == await any_bus.last_values.read_all("a.", max_bytes=9)


async def test_they_are_there_before_their_update(any_bus: Bus) -> None:
    """A last value that is read on an update is that update or a newer one."""
    receiver = RecordingReceiver()
    link = await any_bus.broker.subscribe(["a.1"], receiver.receive)
    await any_bus.broker.publish(Batch([("a.1", b"7")]))
    await receiver.until_count(1)
    assert {"a.1": b"7"} == await any_bus.last_values.read(["a.1"], max_bytes=9)
    link.close()


async def test_a_barrier_is_not_kept(any_bus: Bus) -> None:
    """Barriers are sent and not kept."""
    await any_bus.broker.publish(Batch(barrier=("a.1", b"1")))
    assert {} == await any_bus.last_values.read(["a.1"], max_bytes=9)
