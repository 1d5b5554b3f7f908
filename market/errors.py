"""The base class of this package's errors."""


class MarketError(Exception):
    """An error of `market`; the message says what was wrong and how to fix it."""
