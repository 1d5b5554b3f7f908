"""What is said of a symbol that the gateway does not know."""

from deploy.watch.listing import MOST, Listing, served
from gateway.protocol.messages import Error, ServedSymbols
from gateway.protocol.served_symbol import ServedSymbol

HINT = '; {"type":"symbols"} lists what there is'


def listed(*names: str, more: bool = False) -> ServedSymbols:
    """Make a part of a list."""
    symbols = [ServedSymbol(symbol=name, venue="binance", state="live") for name in names]
    return ServedSymbols(symbols=symbols, more=True) if more else ServedSymbols(symbols=symbols)


def test_the_words_are_for_a_person() -> None:
    """The gateway's words without the protocol's, and what it serves, from all parts of its list."""
    listing = Listing(Error(code="unknown_symbol", message=f"unknown symbol: 'BTCUSD' (did you mean BTCUSDT?){HINT}"))
    assert [listing.take(listed("BTCUSDT", more=True)), listing.take(listed("ETHUSDT"))] == [False, True]
    assert listing.error.message == (
        "unknown symbol: 'BTCUSD' (did you mean BTCUSDT?); the gateway serves 2: BTCUSDT, ETHUSDT"
    )


def test_a_long_list_is_cut() -> None:
    """To some twenty names and how many more there are; none at all is said, too."""
    names = [f"S{number}USDT" for number in range(412)]
    text = served(names)
    assert text.startswith("the gateway serves 412: S0USDT, ")
    assert text.endswith(f", S{MOST - 1}USDT and {412 - MOST} more")
    assert served([]) == "the gateway serves no symbol that you may have"
