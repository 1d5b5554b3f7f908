"""Bursts of states, and clients that read them at different speeds."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Opcode

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.cohorts.window import STEP_BYTES
from tests.fakes import RecordingMember, frames_of, run_virtual
from tests.gateway.fanout.test_hub import Market, seqs, states


class Answers:
    """The pongs of a client that reads everything at once."""

    def __init__(self, market: Market, member: RecordingMember) -> None:
        self._market = market
        self._member = member
        self._read = 0

    def look(self) -> None:
        new, self._read = self._member.written[self._read :], len(self._member.written)
        for frame in frames_of(b"".join(new)):
            if frame.opcode is Opcode.PING:
                self._market.hub.answered(self._member, int.from_bytes(frame.data))


def test_two_thousand_changes_come_in_pieces_that_all_share() -> None:
    """The pieces are joined once per cohort; each client gets the states that it holds, within a second."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(2000)]
        one, other, few = market.join(*names), market.join(*names), market.join("S3", "S1999")
        market.change_states(*names)
        assert ["S1999", "S3"] == sorted(symbol for symbol, _ in states(few))
        assert max(len(blob) for blob in one.written) <= STEP_BYTES
        await asyncio.sleep(1)
        assert [(name, "halted") for name in names] == states(one)
        assert all(mine is his for mine, his in zip(one.written, other.written, strict=True))
        assert max(len(blob) for blob in one.written) <= STEP_BYTES
        assert (0, 4002) == (len(market.hub.slow), market.counters.states_sent)

    run_virtual(main())


def test_of_a_burst_the_newest_state_of_each_symbol_counts() -> None:
    """A state that changes again while it waits is sent once; ticks go between the pieces."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(1000)]
        member = market.join(*names)
        market.change_states(*names)
        market.change_states(*names, state="live")
        market.publish("S999")
        await asyncio.sleep(0.001)
        assert {"S999": [1]} == seqs(member)
        await asyncio.sleep(2)
        told = states(member)
        assert dict.fromkeys(names, "live") == dict(told)
        assert len(told) < 1200

    run_virtual(main())


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("scheduler", [{}, {"max_hz": 1.0}, {"batch": True}])
def test_who_reads_nothing_is_sent_little_of_a_burst(watched: bool, scheduler: dict[str, Any]) -> None:
    """A client that does not read is found by the kernel or by pings, and then gets the newest states as it reads."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(2000)]
        member, other = RecordingMember(), RecordingMember()
        for one in (member, other):
            one.rtt_s, one.watched = 0.001, watched
            market.hub.add(one)
            market.want(one, names, snapshot=False, **scheduler)
        reading, others = Answers(market, member), Answers(market, other)
        member.draining = watched
        market.change_states(*names)
        for _ in range(100):
            await asyncio.sleep(0.01)
            others.look()
        assert dict.fromkeys(names, "halted") == dict(states(other))
        assert len(b"".join(member.written)) <= 64 * 1024
        assert 1 == len(market.hub.slow)
        for state in ("live", "halted", "delisted"):
            market.change_states(*names, state=state)
        member.draining = True
        before = len(states(member))
        for _ in range(300):
            await asyncio.sleep(0.01)
            others.look()
            reading.look()
        told = states(member)[before:]
        assert (dict.fromkeys(names, "delisted"), 0) == (dict(told), len(market.hub.slow))
        assert len(told) <= 2 * len(names)
        assert dict.fromkeys(names, "delisted") == dict(states(other))

    run_virtual(main())


@pytest.mark.parametrize("watched", [False, True])
def test_who_begins_with_many_states_gets_them_in_slices(watched: bool) -> None:
    """A subscribe with many states gets them in slices, also without snapshots or during a burst."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(2000)]
        market.change_states(*names)
        member = RecordingMember()
        member.rtt_s, member.watched = 0.001, watched
        market.hub.add(member)
        market.want(member, names, snapshot=False)
        assert sum(map(len, member.written)) <= 40 * 1024
        reading = Answers(market, member)
        for _ in range(100):
            reading.look()
            await asyncio.sleep(0.01)
        assert dict.fromkeys(names, "halted") == dict(states(member))
        assert (0, 0) == (len(market.hub.slow), market.counters.lags)
        market.change_states(*names, state="live")
        market.want(member, names[:1999], snapshot=False)
        for _ in range(100):
            await asyncio.sleep(0.01)
            reading.look()
        assert dict.fromkeys(names[:1999], "live") == {name: state for name, state in states(member) if name != "S1999"}

    run_virtual(main())


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("watched", [False, True])
def test_who_comes_back_during_a_burst_is_told_no_state_twice(watched: bool, count: int) -> None:
    """A client that comes back during a burst gets no state twice, with one set of options or several."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(2000)]
        members = [RecordingMember(), RecordingMember()]
        batches = (False, True)[:count]
        for one in members:
            one.rtt_s, one.watched = 0.001, watched
            market.hub.add(one)
            market.hold(
                one,
                tuple(Subscription(frozenset(names[batch::count]), batch=batch) for batch in batches),
                snapshot=False,
            )
        answers = [Answers(market, one) for one in members]
        members[0].draining = False
        market.change_states(*names)
        await asyncio.sleep(0.001)
        assert members[0] in market.hub.slow
        members[0].draining = True
        while members[0] in market.hub.slow:
            await asyncio.sleep(0.001)
            answers[0].look()
        assert any(cohort.due_states for cohort in market.hub.membership.cohorts_of(members[0]))
        market.change_states("S0", "S1", state="live")
        for _ in range(200):
            await asyncio.sleep(0.01)
            for reading in answers:
                reading.look()
        assert 0 == len(market.hub.slow)
        for one in members:
            told = [(message["symbol"], message["since_us"]) for message in one.messages()]
            assert len(told) == len(set(told))
            assert dict.fromkeys(names, "halted") | {"S0": "live", "S1": "live"} == dict(states(one))

    run_virtual(main())
