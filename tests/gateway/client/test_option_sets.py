"""What one client holds, each topic with one set of options."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.client.option_sets import RATES, Wants, capped, put, stepped, without
from gateway.fanout.backlog import topics_of
from gateway.fanout.member import Subscription

NAMES = ("AAA", "BBB", "CCC")
topics = st.frozensets(st.sampled_from(NAMES), min_size=1)
subscription = st.builds(
    Subscription,
    topics,
    batch=st.booleans(),
    max_hz=st.sampled_from([None, 1.0, 5.0]),
    rule=st.sampled_from(["latest", "every"]),
)


@given(st.lists(subscription, max_size=6), topics, st.sampled_from([0.5, 2.0]))
def test_each_topic_has_the_options_that_came_last(said: list[Subscription], gone: frozenset[str], cap: float) -> None:
    """No topic is held twice, no two sets are equal, and what goes is gone from all of them."""
    wants: Wants = ()
    newest: dict[str, Subscription] = {}
    for one in said:
        wants = put(wants, one)
        newest |= dict.fromkeys(one.topics, one)
    for left, allowed in ((wants, None), (without(wants, gone), None), (capped(wants, cap), cap)):
        assert sum(len(one.topics) for one in left) == len(topics_of(left))
        options = [(one.batch, one.max_hz, one.rule) for one in left]
        assert len(options) == len(set(options))
        assert allowed is None or all(one.max_hz is not None and one.max_hz <= allowed for one in left)
    assert topics_of(wants) == newest.keys() == topics_of(capped(wants, cap))
    assert newest.keys() - gone == topics_of(without(wants, gone))
    for one in wants:
        for topic in one.topics:
            last = newest[topic]
            assert (last.batch, last.max_hz, last.rule) == (one.batch, one.max_hz, one.rule)


def test_what_does_not_change_is_the_same_object() -> None:
    """So that all who hold one thing share it."""
    wants = (Subscription(frozenset({"AAA"})),)
    assert wants is without(wants, frozenset({"BBB"}))


@given(st.floats(0.1, 1000))
def test_a_rate_is_the_next_step_below(max_hz: float) -> None:
    """Never more than was asked for, and less than any other step between."""
    step = stepped(max_hz)
    assert step <= max_hz
    assert not [rate for rate in RATES if step < rate <= max_hz]
