"""One poller for each venue."""

import pytest

from deploy.errors import DeployError
from deploy.launcher.pollers import environ_of, symbols_of, venues_of
from deploy.launcher.programs import plan_run


@pytest.mark.parametrize(
    ("variables", "venues"),
    [
        ({}, ("binance",)),
        ({"VENUE": "coinbase"}, ("coinbase",)),
        ({"VENUES": "binance, coinbase"}, ("binance", "coinbase")),
        ({"VENUES": "coinbase", "VENUE": "binance"}, ("coinbase",)),
    ],
)
def test_venues(variables: dict[str, str], venues: tuple[str, ...]) -> None:
    """As many as are named, in their order."""
    assert venues == venues_of(variables)


@pytest.mark.parametrize(
    ("value", "says"), [("kraken", "'kraken', which is no venue"), ("", "''"), ("binance,binance", "binance twice")]
)
def test_what_names_no_venues(value: str, says: str) -> None:
    """It is said, with those there are."""
    with pytest.raises(DeployError, match=f"^VENUES names {says}"):
        venues_of({"VENUES": value})


def test_symbols_of_several_venues() -> None:
    """The default venue's as they would be without the others, and a few of each other venue."""
    assert "AUSDT,BUSDT" == symbols_of(("binance",), "AUSDT,BUSDT")
    both = symbols_of(("binance", "coinbase"), "AUSDT").split(",")
    assert ("AUSDT", "coinbase:BTC-USD") == tuple(both[:2])
    assert "AUSDT" not in symbols_of(("coinbase",), "AUSDT").split(",")


@pytest.mark.parametrize(
    ("feed", "binance", "coinbase"),
    [
        (None, None, None),
        ("simulated", None, None),
        ("binance-rest", None, "auto"),
        ("replay:x", None, "auto"),
        ("coinbase-ws", "auto", None),
    ],
)
def test_a_feed_is_its_venue_s(feed: str | None, binance: str | None, coinbase: str | None) -> None:
    """The poller of another venue is not told of it."""
    variables = {} if feed is None else {"FEED": feed}
    assert binance == environ_of("binance", variables, 0).get("FEED")
    assert coinbase == environ_of("coinbase", variables, 1).get("FEED")


def test_each_poller_of_a_plan() -> None:
    """One for each venue, on one bus, with one list of symbols and a port of its own for metrics."""
    plan = plan_run({"VENUES": "binance,coinbase", "POLLER_METRICS_PORT": "9100", "BUS_URL": "redis://h"})
    pollers = [plan.poller, *plan.other_pollers]
    assert ["poller", "poller-coinbase"] == [program.name for program in pollers]
    assert ["binance", "coinbase"] == [program.env["VENUE"] for program in pollers]
    assert ["9100", "9101"] == [program.env["POLLER_METRICS_PORT"] for program in pollers]
    (symbols,) = {program.env["SYMBOLS"] for program in (*pollers, *plan.gateways)}
    assert "BTCUSDT,ETHUSDT,SOLUSDT,coinbase:BTC-USD,coinbase:ETH-USD,coinbase:SOL-USD" == symbols
    assert pollers == [program for program in plan if program in pollers]


def test_one_venue_alone() -> None:
    """Nothing is said of venues to whoever serves the default one alone."""
    plan = plan_run({"BUS_URL": "redis://h"})
    assert () == plan.other_pollers
    assert not {"VENUE", "SYMBOLS"} & plan.poller.env.keys()
    alone = plan_run({"BUS_URL": "redis://h", "VENUES": "coinbase"})
    assert ("coinbase", ()) == (alone.poller.env["VENUE"], alone.other_pollers)


def test_capitals_do_not_matter() -> None:
    """A venue and a feed are read as the poller reads them."""
    assert ("binance", "coinbase") == venues_of({"VENUES": "Binance, COINBASE"})
    assert ("coinbase",) == venues_of({"VENUE": "Coinbase"})
    assert {"VENUE": "coinbase"} == environ_of("coinbase", {"FEED": "Simulated"}, 0)
    assert "auto" == environ_of("coinbase", {"FEED": "Binance-WS"}, 0)["FEED"]
