"""The base of what this package raises."""


class PollerError(Exception):
    """Anything that ends the poller; the message is one line that says what was wrong and how to fix it."""
