"""The names in a message."""

from gateway.auth.grant import Grant
from gateway.client.names import listed, permitted, resolve
from market.prices.symbols import parse_symbols

SYMBOLS = parse_symbols("BTCUSDT,ETHUSDT,SOLUSDT")


def test_names_mean_symbols_each_once() -> None:
    """Names become symbols in their order, in any case; an alias means its symbol, and ``*`` means all."""
    assert (["ETHUSDT", "BTCUSDT"], []) == resolve(SYMBOLS, ["ETHUSDT", "BTCUSDT", "ETHUSDT"])
    assert (["ETHUSDT", "BTCUSDT"], ["NOPE"]) == resolve(SYMBOLS, ["eth", "NOPE", "BTC", "ETHUSDT", "NOPE"])
    assert (["SOLUSDT", "BTCUSDT", "ETHUSDT"], []) == resolve(SYMBOLS, ["SOL", "*"])


def test_only_symbols_asked_for_by_name_are_forbidden() -> None:
    """``*`` means the symbols that the token allows; only named symbols can be forbidden."""
    grant = Grant("someone", symbols=frozenset({"BTCUSDT"}))
    assert (["BTCUSDT"], ["ETHUSDT"]) == permitted(grant, SYMBOLS, ["BTCUSDT", "ETHUSDT"], ["BTC", "ETH"])
    assert (["BTCUSDT"], []) == permitted(grant, SYMBOLS, list(SYMBOLS), ["*"])
    assert (["BTCUSDT"], ["SOLUSDT"]) == permitted(grant, SYMBOLS, list(SYMBOLS), ["*", "SOL"])


def test_an_error_names_the_first_of_many() -> None:
    """An error names the first ten, and the number of the others."""
    assert "unknown symbol: 'A', 'B'" == listed("unknown symbol", ["A", "B"])
    assert listed("unknown symbol", [str(number) for number in range(25)]).endswith("'9' and 15 more")
