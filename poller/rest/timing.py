"""Our patience with an exchange's REST interface, in one place; tests shorten it."""

from msgspec import Struct


class RestTiming(Struct, frozen=True, kw_only=True):
    """How REST is asked. All times in seconds."""

    interval_s: float = 1.0
    """Between two requests for quotes, and between two for summaries."""
    market_interval_s: float = 40.0
    """Between two summaries of the whole market, which cost 80."""
    request_timeout_s: float = 5.0
    exchange_info_timeout_s: float = 30.0
    """All symbols are several megabytes."""
    quiet_s: float = 3.0
    """Without any price for so long, the link is down; without one of a symbol, that symbol is stale."""
    listing_s: float = 3600.0
    """Between two looks at what is listed."""
    absent_s: float = 60.0
    """Between two looks at the symbols that are not traded."""
    still_s: float = 5.0
    """A quote that stands still for so long is a ground to look at what is listed."""
    doubts_gap_s: float = 5.0
    """Between two looks at what is in doubt, at least; longer while much of the weight is used."""
    doubt_s: float = 10.0
    """From a look at what was in doubt to the next one, at least; twice as long each time nothing has changed."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    weight_limit: int = 6000
    """Per `weight_window_s` and IP, until the exchange says otherwise."""
    weight_window_s: float = 60.0
