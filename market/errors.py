"""The base of what this package raises."""


class MarketError(Exception):
    """Anything that `market` refuses; the message says what was wrong and how to fix it."""
