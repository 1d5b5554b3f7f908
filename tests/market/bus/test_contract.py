"""What every bus promises, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from market.bus import Bus, open_bus
from market.codec import encode_beat, encode_tick
from tests.market.bus.receivers import RecordingReceiver
from tests.market.samples import beat, tick
from tests.waiting import until


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind, empty."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("valkey").url
    bus = open_bus(url)
    yield bus
    await bus.aclose()


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Somebody who listens."""
    return RecordingReceiver()


async def test_delivers_in_order(bus: Bus, receiver: RecordingReceiver) -> None:
    """Ticks arrive byte for byte, in the order of their publishing, within one call and across calls."""
    link = await bus.subscribe(["BTCUSDT", "ETHUSDT"], receiver)
    calls = [[tick("BTCUSDT", 1), tick("ETHUSDT", 1), tick("BTCUSDT", 2)], [tick("BTCUSDT", 3)]]
    for ticks in calls:
        await bus.publish(ticks)
    await receiver.until_count(4)
    expected = [(tick.symbol, encode_tick(tick)) for ticks in calls for tick in ticks]
    assert expected == receiver.received
    link.close()


async def test_delivers_what_was_asked_for(bus: Bus, receiver: RecordingReceiver) -> None:
    """A subscriber gets the symbols it named and no others."""
    link = await bus.subscribe(["ETHUSDT"], receiver)
    await bus.publish([tick("BTCUSDT"), tick("ETHUSDT"), tick("ETHUSDTX")], beat())
    await receiver.until(lambda received: received[-1:] == [("beat", encode_beat(beat()))])
    assert ["ETHUSDT", "beat"] == [symbol for symbol, _ in receiver.received]
    link.close()


async def test_beat_comes_after_its_ticks(bus: Bus, receiver: RecordingReceiver) -> None:
    """Who has a beat has every tick that was published before it or with it."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    await bus.publish([tick(seq=seq) for seq in range(500)], beat())
    await receiver.until(lambda received: bool(received) and received[-1][0] == "beat")
    assert [encode_tick(tick(seq=seq)) for seq in range(500)] == [its for _, its in receiver.received[:-1]]
    link.close()


async def test_beat_goes_to_who_asked_for_no_symbol(bus: Bus, receiver: RecordingReceiver) -> None:
    """A subscription without any symbol still hears the beats."""
    link = await bus.subscribe([], receiver)
    await bus.publish([tick()], beat(link="down", reason="because"))
    await receiver.until_count(1)
    assert [("beat", encode_beat(beat(link="down", reason="because")))] == receiver.received
    link.close()


async def test_each_subscriber_gets_its_own(bus: Bus) -> None:
    """Two subscribers each get exactly what they asked for, the shared symbol both."""
    first, second = RecordingReceiver(), RecordingReceiver()
    links = [await bus.subscribe(["A1", "B1"], first), await bus.subscribe(["B1", "C1"], second)]
    await bus.publish([tick("A1"), tick("B1"), tick("C1")], beat())
    await first.until_count(3)
    await second.until_count(3)
    assert ["A1", "B1", "beat"] == [symbol for symbol, _ in first.received]
    assert ["B1", "C1", "beat"] == [symbol for symbol, _ in second.received]
    for link in links:
        link.close()


async def test_last_values_are_the_newest_of_each_symbol(bus: Bus) -> None:
    """The last values hold the last published tick of every symbol, whoever listened."""
    assert {} == await bus.last_values()
    await bus.publish([tick("A1", 1), tick("B1", 1), tick("A1", 2)])
    await bus.publish([tick("B1", 2)])
    assert {"A1": encode_tick(tick("A1", 2)), "B1": encode_tick(tick("B1", 2))} == await bus.last_values()


async def test_last_values_are_there_before_the_beat(bus: Bus) -> None:
    """Who asks for last values on hearing a beat finds the ticks that came before it."""
    receiver = RecordingReceiver()
    link = await bus.subscribe([], receiver)
    publishing = asyncio.create_task(bus.publish([tick("A1", 7)], beat()))
    await receiver.until_count(1)
    assert {"A1": encode_tick(tick("A1", 7))} == await bus.last_values()
    await publishing
    link.close()


async def test_publishing_nothing_is_allowed(bus: Bus, receiver: RecordingReceiver) -> None:
    """An empty publish changes nothing and is no error."""
    await bus.publish([])
    assert {} == await bus.last_values()


async def test_closed_link_receives_nothing(bus: Bus, receiver: RecordingReceiver) -> None:
    """After close nothing is received, `lost` is done, and closing again is allowed."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    witness = RecordingReceiver()
    other = await bus.subscribe(["BTCUSDT"], witness)
    assert not link.lost.done()
    link.close()
    link.close()
    link.ping()
    assert "closed" == link.lost.result()
    await bus.publish([tick()], beat())
    await witness.until_count(2)
    assert [] == receiver.received
    other.close()


async def test_ping_is_a_sign_of_life(bus: Bus, receiver: RecordingReceiver) -> None:
    """The answer to a ping moves `heard_at`, though nothing was published."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    before = link.heard_at
    link.ping()
    await until(lambda: link.heard_at > before)
    assert [] == receiver.received
    link.close()


async def test_traffic_is_a_sign_of_life(bus: Bus, receiver: RecordingReceiver) -> None:
    """A tick moves `heard_at` as an answer does."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    before = link.heard_at
    await bus.publish([tick()])
    await receiver.until_count(1)
    assert before < link.heard_at <= asyncio.get_running_loop().time()
    link.close()


async def test_closing_in_the_middle_of_a_delivery(bus: Bus) -> None:
    """A receiver may close its link from within a call; nothing comes after that."""

    class ClosingReceiver(RecordingReceiver):
        def tick_received(self, symbol: str, payload: bytes) -> None:
            super().tick_received(symbol, payload)
            link.close()

    receiver, witness = ClosingReceiver(), RecordingReceiver()
    link = await bus.subscribe(["BTCUSDT"], receiver)
    other = await bus.subscribe(["BTCUSDT"], witness)
    await bus.publish([tick(seq=1), tick(seq=2)], beat())
    await receiver.until_count(1)
    await witness.until_count(3)
    assert 1 == len(receiver.received)
    other.close()
