"""Membership: each connection is in exactly one place of each of its cohorts, after any events."""

import asyncio
import gc
import weakref
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.pacing.flush_scheduler import Throttle
from tests.fakes import RecordingMember, run_virtual
from tests.gateway.fanout.exact import Stalling, play_exactly
from tests.gateway.fanout.test_hub import (
    Market,
    first_subscription,
    play,
    rests,
    seqs,
    some_wants,
    states,
    stories,
    windows,
)

__all__ = ["windows"]


def assert_one_place_each(market: Market) -> None:
    """Every connection is in the place of its state, and only there; all counts are right."""
    membership, slow = market.hub.membership, market.hub.slow
    holders: Counter[Cohort] = Counter()
    for connection, cohorts in membership.connections.items():
        conflating = [cohort for cohort in cohorts if cohort.subscription.rule == "latest"]
        assert connection not in slow or conflating
        symbols = [symbol for cohort in cohorts for symbol in cohort.subscription.topics]
        assert len(symbols) == len(set(symbols))
        for cohort in cohorts:
            holders[cohort] += 1
            assert 1 == sum(connection in place for place in (cohort.members, cohort.newcomers, cohort.slow))
            assert (connection in cohort.slow) == (connection in slow and cohort.subscription.rule == "latest")
    known = [cohort for some in market.hub._registry._cohorts for [cohort] in some.values()]
    assert dict(holders) == {cohort: len(cohort) for cohort in known}
    assert len(slow) == sum(connection in slow for connection in membership.connections)
    assert membership.unanswered.keys() <= membership.connections.keys()
    groups = {cohort.group for cohort in known}
    assert groups == set(market.hub._registry.groups)


@pytest.mark.usefixtures("windows")
@given(stories(3, "AAA", "BBB", "CCC"), first_subscription(3), rests)
def test_whatever_happens_each_connection_is_in_one_place_after_every_step(
    story: list[tuple[object, ...]], first: list[dict[str, Any]], rest: Throttle
) -> None:
    """After each step a connection is a member, a newcomer or slow, counts are right, and nothing else is left."""
    run_virtual(play(story, first, rest, "AAA", "BBB", "CCC", after_each=assert_one_place_each))


def exact_stories(*names: str, rated: bool) -> st.SearchStrategy[list[tuple[object, ...]]]:
    """Up to fifty events of three clients, whose sockets may fill up between any two writes."""
    symbol, who = st.sampled_from(names), st.integers(0, 2)
    rates = [None, 1.0] if rated else [None]
    publish = st.tuples(st.just("publish"), symbol)
    hold = st.tuples(st.just("hold"), who, some_wants(names, rates))
    events = st.one_of(
        publish,
        publish,
        publish,
        st.tuples(st.just("tell"), st.frozensets(symbol, min_size=1), st.sampled_from(["live", "halted", "delisted"])),
        hold,
        hold,
        st.tuples(st.just("again"), who, symbol),
        st.tuples(st.just("stall"), who, st.integers(0, 2)),
        st.tuples(st.just("stall"), who, st.integers(0, 2)),
        st.tuples(st.just("drain"), who),
        st.tuples(st.just("read"), who),
        st.tuples(st.just("read late"), who),
        st.tuples(st.just("pass"), st.sampled_from([0.0, 0.001, 0.03, 0.2, 2.0])),
    )
    return st.lists(events, max_size=50)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("rated", [False, True])
@given(st.data())
def test_whatever_happens_nothing_is_told_twice_and_every_replaced_tick_is_counted_once(
    rated: bool, data: st.DataObject
) -> None:
    """A state comes once for each change and each time it is asked for; a tick comes, or is counted by a notice."""
    story = data.draw(exact_stories("AAA", "BBB", "CCC", rated=rated))
    run_virtual(play_exactly(story, Throttle(0), "AAA", "BBB", "CCC", rated=rated))


def test_who_holds_the_same_shares_what_says_so() -> None:
    """Equal subscriptions share one object."""

    async def main() -> None:
        market = Market()
        one, other = market.join("BTC"), market.join("BTC")
        assert market.hub.membership.cohorts_of(one) is market.hub.membership.cohorts_of(other)

    run_virtual(main())


def test_nothing_is_left_of_one_that_goes_while_it_is_slow() -> None:
    """A slow connection that goes leaves no backlog, no unanswered ping and no reference to itself."""

    async def main() -> None:
        market = Market()
        member = RecordingMember()
        member.watched, member.rtt_s = True, 0.001
        market.hub.add(member)
        market.want(member, ["BTC"], snapshot=False)
        while not member.pings():
            market.publish("BTC")
            await asyncio.sleep(0.01)
        member.draining = False
        market.publish("BTC")
        await asyncio.sleep(0.01)
        assert member in market.hub.slow
        market.hub.remove(member)
        assert_one_place_each(market)
        gone = weakref.ref(member)
        del member
        gc.collect()
        assert gone() is None

    run_virtual(main())


def wants(*sets: tuple[str, dict[str, Any]]) -> tuple[Subscription, ...]:
    """Sets with their symbols, which are separated by blanks."""
    return tuple(Subscription(frozenset(symbols.split()), **options) for symbols, options in sets)


def hold(market: Market, *sets: tuple[str, dict[str, Any]]) -> RecordingMember:
    """Make a connection that holds these without snapshots."""
    member = RecordingMember()
    market.hub.add(member)
    market.hold(member, wants(*sets), snapshot=False)
    return member


def test_each_set_of_options_has_its_own_rate_and_form() -> None:
    """One connection gets some symbols as they come, others once a second, and others in batches."""

    async def main() -> None:
        market = Market()
        member = hold(market, ("BTC", {}), ("ETH", {"max_hz": 1.0}), ("SOL XRP", {"batch": True}))
        for _ in range(30):
            for symbol in ("BTC", "ETH", "SOL", "XRP"):
                market.publish(symbol)
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        got = seqs(member)
        assert list(range(1, 31)) == got["BTC"] == got["SOL"] == got["XRP"]
        assert [10, 20, 30] == got["ETH"]
        assert {"SOL", "XRP"} == {
            one["symbol"] for message in member.messages() if message["type"] == "ticks" for one in message["ticks"]
        }
        assert 3 == market.hub.cohort_count
        market.hold(member, wants(("BTC ETH", {"max_hz": 1.0}), ("SOL XRP", {"batch": True})), snapshot=False)
        assert_one_place_each(market)
        assert 2 == market.hub.cohort_count

    run_virtual(main())


def test_being_slow_is_a_state_of_the_connection() -> None:
    """A slow connection gets one lag notice and the newest ticks of all its sets, each in its form."""

    async def main() -> None:
        market = Market()
        member = hold(market, ("BTC", {}), ("ETH", {"batch": True}), ("SOL", {"rule": "every"}))
        member.draining = False
        for _ in range(20):
            for symbol in ("BTC", "ETH", "SOL"):
                market.publish(symbol)
            await asyncio.sleep(0.01)
        assert_one_place_each(market)
        assert (1, 1) == (len(market.hub.slow), market.counters.lags)
        assert {"SOL": list(range(1, 21))} == seqs(member)
        member.draining = True
        await asyncio.sleep(1)
        assert [{"type": "lag", "conflated": 38}] == [one for one in member.messages() if one["type"] == "lag"]
        assert {"BTC": [20], "ETH": [20], "SOL": list(range(1, 21))} == seqs(member)
        assert 0 == len(market.hub.slow)
        assert_one_place_each(market)

    run_virtual(main())


def test_who_falls_behind_while_a_tick_is_published_gets_it_all_the_same() -> None:
    """A client that falls behind while a tick is published is owed that tick once, in any of its groups."""

    async def main() -> None:
        market = Market()
        market.join("BTC", "ETH", snapshot=False)
        member = hold(market, ("BTC", {}), ("ETH", {"max_hz": 1.0}))
        await asyncio.sleep(2)
        market.publish("BTC")
        market.publish("ETH")
        member.draining = False
        # The second of one symbol in one turn flushes the group of the other set of options first.
        market.publish("ETH")
        assert member in market.hub.slow
        member.draining = True
        await asyncio.sleep(3)
        assert {"BTC": [1], "ETH": [2]} == seqs(member)
        assert_one_place_each(market)

    run_virtual(main())


def test_what_is_to_come_as_every_tick_is_written_at_once_to_a_slow_one() -> None:
    """A slow client that asks for every tick of a symbol gets its tick at once; the rest stays owed."""

    async def main() -> None:
        market = Market()
        member = hold(market, ("BTC ETH", {}))
        member.draining = False
        for _ in range(3):
            market.publish("BTC")
            market.publish("ETH")
            await asyncio.sleep(0.01)
        market.hold(member, wants(("BTC", {"rule": "every"}), ("ETH", {})), snapshot=False)
        assert {"BTC": [3]} == seqs(member)
        market.publish("BTC")
        market.publish("ETH")
        await asyncio.sleep(0.01)
        assert ({"BTC": [3, 4]}, True) == (seqs(member), member in market.hub.slow)
        assert_one_place_each(market)
        member.draining = True
        await asyncio.sleep(1)
        assert {"BTC": [3, 4], "ETH": [4]} == seqs(member)

    run_virtual(main())


def test_a_pong_says_that_all_before_it_was_read_in_every_cohort() -> None:
    """A pong answers every earlier ping, in every cohort of the connection."""

    async def main() -> None:
        market = Market(lag_timeout_s=3)
        member = RecordingMember()
        member.watched, member.rtt_s = True, 0.001
        market.hub.add(member)
        market.hold(member, wants(("BTC", {}), ("ETH", {"batch": True})), snapshot=False)
        for turn in range(4000):
            market.publish("BTC")
            market.publish("ETH")
            await asyncio.sleep(0.001)
            if turn % 20 == 0 and member.pings():
                market.hub.answered(member, member.pings()[-1])
        assert len(member.pings()) > 10
        assert (0, "") == (len(market.hub.slow), member.aborted)
        assert list(range(1, 4001)) == seqs(member)["ETH"]

    run_virtual(main())


@pytest.mark.parametrize("again", ["BTC", "ETH"])
def test_a_tick_that_is_replaced_while_it_is_flushed_is_counted(again: str) -> None:
    """A tick that is replaced during a flush is counted, whichever of two sets falls behind."""

    async def main() -> None:
        market = Market()
        member = hold(market, ("BTC", {}), ("ETH", {"batch": True}))
        member.draining = False
        market.publish("BTC")
        market.publish("ETH")
        # The second of one symbol in one turn flushes what is pending.
        market.publish(again)
        member.draining = True
        await asyncio.sleep(1)
        assert {"BTC": [1], "ETH": [1]} | {again: [2]} == seqs(member)
        assert [1] == [one["conflated"] for one in member.messages() if one["type"] == "lag"]

    run_virtual(main())


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_who_falls_behind_while_states_are_told_is_told_each_once(writes: int) -> None:
    """States that were sent in one set before the socket was full do not come again."""

    async def main() -> None:
        market = Market()
        member = Stalling()
        market.hub.add(member)
        sets: list[tuple[str, dict[str, Any]]] = [("BTC", {}), ("ETH", {"batch": True}), ("SOL", {"max_hz": 1.0})]
        market.hold(member, wants(*sets), snapshot=False)
        member.stall_after(writes)
        market.change_states("BTC", "ETH", "SOL")
        assert writes == len(states(member))
        member.drain()
        await asyncio.sleep(1)
        assert [(name, "halted") for name in ("BTC", "ETH", "SOL")] == sorted(states(member))

    run_virtual(main())


def test_what_was_pending_in_a_set_that_is_let_go_comes_once() -> None:
    """Pending ticks of a set that is let go come once, even if the next set's write finds the connection slow."""

    async def main() -> None:
        market = Market()
        member = Stalling()
        market.hub.add(member)
        market.hold(member, wants(("BTC", {}), ("ETH", {"batch": True})), snapshot=False)
        market.publish("BTC")
        market.publish("ETH")
        member.stall_after(1)
        market.hold(member, wants(("BTC ETH", {"max_hz": 1.0})), snapshot=False)
        assert member in market.hub.slow
        member.draining = True
        await asyncio.sleep(3)
        assert {"BTC": [1], "ETH": [1]} == seqs(member)
        assert [] == [one for one in member.messages() if one["type"] == "lag"]

    run_virtual(main())


def test_what_a_slow_one_lets_go_of_was_replaced_by_nothing() -> None:
    """The newest tick of a symbol that a slow client lets go is not counted as replaced; older ones are."""

    async def main() -> None:
        market = Market()
        member = hold(market, ("BTC", {}), ("ETH", {"batch": True}))
        member.draining = False
        for _ in range(3):
            market.publish("BTC")
            market.publish("ETH")
            await asyncio.sleep(0.01)
        market.hold(member, wants(("BTC", {})), snapshot=False)
        member.draining = True
        await asyncio.sleep(1)
        assert {"BTC": [3]} == seqs(member)
        assert [4] == [one["conflated"] for one in member.messages() if one["type"] == "lag"]

    run_virtual(main())
