"""The errors of every bus implementation."""

from market.errors import MarketError


class BusDownError(MarketError):
    """The bus cannot be reached, or did not answer in time. Try again later."""


class NoStoreError(BusDownError):
    """This bus cannot do this without another store, and was given none. Trying again does not help."""


class LeaseLostError(MarketError):
    """The lease has run out, or has another owner. Nothing was done under it."""


class BusUrlError(MarketError, ValueError):
    """A bus URL that cannot be read; the message says how to write one."""
