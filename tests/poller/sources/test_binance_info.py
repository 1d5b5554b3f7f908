import json
import logging
from pathlib import Path
from typing import Any

import pytest

from market.instruments import Scales
from poller.errors import PollerError
from poller.sources import UnknownSymbolError
from poller.sources.binance_info import BadExchangeInfoError, ExchangeInfo

ANSWER: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "binance_exchange_info.json").read_text(encoding="utf-8")
)


def info(**changes: Any) -> ExchangeInfo:
    return ExchangeInfo(json.dumps({**ANSWER, **changes}).encode())


@pytest.mark.parametrize(
    ("symbol", "scales"),
    [
        ("BTCUSDT", Scales(2, 5)),
        ("ETHUSDT", Scales(2, 4)),
        ("SHIBUSDT", Scales(8, 0)),
        ("OFFUSDT", Scales(8, 8)),
        ("EURUSDT", Scales(3, 1)),
    ],
)
def test_scales_come_from_the_steps(symbol: str, scales: Scales) -> None:
    """Decimals are those of tickSize and stepSize; eight where the filter is off; a maximum may be finer than them."""
    assert {symbol: scales} == info().scales([symbol])


def test_unknown_symbol_names_what_was_meant() -> None:
    """A misspelt symbol is refused in one line that names the variable, the symbol and the likely right one."""
    with pytest.raises(UnknownSymbolError) as caught:
        info().scales(["BTCUSDT", "BTCUSTD"])
    assert "SYMBOLS names BTCUSTD, which Binance does not list; did you mean BTCUSDT?" == str(caught.value)


def test_unknown_symbol_like_no_other() -> None:
    """Where nothing is alike, nothing is suggested."""
    with pytest.raises(UnknownSymbolError, match="remove it, or correct it"):
        info().scales(["QQQQ"])


def test_numbers_beyond_exact_are_refused() -> None:
    """A symbol whose sizes could pass 2^53 - 1 stops the start, with its name and its maximum."""
    with pytest.raises(PollerError, match=r"SYMBOLS names HUGEUSDT, whose size may reach 90000000000.0+ at 6 decimals"):
        info().scales(["HUGEUSDT"])


def test_pause_in_trading_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """A symbol that is listed but does not trade now is served, with a warning."""
    with caplog.at_level(logging.WARNING):
        assert {"VENUSDT": Scales(4, 2)} == info().scales(["VENUSDT"])
    assert ["VENUSDT is listed but not trading now (BREAK): expect no prices of it"] == caplog.messages


def test_weight_limit_is_read() -> None:
    """The weight allowed per minute is the exchange's own word, where it gives it."""
    assert 6000 == info().weight_limit
    assert info(rateLimits=[]).weight_limit is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"symbols":7}',
        b'{"symbols":[7]}',
        b'{"symbols":[],"rateLimits":[{"limit":5}]}',
    ],
)
def test_other_answers_are_refused(body: bytes) -> None:
    """What is no ``exchangeInfo`` is said to be none."""
    with pytest.raises(BadExchangeInfoError):
        ExchangeInfo(body)


@pytest.mark.parametrize(
    "entry",
    [
        {"symbol": "BTCUSDT", "status": "TRADING"},
        {"symbol": "BTCUSDT", "status": "TRADING", "filters": [{"filterType": "PRICE_FILTER", "tickSize": "x"}]},
        {"symbol": "BTCUSDT", "status": "TRADING", "filters": [{"filterType": "PRICE_FILTER", "tickSize": 0.01}]},
        {"symbol": "BTCUSDT", "filters": []},
    ],
)
def test_senseless_entry_is_refused(entry: dict[str, Any]) -> None:
    """A symbol whose filters cannot be read is no ground to guess its scales."""
    with pytest.raises(BadExchangeInfoError, match="BTCUSDT"):
        info(symbols=[entry]).scales(["BTCUSDT"])
