"""Symbols that are probably slips."""

import pytest

from deploy.files import SYMBOLS
from market.prices.doubts import doubt
from market.prices.symbols import DEFAULT_SYMBOLS, parse_symbols


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BTC", "SYMBOLS: BTC is no pair of binance; did you mean BTCUSDT?"),
        ("btc,eth", "SYMBOLS: BTC, ETH are no pairs of binance; did you mean BTCUSDT,ETHUSDT?"),
        ("BTCUSDT,doge", "SYMBOLS: DOGE is no pair of binance; did you mean DOGEUSDT?"),
        ("XBT", "SYMBOLS: XBT is no pair of binance; did you mean BTCUSDT?"),
        ("BTC/USDT", "SYMBOLS: BTC/USDT is no pair of binance; did you mean BTCUSDT?"),
        ("eth_btc", "SYMBOLS: ETH_BTC is no pair of binance; did you mean ETHBTC?"),
        ("FOO:USDC", "SYMBOLS: FOO:USDC is no pair of binance; did you mean FOOUSDC?"),
        ("BTC/USD", "SYMBOLS: BTC/USD is no pair of binance; did you mean BTCUSDT?"),
        (
            "BTC-USD",
            "SYMBOLS: BTC-USD is no pair of binance; did you mean BTCUSDT, or coinbase:BTC-USD of Coinbase?",
        ),
        ("BTCUSDT;ETHUSDT", "SYMBOLS: BTCUSDT;ETHUSDT is no pair of binance; did you mean BTCUSDT,ETHUSDT?"),
        ("BTC|ETHUSDT", "SYMBOLS: BTC|ETHUSDT is no pair of binance; did you mean BTCUSDT,ETHUSDT?"),
        ("BTC,BTC/USDT", "SYMBOLS: BTC, BTC/USDT are no pairs of binance; did you mean BTCUSDT?"),
    ],
)
def test_what_is_no_pair_is_said_with_the_pair(text: str, said: str) -> None:
    """A well-known base asset alone, a pair with a separator, and a list with the wrong sign between."""
    assert said == doubt(parse_symbols(text))


@pytest.mark.parametrize(
    "text",
    [
        f"@{SYMBOLS}",
        ",".join(DEFAULT_SYMBOLS),
        "ETHBTC,BNBETH,BTCUSD,BTCEUR,BTCTRY,USDCUSDT,BTCFDUSD,EURUSDT",
        "BTCIDR,USDTARS,BTCMXN,SOLBRL,NEOXYZ",
        "1INCHUSDT,1000SATSUSDT,币安人生USDT,币安人生,B,AIUSDT,ABCDEF,USDT",
        "BTCUSDT_260327,BTC-260327-100000-C,KRAKEN:XYZ,KRAKEN:BTCUSDT,A/B,XYZ-ABC",
        "coinbase:BTC-USD,coinbase:BTC,coinbase:ETH-BTC",
    ],
)
def test_real_and_unusual_symbols_are_no_slips(text: str) -> None:
    """Whatever an exchange could list; so are all of another venue."""
    assert doubt(parse_symbols(text)) == ""


def test_many_slips_are_one_short_line() -> None:
    """Ten of them are named."""
    said = doubt([f"S{number}/USDT" for number in range(300)])
    assert "S9/USDT and 290 more are no pairs" in said
    assert len(said) < 300
