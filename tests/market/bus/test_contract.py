"""What every bus promises, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from market.bus import Bus, Lease, LeaseLostError, open_bus
from market.codec import encode_beat, encode_states, encode_tick
from tests.market.bus.receivers import RecordingReceiver
from tests.market.samples import beat, states, status, tick
from tests.waiting import until


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind, empty."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("valkey").url
    bus = open_bus(url)
    yield bus
    await bus.aclose()


OURS = Lease("lease.test", "we", 30)
THEIRS = Lease("lease.test", "they", 30)
SOON = 0.05


async def until_held(bus: Bus, lease: Lease) -> None:
    """Try until ``lease`` can be had."""
    async with asyncio.timeout(5):
        while not await bus.hold(lease):  # noqa: ASYNC110 - a lease that runs out sets no event
            await asyncio.sleep(0.002)


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


async def test_states_are_kept_whole_and_before_their_beat(bus: Bus, receiver: RecordingReceiver) -> None:
    """Who has a beat can read the states that were published with it; there are none before the first."""
    assert await bus.last_states() is None
    link = await bus.subscribe([], receiver)
    for version in (1, 2):
        kept = states(version, others=[status("SOLUSDT", "delisted")])
        await bus.publish([], beat(), states=kept)
        await receiver.until_count(version)
        assert encode_states(kept) == await bus.last_states()
    await bus.publish([tick()], beat())
    assert encode_states(kept) == await bus.last_states()
    link.close()


async def test_states_are_refused_without_the_lease(bus: Bus) -> None:
    """A poller that does not lead cannot say what is true of a symbol."""
    assert await bus.hold(THEIRS)
    with pytest.raises(LeaseLostError):
        await bus.publish([], beat(), states=states(), lease=OURS)
    assert await bus.last_states() is None


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


async def test_last_values_of_some_symbols_can_be_asked_for(bus: Bus) -> None:
    """Only those that were named come, as far as there are any; of none named none."""
    await bus.publish([tick("A1"), tick("币B2"), tick("C1")])
    assert {"A1": encode_tick(tick("A1")), "币B2": encode_tick(tick("币B2"))} == await bus.last_values(
        ["币B2", "Z1", "A1", "A1"]
    )
    assert {} == await bus.last_values(["Z1"])
    assert {} == await bus.last_values([])


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


async def test_what_is_put_is_taken_once(bus: Bus) -> None:
    """What is put is there, byte for byte, for the first who takes it, and for nobody after."""
    await bus.put("ticket.1", b"\x00\xff\r\n", 30)
    await bus.put("ticket.2", b"", 30)
    assert [b"\x00\xff\r\n", None] == [await bus.take("ticket.1") for _ in range(2)]
    assert [b"", None] == [await bus.take("ticket.2") for _ in range(2)]
    assert await bus.take("ticket.3") is None


async def test_one_of_many_takers_gets_it(bus: Bus) -> None:
    """Of many who take at the same time exactly one gets what was put."""
    await bus.put("ticket.1", b"it", 30)
    taken = await asyncio.gather(*(bus.take("ticket.1") for _ in range(50)))
    assert [b"it"] + [None] * 49 == sorted(taken, key=lambda its: its is None)


async def test_what_is_put_runs_out(bus: Bus) -> None:
    """What is not taken in time is gone, and putting anew counts the time anew."""
    for key in ("ticket.1", "ticket.2"):
        await bus.put(key, b"old", SOON)
    await bus.put("ticket.2", b"new", 30)
    # Put after both, so gone after both.
    assert await bus.hold(THEIRS._replace(ttl_s=SOON))
    await until_held(bus, OURS)
    assert [None, b"new"] == [await bus.take("ticket.1"), await bus.take("ticket.2")]


async def test_lease_has_one_owner(bus: Bus) -> None:
    """Who holds a lease keeps it, and may hold it again; nobody else gets it until it is released by its owner."""
    assert await bus.hold(OURS)
    assert await bus.hold(OURS)
    await bus.release(THEIRS)
    assert not await bus.hold(THEIRS)
    assert await bus.hold(THEIRS._replace(name="lease.other"))
    await bus.release(OURS)
    assert await bus.hold(THEIRS)
    assert not await bus.hold(OURS)
    await bus.release(OURS._replace(name="lease.never"))


async def test_one_of_many_claimants_gets_it(bus: Bus) -> None:
    """Of many who claim a lease at the same time exactly one has it."""
    claims = await asyncio.gather(*(bus.hold(OURS._replace(owner=str(number))) for number in range(50)))
    assert 1 == claims.count(True)


async def test_lease_runs_out(bus: Bus) -> None:
    """A lease that is not held again in time is free, and its owner's claim is as good as any other's."""
    assert await bus.hold(OURS._replace(ttl_s=SOON))
    await until_held(bus, THEIRS)
    assert not await bus.hold(OURS)


@pytest.mark.parametrize("theirs", [True, False])
async def test_nothing_is_published_without_the_lease(bus: Bus, receiver: RecordingReceiver, theirs: bool) -> None:
    """What is to be published under a lease that is free, or another's, leaves no trace."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    if theirs:
        assert await bus.hold(THEIRS)
    with pytest.raises(LeaseLostError, match=r"^lease.test is not held$"):
        await bus.publish([tick(seq=1)], beat(), lease=OURS)
    assert {} == await bus.last_values()
    await bus.publish([tick(seq=2)])
    await receiver.until_count(1)
    assert [("BTCUSDT", encode_tick(tick(seq=2)))] == receiver.received
    link.close()


async def test_publishing_under_a_lease(bus: Bus, receiver: RecordingReceiver) -> None:
    """Its owner publishes under a lease as anybody does without one, again after it was refused too."""
    link = await bus.subscribe(["BTCUSDT"], receiver)
    with pytest.raises(LeaseLostError):
        await bus.publish([tick(seq=1)], lease=OURS)
    assert await bus.hold(OURS)
    await bus.publish([tick(seq=2), tick(seq=3)], lease=OURS)
    await bus.publish([tick(seq=4)], beat(), lease=OURS)
    await receiver.until_count(4)
    expected = [*(("BTCUSDT", encode_tick(tick(seq=seq))) for seq in (2, 3, 4)), ("beat", encode_beat(beat()))]
    assert expected == receiver.received
    assert {"BTCUSDT": encode_tick(tick(seq=4))} == await bus.last_values()
    link.close()


async def test_beat_extends_the_lease(bus: Bus) -> None:
    """A beat counts the time of its lease anew, ticks alone do not: the lease runs out, however many come."""
    assert await bus.hold(OURS)
    await bus.publish([tick()], beat(), lease=OURS._replace(ttl_s=SOON))

    async def ticks_for_ever() -> None:
        while True:
            await bus.publish([tick()], lease=OURS)
            await asyncio.sleep(0.002)

    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(ticks_for_ever(), 5)
    assert await bus.hold(THEIRS)
