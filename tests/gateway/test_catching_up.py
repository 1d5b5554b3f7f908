"""Slow clients on a virtual clock: how old their prices are, and that nothing starves."""

import asyncio

import msgspec
from websockets.frames import Opcode

from tests.fakes import RecordingMember, frames_of, run_virtual
from tests.gateway.test_bursts import Answers
from tests.gateway.test_hub import Market, seqs, states


async def read_slowly(market: Market, member: RecordingMember, bytes_per_s: float, seconds: float) -> list[float]:
    """Let ``member`` answer pings as one that reads so fast would; the age of its oldest price, again and again.

    Each of its symbols changes ten times a second; a tick's seq says when it was published, in tenths of a second.
    """
    loop, ages, held = asyncio.get_running_loop(), [], dict[str, float]()
    start, taken, unread = loop.time(), 0, 0.0
    while loop.time() < start + seconds:
        for symbol in market.hub._cohort_of[member].wishes.symbols:
            market.publish(symbol)
        now_seq = next(iter(market.last.values())).seq
        for _ in range(10):
            await asyncio.sleep(0.01)
            unread += bytes_per_s * 0.01
            while taken < len(member.written) and len(member.written[taken]) <= unread:
                blob = member.written[taken]
                taken, unread = taken + 1, unread - len(blob)
                for frame in frames_of(blob):
                    if frame.opcode is Opcode.PING:
                        market.hub.answered(member, int.from_bytes(frame.data))
                    else:
                        message = msgspec.json.decode(frame.data)
                        held.update({message["symbol"]: message["seq"]} if "seq" in message else {})
            unread = min(unread, bytes_per_s / 2) if taken == len(member.written) else unread
        if len(held) == len(market.last):
            ages.append((now_seq - min(held.values())) / 10)
    return ages


def test_one_update_a_second_is_at_most_a_second_older() -> None:
    """Each beat brings every symbol, in slices one behind the other: they do not wait a second for each other."""

    async def main() -> None:
        market = Market()
        names = [f"S{number:02}" for number in range(100)]
        for name in names:
            market.publish(name)
        member = RecordingMember()
        member.rtt_s, member.watched = 0.001, True
        market.hub.add(member)
        market.want(member, names, max_hz=1.0)
        ages = await read_slowly(market, member, 20_000, 30)
        assert max(ages[50:]) <= 1 + 1.6
        # And no more than one update a second of each.
        assert 25 <= len(seqs(member)["S50"]) <= 32
        assert "" == member.aborted

    run_virtual(main())


def test_a_fast_client_with_one_update_a_second_is_not_kept_from_its_cohort() -> None:
    """However much one beat brings: who reads it at once may have the next like everybody else."""

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
        assert 0 == market.hub.laggard_count
        assert {4, 5} >= set(map(len, seqs(member).values()))

    run_virtual(main())


def test_snapshots_asked_for_again_and_again_starve_no_tick() -> None:
    """Ten times a second by one that reads slowly: what it did not ask for has its turn, too."""

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
        assert max(ages[50:]) <= 3

    run_virtual(main())


def test_a_state_comes_at_once_to_a_slow_client_that_wants_few_updates() -> None:
    """It does not wait for the next beat of ticks."""

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
        market.tell("BTC")
        await asyncio.sleep(0.1)
        assert ([1, 2], [("BTC", "halted")]) == (seqs(member)["BTC"], states(member))

    run_virtual(main())
