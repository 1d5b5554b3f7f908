"""Our timeouts for an exchange's REST interface; tests shorten them."""

from msgspec import Struct


class RestTiming(Struct, frozen=True, kw_only=True):
    """Timeouts and pauses of REST requests. All times in seconds."""

    interval_s: float = 1.0
    """Between two requests for quotes, and between two for summaries."""
    market_interval_s: float = 40.0
    """Between two summaries of the whole market, whose weight is 80."""
    request_timeout_s: float = 5.0
    exchange_info_timeout_s: float = 30.0
    """The answer for all symbols has several megabytes."""
    quiet_s: float = 3.0
    """Without any price for this long the link is down; without a symbol's price that symbol is stale."""
    listing_s: float = 3600.0
    """Between two readings of the listing."""
    absent_s: float = 60.0
    """Between two readings of the listing of symbols that are not traded."""
    still_s: float = 5.0
    """The listing of a symbol is read again if its quote has not changed for this long."""
    doubts_gap_s: float = 5.0
    """The least time between two readings for doubted symbols; longer while much of the weight is used."""
    doubt_s: float = 10.0
    """The least time between two readings for the same doubted symbol; doubled each time nothing has changed."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    weight_limit: int = 6000
    """Per `weight_window_s` and IP, until the exchange says otherwise."""
    weight_window_s: float = 60.0
