"""Errors that end the poller."""


class PollerError(Exception):
    """Anything that ends the poller; the message is one line that says what was wrong and how to fix it."""


class UnknownSymbolError(PollerError):
    """The exchange lists none of the symbols in ``SYMBOLS``."""
