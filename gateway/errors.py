"""The base of what this package raises."""


class GatewayError(Exception):
    """Anything that stops the start of a gateway; the message names the setting and the mend."""
