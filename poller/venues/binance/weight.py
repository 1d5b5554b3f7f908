"""The costs of requests.

They are from Binance's API documents, "Market data endpoints": request weight per IP and minute.
"""

EXCHANGE_INFO_WEIGHT = 20
SUMMARY_CHUNK = 20
"""The most symbols for which the 24-hour summary costs as little as for one."""


def quotes_weight(symbols: int) -> int:
    """The weight of ``bookTicker`` for this number of symbols (0 means all)."""
    return 2 if symbols == 1 else 4


def summary_weight(symbols: int) -> int:
    """The weight of ``ticker/24hr`` for this number of symbols (0 means all)."""
    if 1 <= symbols <= SUMMARY_CHUNK:
        return 2
    return 40 if 1 <= symbols <= 100 else 80


def summary_share(symbols: int) -> int:
    """The number of symbols per request for which summaries of ``symbols`` cost least; 0 means all at once.

    Chunks of `SUMMARY_CHUNK` cost 2 each; above 40 chunks the whole market at 80 is cheaper.
    """
    return min(symbols, SUMMARY_CHUNK) if symbols <= 40 * SUMMARY_CHUNK else 0
