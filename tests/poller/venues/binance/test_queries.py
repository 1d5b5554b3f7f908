"""How symbols are named in a question."""

from poller.venues.binance.queries import symbols_query


def test_query_of_symbols() -> None:
    """One symbol by ``symbol``, several by a JSON list without blanks, very many not at all."""
    assert {"symbol": "BTCUSDT"} == symbols_query(("BTCUSDT",))
    assert {"symbols": '["BTCUSDT","ETHUSDT"]'} == symbols_query(("BTCUSDT", "ETHUSDT"))
    assert {} == symbols_query(tuple(f"S{number}USDT" for number in range(1000)))
