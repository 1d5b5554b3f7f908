"""What every broker promises."""

import asyncio
from collections.abc import Sequence

import pytest

from market.bus import Batch, Bus, LeaseLostError, Message, in_partition, partition_of
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import SOON, until_free
from tests.waiting import HANGS_AFTER_S, until

BARRIER = ("beats.all", b"a beat")


def numbered(topic: str, *numbers: int) -> list[Message]:
    """Messages of ``topic`` that can be told apart."""
    return [(topic, b"%d" % number) for number in numbers]


def by_partition(bus: Bus, messages: Sequence[Message]) -> list[Message]:
    """``messages`` as far as their order is promised: partition by partition. The plain barrier is of the first."""
    return sorted(messages, key=lambda its: 0 if its[0] == BARRIER[0] else partition_of(its[0], bus.broker.partitions))


async def test_delivers_in_order(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """Updates arrive byte for byte, in each partition in the order of publishing, within one batch and across."""
    link = await any_bus.broker.subscribe(["a.1", "b.1"], receiver.receive)
    batches = [[("a.1", b"\x00\xff\r\n"), ("b.1", b""), ("a.1", b"2")], numbered("a.1", 3)]
    for updates in batches:
        await any_bus.broker.publish(Batch(updates))
    await receiver.until_count(4)
    expected = [message for updates in batches for message in updates]
    assert by_partition(any_bus, expected) == by_partition(any_bus, receiver.received)
    link.close()


@pytest.mark.parametrize("topic", ["nodot", "a.b.c", "币.币安人生", "coinbase:BTC-USD", "a b\t.\r\n", ".x", "x."])
async def test_topics_are_opaque(any_bus: Bus, receiver: RecordingReceiver, topic: str) -> None:
    """Any string that names no partition is a topic: with dots or without, in any script, with blanks, line ends."""
    link = await any_bus.broker.subscribe([topic], receiver.receive)
    await any_bus.broker.publish(
        Batch([(topic, b"1"), (f"{topic}x", b"2")], values=[(topic, b"3")], barrier=(topic, b"4"))
    )
    await receiver.until_count(2)
    # The barrier comes with partition 0, which need not be that of its topic.
    assert [(topic, b"1"), (topic, b"4")] == sorted(receiver.received)
    link.close()


async def test_says_whether_it_keeps_a_history(any_bus: Bus) -> None:
    """A bus with a history of its own says in how many partitions; any other says 0."""
    keeps = any_bus.name.startswith("kafka")
    assert (any_bus.broker.partitions if keeps else 0) == await any_bus.broker.history_partitions()


async def test_delivers_what_was_asked_for(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """A subscriber gets the topics it named and no others; a barrier is a topic like any other."""
    witness = RecordingReceiver()
    links = [
        await any_bus.broker.subscribe(["b.1"], receiver.receive),
        await any_bus.broker.subscribe(["b.1", BARRIER[0]], witness.receive),
    ]
    await any_bus.broker.publish(Batch([("a.1", b"1"), ("b.1", b"2"), ("b.12", b"3")], barrier=BARRIER))
    await witness.until_count(2)
    await receiver.until_count(1)
    assert sorted([("b.1", b"2"), BARRIER]) == sorted(witness.received)
    assert [("b.1", b"2")] == receiver.received
    for link in links:
        link.close()


async def test_a_subscription_to_nothing(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """No topic at all is allowed; the subscription lives, and receives nothing."""
    link = await any_bus.broker.subscribe([], receiver.receive)
    before = link.received_at
    await any_bus.broker.publish(Batch(numbered("a.1", 1), barrier=BARRIER))
    link.ping()
    await until(lambda: link.received_at > before)
    assert [] == receiver.received
    link.close()


async def test_a_barrier_comes_after_its_updates(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """A subscriber with the barrier of a partition has every update published there before it or with it."""
    topics = [f"a.{number}" for number in range(50)]
    barriers = [(in_partition(BARRIER[0], number), BARRIER[1]) for number in range(any_bus.broker.partitions)]
    link = await any_bus.broker.subscribe([*topics, *(topic for topic, _ in barriers)], receiver.receive)
    before, with_it = ([message for topic in topics for message in numbered(topic, *range(5))] for _ in range(2))
    await any_bus.broker.publish(Batch(before))
    await any_bus.broker.publish(Batch(with_it, barrier=BARRIER))
    await receiver.until(lambda received: set(barriers) <= set(received))
    expected = by_partition(any_bus, [*before, *with_it, *barriers])
    assert expected == by_partition(any_bus, receiver.received)
    link.close()


async def test_the_barrier_comes_in_each_partition(any_bus: Bus) -> None:
    """Each partition has its own copy of the barrier, behind everything that was published there."""
    receivers = {number: RecordingReceiver() for number in range(any_bus.broker.partitions)}
    links = [
        await any_bus.broker.subscribe([in_partition("b.1", number), in_partition(BARRIER[0], number)], its.receive)
        for number, its in receivers.items()
    ]
    events = [(in_partition("b.1", number), b"%d %d" % (number, count)) for count in range(3) for number in receivers]
    await any_bus.broker.publish(Batch(events=events[: len(receivers)]))
    await any_bus.broker.publish(Batch(events=events[len(receivers) :], barrier=BARRIER))
    for number, its in receivers.items():
        await its.until_count(4)
        ours = [event for event in events if event[0] == in_partition("b.1", number)]
        assert [*ours, (in_partition(BARRIER[0], number), BARRIER[1])] == its.received
    for link in links:
        link.close()


async def test_the_plain_barrier_is_that_of_the_first_partition(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """A subscriber that knows no partitions gets the barrier once, behind everything that is in partition 0."""
    link = await any_bus.broker.subscribe([BARRIER[0], "0#b.1"], receiver.receive)
    await any_bus.broker.publish(Batch(events=[("0#b.1", b"1"), ("0#b.1", b"2")], barrier=BARRIER))
    await receiver.until_count(3)
    assert [("0#b.1", b"1"), ("0#b.1", b"2"), BARRIER] == receiver.received
    link.close()


async def test_events_are_sent_and_not_kept(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """Events reach who reads their partition, and become no last values."""
    link = await any_bus.broker.subscribe(["0#b.1"], receiver.receive)
    await any_bus.broker.publish(Batch(events=[("0#b.1", b"1"), ("0#c.1", b"2"), ("0#b.1", b"3")]))
    await receiver.until_count(2)
    assert [("0#b.1", b"1"), ("0#b.1", b"3")] == receiver.received
    assert {} == await any_bus.last_values.read(["0#b.1", "b.1"], max_bytes=9)
    link.close()


async def test_values_are_kept_and_not_sent(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """Values that are only kept reach no subscriber, and are there when the barrier comes."""
    link = await any_bus.broker.subscribe(["states", BARRIER[0]], receiver.receive)
    publishing = asyncio.create_task(any_bus.broker.publish(Batch(values=[("states", b"all")], barrier=BARRIER)))
    await receiver.until_count(1)
    assert {"states": b"all"} == await any_bus.last_values.read(["states"], max_bytes=9)
    await publishing
    assert [BARRIER] == receiver.received
    link.close()


async def test_each_subscriber_gets_its_own(any_bus: Bus) -> None:
    """Two subscribers each get exactly what they asked for, the shared topic both."""
    first, second = RecordingReceiver(), RecordingReceiver()
    links = [
        await any_bus.broker.subscribe(["a.1", "b.1"], first.receive),
        await any_bus.broker.subscribe(["b.1", "c.1"], second.receive),
    ]
    await any_bus.broker.publish(Batch([("a.1", b"1"), ("b.1", b"2"), ("c.1", b"3")]))
    await first.until_count(2)
    await second.until_count(2)
    assert [("a.1", b"1"), ("b.1", b"2")] == sorted(first.received)
    assert [("b.1", b"2"), ("c.1", b"3")] == sorted(second.received)
    for link in links:
        link.close()


async def test_publishing_nothing_is_allowed(any_bus: Bus) -> None:
    """An empty batch changes nothing and is no error."""
    await any_bus.broker.publish(Batch())
    await any_bus.broker.publish(Batch([], [], None))


async def test_publishing_side_by_side(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """Batches that are published side by side all arrive, each topic in its order."""
    link = await any_bus.broker.subscribe([f"a.{number}" for number in range(20)], receiver.receive)
    await asyncio.gather(*(any_bus.broker.publish(Batch(numbered(f"a.{number}", *range(50)))) for number in range(20)))
    await receiver.until_count(1000)
    for number in range(20):
        assert numbered(f"a.{number}", *range(50)) == [its for its in receiver.received if its[0] == f"a.{number}"]
    link.close()


async def test_a_closed_subscription_receives_nothing(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """After close nothing is received, `lost` is done, and closing again is allowed."""
    link = await any_bus.broker.subscribe(["a.1"], receiver.receive)
    witness = RecordingReceiver()
    other = await any_bus.broker.subscribe(["a.1"], witness.receive)
    assert not link.lost.done()
    link.close()
    link.close()
    link.ping()
    assert "closed" == link.lost.result()
    await any_bus.broker.publish(Batch(numbered("a.1", 1)))
    await witness.until_count(1)
    assert [] == receiver.received
    other.close()


async def test_closing_from_within_a_delivery(any_bus: Bus) -> None:
    """A receiver may close its subscription from within a call; it is not called after that."""
    calls = []

    def receive(batch: Sequence[Message]) -> None:
        calls.append(batch)
        link.close()

    witness = RecordingReceiver()
    link = await any_bus.broker.subscribe(["a.1"], receive)
    other = await any_bus.broker.subscribe(["a.1"], witness.receive)
    await any_bus.broker.publish(Batch(numbered("a.1", 0)))
    # What the witness has received says nothing of the other one: subscriptions of Kafka read by themselves.
    await until(lambda: calls)
    for number in (1, 2):
        await any_bus.broker.publish(Batch(numbered("a.1", number)))
    await witness.until_count(3)
    assert 1 == len(calls)
    other.close()


async def test_signs_of_life(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """The answer to a ping moves `received_at`, though nothing was published; a message does as well."""
    link = await any_bus.broker.subscribe(["a.1"], receiver.receive)
    before = link.received_at
    link.ping()
    await until(lambda: link.received_at > before)
    assert [] == receiver.received
    before = link.received_at
    await any_bus.broker.publish(Batch(numbered("a.1", 1)))
    await receiver.until_count(1)
    assert before < link.received_at <= asyncio.get_running_loop().time()
    link.close()


async def test_publishing_with_a_token(any_bus: Bus, receiver: RecordingReceiver) -> None:
    """A leader publishes with its token as others do without one."""
    link = await any_bus.broker.subscribe(["a.1", BARRIER[0]], receiver.receive)
    token = await until_free(any_bus)
    await any_bus.broker.publish(Batch(numbered("a.1", 1, 2)), token=token)
    await any_bus.broker.publish(Batch(numbered("a.1", 3), barrier=BARRIER), token=token)
    await receiver.until_count(4)
    assert by_partition(any_bus, [*numbered("a.1", 1, 2, 3), BARRIER]) == by_partition(any_bus, receiver.received)
    assert {"a.1": b"3"} == await any_bus.last_values.read(["a.1"], max_bytes=9)
    link.close()


@pytest.mark.parametrize("then", ["free", "theirs", "ours again", "theirs, and ours again"])
async def test_a_token_of_a_term_that_is_over(any_bus: Bus, receiver: RecordingReceiver, then: str) -> None:
    """A batch with the token of a past term is neither sent nor kept, even if we lead again."""
    link = await any_bus.broker.subscribe(["a.1", "b.1", BARRIER[0]], receiver.receive)
    token = await until_free(any_bus)
    await any_bus.leadership.release(token)
    if "theirs" in then:
        theirs = await until_free(any_bus, "they")
        if "ours" in then:
            await any_bus.leadership.release(theirs)
    if "ours" in then:
        await until_free(any_bus)
    with pytest.raises(LeaseLostError, match=r"^lease test is not held$"):
        await any_bus.broker.publish(Batch(numbered("a.1", 1), [("states", b"x")], BARRIER), token=token)
    assert {} == await any_bus.last_values.read(["a.1", "states"], max_bytes=9)
    await any_bus.broker.publish(Batch(numbered("b.1", 2)))
    await receiver.until_count(1)
    assert numbered("b.1", 2) == receiver.received
    link.close()


async def test_a_token_of_another_lease(any_bus: Bus) -> None:
    """Leases are independent: the loss of one does not affect another."""
    ours = await any_bus.leadership.acquire("poller", "we", 30)
    theirs = await any_bus.leadership.acquire("poller.venue", "they", 30)
    assert ours is not None
    assert theirs is not None
    await any_bus.leadership.release(theirs)
    await any_bus.broker.publish(Batch(numbered("a.1", 1)), token=ours)
    with pytest.raises(LeaseLostError):
        await any_bus.broker.publish(Batch(numbered("a.1", 2)), token=theirs)
    assert {"a.1": b"1"} == await any_bus.last_values.read(["a.1"], max_bytes=9)


async def test_a_barrier_extends_the_lease(any_bus: Bus) -> None:
    """A barrier extends its lease; updates alone do not."""
    token = await until_free(any_bus)
    await any_bus.broker.publish(Batch(numbered("a.1", 1), barrier=BARRIER), token=token._replace(ttl_s=SOON))

    async def updates_for_ever() -> None:
        while True:
            await any_bus.broker.publish(Batch(numbered("a.1", 2)), token=token)
            await asyncio.sleep(0.002)

    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(updates_for_ever(), HANGS_AFTER_S)
    # Where the lease has parts, each runs out a little after the one before.
    assert await until_free(any_bus, "they")
