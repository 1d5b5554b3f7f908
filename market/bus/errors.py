"""What can go wrong with a bus, whatever it is made of."""

from market.errors import MarketError


class BusDownError(MarketError):
    """The bus cannot be reached, or did not answer in time. Try again later."""


class LeaseLostError(MarketError):
    """The lease has run out, or has another owner. Nothing of what was to be done under it was done."""


class BusUrlError(MarketError, ValueError):
    """A bus URL that means nothing; the message says how to write one."""
