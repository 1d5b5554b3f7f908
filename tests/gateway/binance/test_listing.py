"""The answer to ``exchangeInfo``."""

from gateway.binance.listing import entry, info
from market.prices.listed import Listed
from tests.fakes import tick
from tests.gateway.binance.conftest import QUOTE

LISTED = Listed(
    symbol="BTCUSDT", native="BTCUSDT", status="trading", base="BTC", quote="USDT", tick_size="0.01000000",
    step_size="0.00001000", min_price="0.01000000", max_price="1000000.00000000", min_qty="0.00001000",
    max_qty="9000.00000000", min_notional="5.00000000",
)  # fmt: skip


def test_rules_are_those_of_the_exchange_to_the_digit() -> None:
    """The price's come first: a client looks for its step there."""
    found = entry("BTCUSDT", LISTED, None)
    assert ("BTCUSDT", "TRADING", "BTC", "USDT") == tuple(
        found[key] for key in ("symbol", "status", "baseAsset", "quoteAsset")
    )
    price, lot, notional = found["filters"]
    assert {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "1000000.00000000",
        "tickSize": "0.01000000",
    } == price
    assert {
        "filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000",
    } == lot  # fmt: skip
    assert ("NOTIONAL", "5.00000000") == (notional["filterType"], notional["minNotional"])


def test_without_a_listing_steps_are_those_of_the_tick() -> None:
    """A poller older than listings publishes none; assets follow from the name."""
    found = entry("ETHBTC", None, tick("ETHBTC", **QUOTE))
    assert ("TRADING", "ETH", "BTC") == (found["status"], found["baseAsset"], found["quoteAsset"])
    price, lot = found["filters"]
    assert ("0.01000000", "0.00100000") == (price["tickSize"], lot["stepSize"])
    (price, _) = entry("ODD", None, None)["filters"]
    assert "0.00000001" == price["tickSize"]


def test_a_symbol_that_is_not_traded_says_so() -> None:
    """In Binance's words."""
    halted = Listed(symbol="LUNAUSDT", native="LUNAUSDT", status="halted")
    assert "HALT" == entry("LUNAUSDT", halted, None)["status"]


def test_the_answer_has_the_limit_that_is_kept_here() -> None:
    """A client paces itself by it."""
    answer = info(5, [])
    assert ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"] == list(answer)
    assert 6000 == answer["rateLimits"][0]["limit"]
