"""Other spellings of symbols, and the symbols that a wrong name may have meant."""

from typing import Any

import pytest

from market.prices.pairs import Pairs

SERVED = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ETHBTC", "BTCEUR", "coinbase:BTC-USD", "1000PEPEUSDT", "BTCPLN")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTC/USDT", "BTCUSDT"),
        ("BTC-USDT", "BTCUSDT"),
        ("BTC_USDT", "BTCUSDT"),
        ("ETH/BTC", "ETHBTC"),
        ("1000PEPE-USDT", "1000PEPEUSDT"),
        ("COINBASE:BTC/USD", "coinbase:BTC-USD"),
        ("BTC/USD", None),
        ("BT/CUSDT", None),
        ("BTCUSDT/", None),
        ("/BTCUSDT", None),
        ("BTC//USDT", None),
        ("BTC/PLN", None),
        ("BTC.USDT", None),
        ("COINBASE:BTCUSD", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_separator_between_base_and_quote_is_understood(name: str, expected: str | None) -> None:
    """One of / - _ in the one place where it belongs, before a well-known quote asset; nothing else."""
    assert expected == Pairs(SERVED).spelled(name)


def test_a_spelling_that_two_symbols_share_is_of_neither() -> None:
    """Whoever writes it may have meant either."""
    assert Pairs(["BTCUSDT", "BTC-USDT"]).spelled("BTC/USDT") is None
    assert "A-B-USDT" == Pairs(["A-B-USDT"]).spelled("A-B/USDT")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTCUSD", ["coinbase:BTC-USD"]),
        ("BTC-USD", ["coinbase:BTC-USD"]),
        ("XBTUSD", ["coinbase:BTC-USD"]),
        ("XBT", ["BTCUSDT", "coinbase:BTC-USD", "BTCEUR"]),
        ("XBTFDUSD", ["BTCUSDT", "coinbase:BTC-USD"]),
        ("XBTGBP", []),
        ("SOL/EUR", []),
        ("XBT/EUR", ["BTCEUR"]),
        ("eth-usdc", ["ETHUSDT"]),
        ("ETH.USDT", ["ETHUSDT"]),
        ("kraken:ETHUSDT", ["ETHUSDT"]),
        ("BTCUSTD", ["coinbase:BTC-USD", "BTCUSDT"]),
        ("BTCUSDTT", ["BTCUSDT"]),
        ("BCUSDT", ["BTCUSDT"]),
        ("SOLL", ["SOLUSDT"]),
        ("BTC-PLN", ["BTCPLN"]),
        ("DOGE", []),
        ("DOGEUSDT", []),
        ("USDT", []),
        ("X", []),
        ("", []),
        ("币安人生USDT", []),
        ("B" * 64, []),
        ("-/_.:" * 12, []),
    ],
)
def test_a_wrong_name_has_probably_meant_these(name: str, expected: list[str]) -> None:
    """The pair with other signs, or its base with other quotes, best known first; or one slip of the finger away."""
    assert expected == Pairs(SERVED).alike(name)


class CountingDict(dict[str, list[tuple[int, str]]]):
    """Counts how often it was looked into."""

    looks = 0

    def get(self, *args: Any) -> Any:
        self.looks += 1
        return super().get(*args)


@pytest.mark.parametrize("name", ["ABCDEFGHIJKL", "A-B-C-D-E-F-G-H-I-J-K-L", "XBTXBTXBTXBT", "A" * 64, "USDTUSDTUSDT"])
def test_a_name_is_looked_for_a_bounded_number_of_times(name: str) -> None:
    """However many symbols are served, and whatever the name."""
    pairs = Pairs(f"S{number}USDT" for number in range(2_000))
    looks = pairs._known = CountingDict(pairs._known)
    assert [] == pairs.alike(name)
    assert looks.looks <= 700
