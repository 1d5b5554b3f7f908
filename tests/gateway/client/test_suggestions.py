"""The words about names that mean no symbol."""

from gateway.auth.grant import ANONYMOUS, Grant
from gateway.client.suggestions import unknown_symbols
from market.prices.symbols import parse_symbols

SYMBOLS = parse_symbols("BTCUSDT,ETHUSDT,coinbase:BTC-USD,BTCEUR")
LISTS = '; {"type":"symbols"} lists what there is'


def test_the_symbols_that_were_probably_meant_are_named() -> None:
    """And how to list what there is, which stands alone where nothing is like the name."""
    assert f"unknown symbol: 'XBTUSDC' (did you mean BTCUSDT or coinbase:BTC-USD?){LISTS}" == (
        unknown_symbols(SYMBOLS, ["XBTUSDC"], ANONYMOUS)
    )
    assert f"unknown symbol: 'DOGE'{LISTS}" == unknown_symbols(SYMBOLS, ["DOGE"], ANONYMOUS)


def test_nothing_is_suggested_that_the_token_does_not_allow() -> None:
    """It would be refused the next time."""
    grant = Grant("someone", symbols=frozenset({"coinbase:BTC-USD"}))
    assert "(did you mean coinbase:BTC-USD?)" in unknown_symbols(SYMBOLS, ["BTCUSDC"], grant)
    assert f"'ETHGBP'{LISTS}" in unknown_symbols(SYMBOLS, ["ETHGBP"], grant)


def test_of_many_names_only_the_first_are_looked_up_and_named() -> None:
    """Three with a suggestion, ten by name, and the number of the others, whatever is in them."""
    words = unknown_symbols(
        SYMBOLS, [f"BTCUSD{'C' * (n % 2)}\x1b" if n > 5 else "BTCUSDC" for n in range(10_000)], None
    )
    assert 3 == words.count("did you mean")
    assert words.endswith(f" and 9990 more{LISTS}")
    assert words.isprintable()
    assert len(words) < 600
