"""How symbols are named in a question."""

from poller.venues.binance.queries import parts, symbols_query


def test_query_of_symbols() -> None:
    """One symbol by ``symbol``, several by a JSON list without blanks, very many not at all."""
    assert {"symbol": "BTCUSDT"} == symbols_query(("BTCUSDT",))
    assert {"symbols": '["BTCUSDT","ETHUSDT"]'} == symbols_query(("BTCUSDT", "ETHUSDT"))
    assert {} == symbols_query(tuple(f"S{number}USDT" for number in range(1000)))


def test_parts_name_each_symbol_once_and_not_too_many() -> None:
    """At most a hundred, and no list that is too long for an address."""
    names = [f"S{number:03d}USDT" for number in range(250)]
    assert [100, 100, 50] == [len(part) for part in parts(names)]
    assert names == [symbol for part in parts(names) for symbol in part]
    long = ["币" * 20 + str(number) for number in range(60)]
    assert long == [symbol for part in parts(long) for symbol in part]
    assert all(len(symbols_query(part).get("symbols", "")) < 3000 for part in parts(long))
    assert [] == list(parts([]))
