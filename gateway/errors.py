"""The base of what this package raises."""


class GatewayError(Exception):
    """What this package raises: what stops a start names the setting and the mend, what refuses somebody says why."""
