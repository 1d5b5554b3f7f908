"""Ages of ticks on their way to the bus."""

from poller.publishing.measures import Measures
from tests.market.samples import tick


def test_ages_by_stage() -> None:
    """The first tick of a publish is the one that has waited for longest; one without the exchange's time has none."""
    now_us = 10_000_000
    measures = Measures(lambda: now_us)
    ticks = [tick(recv_us=9_000_000, event_us=8_500_000), tick(recv_us=9_900_000, event_us=9_900_000)]
    measures.begin(ticks)
    now_us = 10_250_000
    measures.taken(ticks)
    assert {"exchange": 0.5, "poller": 1, "bus": 1.25} == {stage: one.total for stage, one in measures.ages.items()}
    assert (0.25, 2) == (measures.publish_s.total, measures.publish_ticks.total)
    later = [tick(recv_us=10_250_000)]
    measures.begin(later)
    measures.taken(later)
    assert (1, 2, 2) == tuple(one.count for one in measures.ages.values())


def test_a_heartbeat_alone_has_no_age() -> None:
    """It is a publish all the same."""
    measures = Measures(lambda: 1)
    measures.begin([])
    measures.taken([])
    assert (0, 0, 0) == tuple(one.count for one in measures.ages.values())
    assert (1, 1, 0) == (measures.publish_s.count, measures.publish_ticks.count, measures.publish_ticks.total)
