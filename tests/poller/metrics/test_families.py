"""Figures of single symbols."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from market.metrics.exposition import expose
from market.metrics.histogram import seconds
from market.prices.tick import Tick
from poller.metrics.families import PollerFamilies
from poller.publishing.measures import Measures
from poller.source import LinkState
from tests.market.metrics.parsed import Values, values_of
from tests.market.samples import tick
from tests.poller.test_states import serving

NOW_US = 50_000_000


async def scraped(ticks: dict[str, Tick], *, up: bool = True, most: int = 10) -> Values:
    """The metrics of a poller of three symbols, of which one is stale."""
    states = serving("BTCUSDT", "ETHUSDT", "SOLUSDT")
    states.uncovered("ETHUSDT", "nothing comes")
    states.settle({}, up=True)
    publisher = SimpleNamespace(
        published=0, conflated=0, failures=0, heartbeats=0, leading=True, waiting=0, newest=ticks.get,
        measures=Measures(lambda: NOW_US),
    )  # fmt: skip
    families = PollerFamilies(
        cast(Any, publisher),
        lambda: LinkState("simulated", "up" if up else "down", "", 0),
        states,
        cast(Any, SimpleNamespace(published=0, drops={})),
        now_us=lambda: NOW_US,
        loop_lag=seconds(),
        drops=dict,
        left_out=dict,
        source_counters=dict,
        most_symbols=most,
    )
    return values_of(await expose(families))


def of(values: Values, name: str) -> dict[str, float]:
    """The values of a metric by symbol."""
    return {labels[1]: value for labels, value in values.items() if labels[0] == f"tickgate_poller_{name}"}


@pytest.mark.parametrize("up", [True, False])
async def test_a_symbol_is_live_if_its_feed_is(*, up: bool) -> None:
    """One that is stale alone shows alone."""
    values = await scraped({}, up=up)
    assert {"BTCUSDT": up, "ETHUSDT": 0, "SOLUSDT": up} == of(values, "symbol_live")


async def test_ages_are_of_symbols_that_have_a_price() -> None:
    """By this machine's own clock."""
    values = await scraped({"SOLUSDT": tick("SOLUSDT", recv_us=NOW_US - 1_500_000)})
    assert {"SOLUSDT": 1.5} == of(values, "symbol_tick_age_seconds")


async def test_so_many_symbols_have_figures_of_their_own() -> None:
    """A label for each of ten thousand would cost whoever stores them."""
    assert {"BTCUSDT", "ETHUSDT"} == set(of(await scraped({}, most=2), "symbol_live"))
