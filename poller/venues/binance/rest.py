"""Requests to Binance's REST interface, and the exchange-specific part of its answers."""

from collections.abc import Mapping
from typing import Final

from poller.network.refusals import whole
from poller.rest.polling import Question, Questions
from poller.venues.binance.messages import error_of, parse_quotes, parse_summaries
from poller.venues.binance.queries import INVALID_SYMBOL, symbols_query
from poller.venues.binance.weight import SUMMARY_CHUNK, quotes_weight, summary_share, summary_weight

QUESTIONS: Final = Questions(
    quotes=Question("/api/v3/ticker/bookTicker", symbols_query, quotes_weight, parse_quotes),
    summaries=Question("/api/v3/ticker/24hr", symbols_query, summary_weight, parse_summaries),
    share=summary_share,
    summaries_at_once=SUMMARY_CHUNK,
    not_listed=INVALID_SYMBOL,
)


class BinanceRestDialect:
    """See `poller.rest.client.RestDialect`."""

    what = "Binance's REST interface"

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """The weight used in this minute by this IP (API documents, "IP Limits")."""
        return whole(headers.get("X-MBX-USED-WEIGHT-1M"))

    def error_code(self, body: bytes) -> int:
        """The code in ``{"code":-1121,"msg":"Invalid symbol."}``."""
        return error_of(body)[0]
