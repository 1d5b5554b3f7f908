"""The names of streams."""

import pytest

from gateway.binance.names import Stream, StreamNames, is_of_all
from tests.gateway.binance.conftest import SYMBOLS

NAMES = StreamNames(SYMBOLS)


@pytest.mark.parametrize("kind", ["bookTicker", "miniTicker", "ticker"])
def test_each_symbol_has_its_streams(kind: str) -> None:
    """The symbol is in lower case, the kind as it is written."""
    assert Stream(f"btcusdt@{kind}", kind, "BTCUSDT") == NAMES.find(f"btcusdt@{kind}")
    assert Stream(f"币安人生usdt@{kind}", kind, "币安人生USDT") == NAMES.find(f"币安人生usdt@{kind}")


@pytest.mark.parametrize("name", ["!miniTicker@arr", "!miniTicker@arr@1000ms"])
def test_the_stream_of_all_symbols_has_two_names(name: str) -> None:
    """Its messages carry the one that was asked for."""
    assert Stream(name, name) == NAMES.find(name)
    assert is_of_all(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "@", "btcusdt", "btcusdt@", "@bookTicker", "btcusdt@bookticker", "btcusdt@kline_1h@+08:00", "!bookTicker",
        "!ticker@arr", "btcusdt@depth@100ms", "btcusdt@bookTicker@arr", "doge@bookTicker", "x" * 5000,
    ],
)  # fmt: skip
def test_any_other_name_is_refused_in_few_words(name: str) -> None:
    """They quote the name, however long it is, and say what there is."""
    problem = NAMES.find(name)
    assert isinstance(problem, str)
    assert name[:60] in problem
    assert len(problem) < 300


def test_a_symbol_in_capitals_is_pointed_to_the_right_name() -> None:
    """At Binance such a stream is silent for ever."""
    assert "btcusdt@ticker" in str(NAMES.find("BTCUSDT@ticker"))


def test_symbols_of_other_venues_have_no_streams() -> None:
    """They are no names that Binance could have."""
    assert ("BTCUSDT", "ETHUSDT", "币安人生USDT") == NAMES.served
    assert isinstance(NAMES.find("coinbase:btc-usd@ticker"), str)
