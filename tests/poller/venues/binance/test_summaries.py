"""Binance's figures of 24 hours: every digit as it is written, and nothing that hides last price and volume."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.stats import Stats, readable
from poller.source import Update
from poller.venues.binance.messages import parse_message, parse_summaries

FULL: dict[str, Any] = {
    "symbol": "BNBBTC", "priceChange": "-94.99999800", "priceChangePercent": "-95.960",
    "weightedAvgPrice": "0.29628482", "prevClosePrice": "0.10002000",
    "lastPrice": "4.00000200", "lastQty": "200.00000000", "bidPrice": "4.00000000",
    "bidQty": "100.00000000", "askPrice": "4.00000200", "askQty": "100.00000000", "openPrice": "99.00000000",
    "highPrice": "100.00000000", "lowPrice": "0.10000000", "volume": "8913.30000000", "quoteVolume": "15.30000000",
    "openTime": 1499783499040, "closeTime": 1499869899040, "firstId": 28385, "lastId": 28460, "count": 76,
}  # fmt: skip
MINI: dict[str, Any] = {
    "e": "24hrMiniTicker", "E": 1672515782136, "s": "BNBBTC", "c": "0.0025", "o": "0.0010", "h": "0.0025",
    "l": "0.0010", "v": "10000", "q": "18",
}  # fmt: skip


TICKER: dict[str, Any] = {
    "e": "24hrTicker", "E": 1672515782136, "s": "BNBBTC", "p": "0.0015", "P": "250.00", "w": "0.0018", "x": "0.0009",
    "c": "0.0025", "Q": "10", "b": "0.0024", "B": "10", "a": "0.0026", "A": "100", "o": "0.0010", "h": "0.0025",
    "l": "0.0010", "v": "10000", "q": "18", "O": 1672429382136, "C": 1672515782135, "F": 0, "L": 18150, "n": 18151,
}  # fmt: skip


def of_stream(event: Mapping[str, Any] = MINI, stream: str = "miniTicker", **changes: Any) -> Update:
    """The update of an event of a stream."""
    update = parse_message(json.dumps({"stream": f"bnbbtc@{stream}", "data": {**event, **changes}}), 7)
    assert isinstance(update, Update)
    return update


def of_rest(**changes: Any) -> Update:
    """The update of an answer of ``ticker/24hr``."""
    [update] = parse_summaries(json.dumps({**FULL, **changes}).encode(), 7, {"BNBBTC"}).updates
    return update


def test_a_mini_ticker_has_six_figures() -> None:
    """And the time of the event."""
    expected = Stats(
        symbol="BNBBTC", ts_us=1672515782136000, open="0.0010", high="0.0025", low="0.0010", last="0.0025",
        volume="10000", quote_volume="18",
    )  # fmt: skip
    assert expected == of_stream().stats


def test_a_ticker_has_all_of_them() -> None:
    """Its quote is as of the event, and is not used."""
    update = of_stream(TICKER, "ticker")
    expected = Stats(
        symbol="BNBBTC", ts_us=1672515782136000, open="0.0010", high="0.0025", low="0.0010", last="0.0025",
        volume="10000", quote_volume="18", change="0.0015", change_percent="250.00", weighted="0.0018",
        prev_close="0.0009", last_size="10", open_us=1672429382136000, close_us=1672515782135000, first_id=0,
        last_id=18150, trades=18151,
    )  # fmt: skip
    assert expected == update.stats
    assert (None, None, "0.0025", "10000") == (update.bid, update.ask, update.last, update.volume)


def test_an_answer_has_all_of_them() -> None:
    """Its time is that of the 24 hours' end, which is when the exchange wrote it."""
    expected = Stats(
        symbol="BNBBTC", ts_us=1499869899040000, open="99.00000000", high="100.00000000", low="0.10000000",
        last="4.00000200", volume="8913.30000000", quote_volume="15.30000000", change="-94.99999800",
        change_percent="-95.960", weighted="0.29628482", prev_close="0.10002000", last_size="200.00000000",
        open_us=1499783499040000, close_us=1499869899040000, first_id=28385, last_id=28460, trades=76,
    )  # fmt: skip
    assert expected == of_rest().stats


def test_a_symbol_without_trades() -> None:
    """Binance writes -1 for the numbers of its trades: there are none."""
    stats = of_rest(firstId=-1, lastId=-1, count=0).stats
    assert stats is not None
    stats, wrong = readable(stats)
    assert (("first_id", "last_id"), 0) == (wrong, stats.trades)


def test_without_a_time_it_is_that_of_receiving() -> None:
    """An answer of MINI form has times; one without is no fault."""
    stats = of_rest(closeTime=None, openTime="x").stats
    assert stats is not None
    assert (7, UNSET, UNSET) == (stats.ts_us, stats.open_us, stats.close_us)


anything = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from("ohlq"), anything), st.dictionaries(st.sampled_from(list(FULL)[1:5]), anything))
def test_what_is_wrong_in_it_hides_no_price(stream: dict[str, Any], rest: dict[str, Any]) -> None:
    """Last price and volume come all the same, and what is published can be read."""
    for update, last, volume in (
        (of_stream(**stream), "0.0025", "10000"),
        (of_rest(**rest), "4.00000200", FULL["volume"]),
    ):
        assert (last, volume) == (update.last, update.volume)
        assert update.stats is not None
        stats, _ = readable(update.stats)
        assert last == stats.last
