"""A scrape that is timed turn by turn."""

import pytest

from bench import scrape
from bench.scrape import Load, Scrape, beat, join, measured, names, row, started
from gateway.gateway import Gateway
from gateway.scrape import families
from market.metrics.exposition import LINES_A_TURN, expose
from market.process.tasks import end
from tests.market.metrics.parsed import values_of


async def test_two_thousand_symbols_take_many_turns() -> None:
    """At least one for each so many lines: prices go out between them."""
    (one,) = await measured(Load(20, 5), 2_000, 1)
    # Subscribers, state and age of each.
    assert one.lines > 6_000
    assert len(one.turns_ms) > one.lines // LINES_A_TURN


async def test_what_is_scraped_is_a_gateway_at_work() -> None:
    """Its clients hold what the load says, each symbol has a price, and all are live."""
    symbols = names(30)
    gateway, work = await started(symbols)
    try:
        join(gateway, Load(10, 5), symbols)
        await beat(gateway)
        values = values_of(await expose(families(gateway)))
        assert await _size(gateway) == scrape.scrape(gateway).lines
    finally:
        await end(work)
    assert (10, 50) == (values["tickgate_connections",], values["tickgate_subscriptions",])
    assert 1 < values["tickgate_cohorts",] <= 10
    assert [1.0] * 30 == [values["tickgate_symbol_live", symbol] for symbol in symbols]
    assert all(("tickgate_symbol_tick_age_seconds", symbol) in values for symbol in symbols)


async def _size(gateway: Gateway) -> int:
    return (await expose(families(gateway))).count(b"\n")


def test_a_row_has_medians_and_the_longest_turn_of_all() -> None:
    """Of several scrapes."""
    scrapes = [Scrape([1, 2], 3_000, 2_048), Scrape([1, 3], 3_000, 2_048), Scrape([9, 1], 3_000, 2_048)]
    assert "| 1,000 × 20 | 3,000 | 2 | 4.0 | 2 | 3.0 | 9.0 |" == row(Load(1_000, 20), scrapes)
    assert row(Load(0, 0), scrapes).startswith("| none | ")


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each load, and what the histograms cost."""
    assert 0 == scrape.main(["--symbols", "50", "--rounds", "1", "--small"])
    printed = capsys.readouterr().out
    assert ["| none ", "| 1,000 × 20 "] == [line[: line.index("|", 1)] for line in printed.splitlines()[6:8]]
    assert "ns for the histograms" in printed
