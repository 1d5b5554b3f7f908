"""Where connections stand: each in exactly one place of each of its cohorts, whatever happens."""

import asyncio
import gc
import weakref
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings

from gateway.fanout.cohort import Cohort
from gateway.fanout.flush_scheduler import Rest
from tests.fakes import RecordingMember, run_virtual
from tests.gateway.fanout.test_hub import Market, first_wishes, play, rests, stories, windows

__all__ = ["windows"]


def assert_one_place_each(market: Market) -> None:
    """Every connection is where its state says, and nowhere else; every count is that of those who are there."""
    membership, slow = market.hub.membership, market.hub.slow
    holders: Counter[Cohort] = Counter()
    for connection, cohorts in membership.connections.items():
        conflating = [cohort for cohort in cohorts if cohort.wishes.rule == "latest"]
        assert connection not in slow or conflating
        symbols = [symbol for cohort in cohorts for symbol in cohort.wishes.topics]
        assert len(symbols) == len(set(symbols))
        for cohort in cohorts:
            holders[cohort] += 1
            assert 1 == sum(connection in place for place in (cohort.members, cohort.newcomers, cohort.slow))
            assert (connection in cohort.slow) == (connection in slow and cohort.wishes.rule == "latest")
    known = [cohort for [cohort] in market.hub._registry._cohorts.values()]
    assert dict(holders) == {cohort: len(cohort) for cohort in known}
    assert len(slow) == sum(connection in slow for connection in membership.connections)
    assert membership.unanswered.keys() <= membership.connections.keys()
    groups = {market.hub._registry.group(cohort.wishes) for cohort in known}
    assert groups == set(market.hub._registry.groups)


@pytest.mark.usefixtures("windows")
@settings(max_examples=200, deadline=None)
@given(stories(3, "AAA", "BBB", "CCC"), first_wishes(3), rests)
def test_whatever_happens_each_connection_is_in_one_place_after_every_step(
    story: list[tuple[object, ...]], first: list[dict[str, Any]], rest: Rest
) -> None:
    """A member, a newcomer or slow, as its state says; counts are equal, and nothing is left of who has gone."""
    run_virtual(play(story, first, rest, "AAA", "BBB", "CCC", after_each=assert_one_place_each))


def test_who_holds_the_same_shares_what_says_so() -> None:
    """Nothing is kept per connection but where it stands."""

    async def main() -> None:
        market = Market()
        one, other = market.join("BTC"), market.join("BTC")
        assert market.hub.membership.cohorts_of(one) is market.hub.membership.cohorts_of(other)

    run_virtual(main())


def test_nothing_is_left_of_one_that_goes_while_it_is_slow() -> None:
    """Neither its backlog, nor a ping that it was to answer, nor the connection itself."""

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
