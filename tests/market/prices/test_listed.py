"""A symbol's entry in a listing."""

import msgspec

from market.prices.instruments import Instrument, Rules
from market.prices.listed import Listed, listed


def test_an_entry_has_what_the_exchange_says() -> None:
    """With its own digits, under our name and its own."""
    rules = Rules("BTC", "USD", "0.01", "0.00000001", min_notional="1.0")
    entry = listed("coinbase:BTC-USD", Instrument("halted", rules=rules))
    assert entry == Listed(
        symbol="coinbase:BTC-USD",
        native="BTC-USD",
        status="halted",
        base="BTC",
        quote="USD",
        tick_size="0.01",
        step_size="0.00000001",
        min_notional="1.0",
    )


def test_what_is_not_known_is_absent() -> None:
    """A symbol that is not listed has its names and its state."""
    expected = b'{"symbol":"BTCUSDT","native":"BTCUSDT","status":"unknown"}'
    assert expected == msgspec.json.encode(listed("BTCUSDT", Instrument("unknown")))
    assert expected == msgspec.json.encode(listed("BTCUSDT", Instrument("unknown", rules=Rules())))
