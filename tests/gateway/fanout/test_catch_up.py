"""Slow clients on a virtual clock: how old their prices are, and that nothing starves."""

import asyncio
from collections import deque

import msgspec
from websockets.frames import Frame, Opcode

from gateway.fanout.cohorts.window import LARGEST_FIRST_BYTES
from gateway.protocol.event_encoding import EVENTS
from tests.fakes import RecordingMember, frames_of, run_virtual
from tests.gateway.fanout.cohorts.test_bursts import Answers
from tests.gateway.fanout.test_hub import Market, seqs, states

SLICE_BYTES = 1.1 * LARGEST_FIRST_BYTES
"""Of a stream; sizes are those of ticks, and a snapshot is a little longer."""


async def read_slowly(market: Market, member: RecordingMember, bytes_per_s: float, seconds: float) -> list[float]:
    """Let ``member`` read so fast, and answer each ping when it comes to it; the age of its oldest price, ever again.

    Each of its symbols changes ten times a second; a tick's seq says when it was published, in tenths of a second.
    """
    unread: deque[Frame] = deque()
    held: dict[str, int] = {}
    ages, seen, allowance = [], 0, 0.0
    for turn in range(int(seconds * 100)):
        if turn % 10 == 0:
            for symbol in sorted(market.last):
                market.publish(symbol)
        await asyncio.sleep(0.01)
        new, seen = member.written[seen:], len(member.written)
        unread.extend(frames_of(b"".join(new)))
        allowance += bytes_per_s / 100
        while unread and allowance >= len(unread[0].data) + 4:
            frame = unread.popleft()
            allowance -= len(frame.data) + 4
            if frame.opcode is Opcode.PING:
                market.hub.answered(member, int.from_bytes(frame.data))
            else:
                message = msgspec.json.decode(frame.data)
                held |= {message["symbol"]: message["seq"]} if "seq" in message else {}
        if not unread:
            allowance = 0.0
        ages.append((max(tick.seq for tick in market.last.values()) - min(held.values(), default=0)) / 10)
    return ages


def test_one_update_a_second_is_at_most_a_second_older() -> None:
    """Each round brings every symbol, in slices without a second's pause between them."""

    async def main() -> None:
        market = Market()
        names = [f"S{number:03}" for number in range(200)]
        for name in names:
            market.publish(name)
        member = RecordingMember()
        member.rtt_s, member.watched = 0.001, True
        market.hub.add(member)
        market.want(member, names, max_hz=1.0)
        ages = await read_slowly(market, member, 20_000, 30)
        assert max(ages[500:]) <= 1 + 1.2
        # And no more than one update a second of each.
        assert 22 <= len(seqs(member)["S050"]) <= 31
        assert "" == member.aborted

    run_virtual(main())


def test_a_fast_client_with_one_update_a_second_is_not_kept_from_its_cohort() -> None:
    """A client that reads a round at once returns to its cohort, for a round of any size."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(2000)]
        for name in names:
            market.publish(name)
        member = RecordingMember()
        member.rtt_s, member.watched = 0.001, True
        market.hub.add(member)
        market.want(member, names, max_hz=1.0)
        reading = Answers(market, member)
        for _ in range(35):
            for name in names:
                market.publish(name)
            for _ in range(10):
                await asyncio.sleep(0.01)
                reading.look()
        assert 0 == len(market.hub.slow)
        assert {4, 5} >= set(map(len, seqs(member).values()))

    run_virtual(main())


def test_snapshots_asked_for_again_and_again_starve_no_tick() -> None:
    """A slow client that asks for snapshots ten times a second still gets its other symbols."""

    async def main() -> None:
        market = Market()
        names = [f"S{number:02}" for number in range(100)]
        for name in names:
            market.publish(name)
        member = RecordingMember()
        member.rtt_s, member.watched = 0.001, True
        market.hub.add(member)
        market.want(member, names)

        async def ask() -> None:
            while True:
                await asyncio.sleep(0.1)
                market.hub.send_snapshots(member, names[:90])

        asking = asyncio.create_task(ask())
        ages = await read_slowly(market, member, 20_000, 20)
        asking.cancel()
        assert max(ages[500:]) <= 3

    run_virtual(main())


def test_a_state_comes_at_once_to_a_slow_client_that_wants_few_updates() -> None:
    """A state does not wait for the next round of ticks."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", max_hz=0.1)
        member.draining = False
        market.publish("BTC")
        await asyncio.sleep(11)
        member.draining, member.rtt_s = True, 0.1
        await asyncio.sleep(0.5)
        assert {"BTC": [1]} == seqs(member)
        reading = Answers(market, member)
        reading.look()
        market.publish("BTC")
        await asyncio.sleep(1)
        assert {"BTC": [1]} == seqs(member)
        market.change_states("BTC")
        await asyncio.sleep(0.1)
        assert ([1, 2], [("BTC", "halted")]) == (seqs(member)["BTC"], states(member))

    run_virtual(main())


def test_a_stream_that_cannot_be_asked_gets_slices_as_the_kernel_takes_them() -> None:
    """Nobody answers for it: a slice goes out when the one before is taken, whatever is owed, and without a ping."""

    async def main() -> None:
        market = Market()
        names = [f"S{number:04}" for number in range(2000)]
        for name in names:
            market.publish(name)
        member = RecordingMember(EVENTS)
        market.hub.add(member)
        market.want(member, names, encoding=EVENTS)
        assert 20_000 < len(b"".join(member.written)) <= SLICE_BYTES
        member.draining = False
        await asyncio.sleep(5)
        assert len(b"".join(member.written)) <= SLICE_BYTES
        member.draining = True
        await asyncio.sleep(2)
        assert member not in market.hub.slow
        assert max(map(len, member.written)) <= SLICE_BYTES
        market.publish("S0007")
        await asyncio.sleep(0.1)
        events = b"".join(member.written).decode().removesuffix("\n\n").split("\n\n")
        told = [msgspec.json.decode(event.removeprefix("data: ")) for event in events]
        assert names == sorted(message["symbol"] for message in told if message["type"] == "snapshot")
        assert ["S0007"] == [message["symbol"] for message in told if message["type"] == "tick"]

    run_virtual(main())


def test_a_stream_that_fell_behind_gets_the_newest_and_goes_on() -> None:
    """Only the newest of each symbol, and how many it missed; never more at once than one slice."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(400)]
        member = RecordingMember(EVENTS)
        market.hub.add(member)
        market.want(member, names, encoding=EVENTS)
        member.draining = False
        for _ in range(10):
            for name in names:
                market.publish(name)
            await asyncio.sleep(0.1)
        assert member in market.hub.slow
        member.draining = True
        await asyncio.sleep(1)
        assert member not in market.hub.slow
        assert max(map(len, member.written)) <= SLICE_BYTES
        events = b"".join(member.written).decode().removesuffix("\n\n").split("\n\n")
        told = [msgspec.json.decode(event.removeprefix("data: ")) for event in events]
        newest = {message["symbol"]: message["seq"] for message in told if "symbol" in message}
        assert newest == {name: market.last[name].seq for name in names}
        assert 9 * 400 == sum(message["conflated"] for message in told if message["type"] == "lag")

    run_virtual(main())
