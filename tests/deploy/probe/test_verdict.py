"""What is good enough for a client."""

import pytest
from msgspec.structs import replace

from deploy.probe.verdict import Bounds, Seen, findings, percentile

GOOD = Seen(
    connect_s=0.1,
    feeds={"binance": ""},
    symbols=2,
    ticks=10,
    ages_s=[0.1, 0.2, 0.9],
    certificate_ends_s=100 * 86_400.0,
    for_s=5.0,
)
NOW_S = 0.0


def breaches(seen: Seen, bounds: Bounds = Bounds()) -> list[str]:  # noqa: B008 - it is frozen
    """The names of what is not good enough."""
    return [one.name for one in findings(seen, bounds, NOW_S) if not one.is_good]


def test_all_is_good() -> None:
    """Everything that can be looked at is."""
    found = list(findings(GOOD, Bounds(), NOW_S))
    assert ["connect", "feed", "symbols", "ticks", "age", "gaps", "certificate"] == [one.name for one in found]
    assert all(one.is_good for one in found)


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"connect_s": 2.5}, "connect", "2500 ms (at most 2 s)"),
        ({"problem": "the gateway is going away"}, "stay", "going away"),
        ({"feeds": {"binance": "no heartbeat"}}, "feed", "binance are not live: no heartbeat"),
        ({"stale": {"BTCUSDT": "stale (quiet)"}}, "symbols", "1 of 2 symbols may be old: BTCUSDT stale (quiet)"),
        ({"unknown": ["XUSDT"]}, "symbols", "not served: XUSDT"),
        ({"ticks": 0}, "ticks", "0 ticks in 5.0 s (at least 1)"),
        ({"ages_s": [0.1, 3.5]}, "age", "3500 ms at most (at most 3 s)"),
        ({"gaps": 2}, "gaps", "2 ticks are missing (at most 0)"),
        ({"certificate_ends_s": 3 * 86_400.0}, "certificate", "lasts 3.0 days (at least 7)"),
    ],
)
def test_each_breach_has_its_name_value_and_bound(changes: dict[str, object], name: str, text: str) -> None:
    """And nothing else is one because of it."""
    bad = [one for one in findings(replace(GOOD, **changes), Bounds(), NOW_S) if not one.is_good]
    assert [name] == [one.name for one in bad]
    assert text in bad[0].text


def test_without_a_connection_nothing_else_is_said() -> None:
    """It would be guessed."""
    assert ["connect"] == [one.name for one in findings(Seen(problem="nobody"), Bounds(), NOW_S)]
    assert ["connect"] == breaches(Seen(problem="nobody"))


def test_bounds_are_inclusive_and_the_callers() -> None:
    """Exactly the bound is good; quiet symbols need no tick."""
    assert [] == breaches(replace(GOOD, ages_s=[3.0], connect_s=2.0))
    assert [] == breaches(replace(GOOD, gaps=3, ticks=0, ages_s=[]), Bounds(gaps=3, ticks=0))
    assert ["age"] == breaches(GOOD, Bounds(age_s=0.5))


def test_without_ticks_there_is_no_age() -> None:
    """Nor is one without TLS a certificate."""
    found = [one.name for one in findings(replace(GOOD, ages_s=[], certificate_ends_s=None), Bounds(), NOW_S)]
    assert not {"age", "gaps", "certificate"} & set(found)


def test_percentiles_are_values_that_were_there() -> None:
    """Of one value each is that."""
    assert (5, 5, 5) == tuple(percentile([5], share) for share in (0, 0.5, 1))
    values = [float(number) for number in range(1, 101)]
    assert (51, 100, 100) == tuple(percentile(values, share) for share in (0.5, 0.99, 1))
