"""What one ``exchangeInfo`` says of a symbol, however little sense the rest of it makes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.instruments import Instrument, Rules, Scales
from market.prices.tick import MAX_EXACT, MAX_SCALE
from poller.venues.binance.exchange_info import BadExchangeInfoError, ExchangeInfo

ANSWER: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "binance_exchange_info.json").read_text(encoding="utf-8")
)


def info(**changes: Any) -> ExchangeInfo:
    """Read an answer of exchangeInfo with these changes."""
    return ExchangeInfo(json.dumps({**ANSWER, **changes}).encode())


def listed(**fields: Any) -> Instrument | None:
    """BTCUSDT, as an answer with these fields lists it."""
    return info(symbols=[{"symbol": "BTCUSDT", "status": "TRADING", **fields}]).instrument("BTCUSDT")


def filters(tick: object, step: object, largest: str = "9000.0") -> list[dict[str, object]]:
    """Make the filters of a symbol."""
    return [
        {"filterType": "PRICE_FILTER", "maxPrice": "1000000.0", "tickSize": tick},
        {"filterType": "LOT_SIZE", "maxQty": largest, "stepSize": step},
    ]


def status_and_scales(instrument: Instrument | None) -> tuple[str, Scales]:
    """What the poller itself needs of a listing."""
    assert instrument is not None
    return instrument.status, instrument.scales


def test_the_rules_are_passed_on_as_they_are_written() -> None:
    """Assets and the rules for orders, in the exchange's own digits; what is no decimal number is left out."""
    entry = {
        "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": 9000, "stepSize": "1e-5"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }  # fmt: skip
    its = listed(**entry)
    assert its is not None
    expected = Rules(
        "BTC", "USDT", tick_size="0.01000000", min_price="0.01000000", max_price="1000000.0",
        min_qty="0.00001000", min_notional="5.00000000",
    )  # fmt: skip
    assert expected == its.rules
    # Its name until 2023.
    its = listed(filters=[{"filterType": "MIN_NOTIONAL", "minNotional": "10.0"}])
    assert its is not None
    assert Rules(min_notional="10.0") == its.rules


@pytest.mark.parametrize(
    ("symbol", "scales"),
    [
        ("BTCUSDT", Scales(2, 5)),
        ("ETHUSDT", Scales(2, 4)),
        ("SHIBUSDT", Scales(8, 0)),
        ("EURUSDT", Scales(3, 1)),
    ],
)
def test_scales_come_from_the_steps(symbol: str, scales: Scales) -> None:
    """Decimals are those of tickSize and stepSize; a maximum may be finer than them."""
    assert ("trading", scales) == status_and_scales(info().instrument(symbol))


@pytest.mark.parametrize(
    ("entry", "scales"),
    [
        ({}, Scales(0, 0)),
        ({"filters": []}, Scales(0, 0)),
        ({"filters": None}, Scales(0, 0)),
        ({"filters": [7, "x", {}]}, Scales(0, 0)),
        ({"filters": filters("0.01", "0.00001")[:1]}, Scales(2, 0)),
        ({"filters": filters("0.01", "0.00000000")}, Scales(2, 0)),
        ({"filters": filters("0.00000000", "0.00001")}, Scales(0, 5)),
        ({"filters": filters("x", "0.001")}, Scales(0, 3)),
        ({"filters": filters(0.01, 7)}, Scales(2, 0)),
        ({"filters": filters("-0.01", "1e-5")}, Scales(0, 0)),
        ({"filters": filters("0." + "0" * 20 + "1", "0.1")}, Scales(0, 1)),
    ],
)
def test_what_is_missing_is_left_open(entry: dict[str, Any], scales: Scales) -> None:
    """A filter or a step that is missing, zero or senseless costs no symbol and no other scale."""
    assert ("trading", scales) == status_and_scales(listed(**entry))


def test_sizes_beyond_exact_have_a_smaller_scale() -> None:
    """Where the largest size has no room at the step's scale, the scale is the finest that it has room at."""
    assert ("trading", Scales(8, 5)) == status_and_scales(info().instrument("HUGEUSDT"))
    for largest in (str(MAX_EXACT), "9" * 30):
        its = listed(filters=filters("0.01", "0.001", largest))
        assert ("trading", Scales(2, 0)) == status_and_scales(its)


@given(st.integers(0, MAX_SCALE), st.integers(0, MAX_EXACT))
def test_the_largest_size_always_has_room(decimals: int, largest: int) -> None:
    """Whatever the filter, its largest size is exact in JavaScript at the scale, which is no finer than the step."""
    step = "1" if decimals == 0 else "0." + "1".zfill(decimals)
    instrument = listed(filters=filters("0.01", step, f"{largest}.5"))
    assert instrument is not None
    assert 0 <= instrument.scales.size <= decimals
    assert largest * 10**instrument.scales.size <= MAX_EXACT


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("BREAK", "halted"),
        ("HALT", "halted"),
        ("CANCEL_ONLY", "halted"),
        ("END_OF_DAY", "halted"),
        ("SOMETHING_NEW", "halted"),
        ("DELISTED", "delisted"),
        ("CLOSE", "delisted"),
    ],
)
def test_status_is_reported_with_the_exchange_s_word(status: str, expected: str) -> None:
    """What is not traded is halted, or delisted where no way leads back; the reason has the exchange's own word."""
    instrument = listed(status=status, filters=filters("0.01", "0.001"))
    assert instrument is not None
    assert (expected, Scales(2, 3)) == (instrument.status, instrument.scales)
    assert f"({status})" in instrument.reason


@pytest.mark.parametrize("entry", [{"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "status": None}, {"symbol": "X"}])
def test_entries_without_a_usable_status(entry: dict[str, Any]) -> None:
    """No status at all is no halt; a senseless one is; what is not in the answer is nothing."""
    instrument = info(symbols=[entry]).instrument("BTCUSDT")
    expected = {"BTCUSDT": "halted" if "status" in entry else "trading"}.get(entry["symbol"])
    assert expected == (instrument and instrument.status)


def test_suggestion() -> None:
    """A misspelt symbol has a likely right one; where nothing is alike, nothing is suggested."""
    assert "BTCUSDT" == info().suggestion("BTCUSTD")
    assert info().suggestion("QQQQ") is None


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
        b'{"symbols":[{"symbol":[]}]}',
        b'{"symbols":[],"rateLimits":[{"limit":5}]}',
        b'{"symbols":' + b"[" * 100_000,
    ],
)
def test_other_answers_are_refused(body: bytes) -> None:
    """What is no ``exchangeInfo`` is said to be none."""
    with pytest.raises(BadExchangeInfoError):
        ExchangeInfo(body)
