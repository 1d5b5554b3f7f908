"""Where subscriptions begin, on a real broker."""

import asyncio

import pytest

from market.bus import Batch, BusDownError, BusOptions, open_bus
from market.bus.kafka.connection import subscription
from market.bus.kafka.connection.client import KafkaClient
from tests.kafka import fresh_url
from tests.market.bus.receivers import RecordingReceiver


def events(*numbers: int) -> Batch:
    """A kilobyte each, in partition 1."""
    return Batch(events=[("1#e.1", b"%06d" % number + b"x" * 1_000) for number in numbers])


def numbers_of(receiver: RecordingReceiver) -> list[int]:
    """The numbers of the events that came."""
    return [int(payload[:6]) for _, payload in receiver.received]


async def test_the_newest_of_the_history_comes_first(kafka_port: int) -> None:
    """Not more than was asked for, in order, and what is new behind it."""
    url = fresh_url(kafka_port)
    writer = open_bus(url, BusOptions(partitions=2))
    await writer.broker.publish(events(*range(300)))
    for size, least, most in ((0, 0, 0), (40_000, 10, 40), (10_000_000, 300, 300)):
        reader, receiver = open_bus(url, BusOptions(history_bytes=size)), RecordingReceiver()
        link = await reader.broker.subscribe(["1#e.1", "0#e.1"], receiver.receive)
        await writer.broker.publish(events(300))
        await receiver.until(lambda received: bool(received) and received[-1][1].startswith(b"000300"))
        numbers = numbers_of(receiver)
        assert numbers[0] >= 0
        history = [number for number in numbers if number < 300]
        assert history == list(range(300 - len(history), 300))
        assert least <= len(history) <= most
        link.close()
        await reader.aclose()
    await writer.aclose()


async def test_a_new_subscription_goes_on_where_the_last_one_stood(kafka_port: int) -> None:
    """What was published between the two is received, each once."""
    url = fresh_url(kafka_port)
    await KafkaClient(url).ensure_topics(2)
    writer, reader, receiver = open_bus(url, BusOptions(partitions=2)), open_bus(url), RecordingReceiver()
    link = await reader.broker.subscribe(["1#e.1"], receiver.receive)
    await writer.broker.publish(events(*range(10)))
    await receiver.until_count(10)
    link.close()
    await writer.broker.publish(events(*range(10, 20)))
    link = await reader.broker.subscribe(["1#e.1", "0#e.1"], receiver.receive)
    await receiver.until_count(20)
    await writer.broker.publish(events(20))
    await receiver.until_count(21)
    assert list(range(21)) == numbers_of(receiver)
    link.close()
    await asyncio.gather(reader.aclose(), writer.aclose())


async def test_old_barriers_are_no_sign_of_life(kafka_port: int) -> None:
    """They are left out of the history, and what stands between them is not."""
    url = fresh_url(kafka_port)
    writer = open_bus(url, BusOptions(partitions=2))
    for number in range(5):
        await writer.broker.publish(events(number)._replace(barrier=("beat.1", b"old")))
    reader, receiver = open_bus(url, BusOptions(history_bytes=1_000_000)), RecordingReceiver()
    link = await reader.broker.subscribe(["1#e.1", "1#beat.1"], receiver.receive)
    await writer.broker.publish(Batch(barrier=("beat.1", b"new")))
    await receiver.until_count(6)
    assert ["1#e.1"] * 5 + ["1#beat.1"] == [topic for topic, _ in receiver.received]
    assert b"new" == receiver.received[-1][1]
    link.close()
    await asyncio.gather(reader.aclose(), writer.aclose())


async def test_other_topics_have_a_history_of_their_own(kafka_port: int) -> None:
    """A subscription that reads more than the last one gets the history too."""
    url = fresh_url(kafka_port)
    writer = open_bus(url, BusOptions(partitions=2))
    await writer.broker.publish(events(*range(20)))
    reader, plain, receiver = (
        open_bus(url, BusOptions(history_bytes=1_000_000)),
        RecordingReceiver(),
        RecordingReceiver(),
    )
    first = await reader.broker.subscribe(["beat.1", "1#other"], plain.receive)
    second = await reader.broker.subscribe(["beat.1", "1#e.1"], receiver.receive)
    await receiver.until_count(20)
    assert list(range(20)) == numbers_of(receiver)
    first.close()
    second.close()
    await asyncio.gather(reader.aclose(), writer.aclose())


async def test_a_history_that_takes_too_long_keeps_nobody_from_starting(
    kafka_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be read in time, the next try has a quarter of it."""
    url = fresh_url(kafka_port)
    writer = open_bus(url, BusOptions(partitions=2))
    await writer.broker.publish(events(*range(300)))
    reader, receiver = open_bus(url, BusOptions(history_bytes=160_000)), RecordingReceiver()
    with monkeypatch.context() as slow:
        slow.setattr(subscription, "_HISTORY_S", 0.0)
        with pytest.raises(BusDownError, match="in time"):
            await reader.broker.subscribe(["1#e.1", "0#e.1"], receiver.receive)
    receiver.received.clear()
    link = await reader.broker.subscribe(["1#e.1", "0#e.1"], receiver.receive)
    assert 10 <= len(receiver.received) <= 40
    link.close()
    await asyncio.gather(reader.aclose(), writer.aclose())
