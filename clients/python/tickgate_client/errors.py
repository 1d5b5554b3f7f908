"""What a stream raises."""


class TickgateError(Exception):
    """The base of all."""


class RefusedError(TickgateError):
    """The gateway will not serve us, and another try cannot help. The message says why and what to do."""

    def __init__(self, message: str, code: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The close code, the HTTP status or the code of the gateway's error."""


class NotConnectedError(TickgateError):
    """There was no connection within the time that was given for the first one."""


class SubscribeError(TickgateError):
    """Some symbols of a subscribe are refused, or all. Those in ``held`` are subscribed to."""

    def __init__(self, message: str, code: str, held: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        """As ``unknown_symbol`` or ``forbidden``; docs/protocol.md has all."""
        self.held = held


class ClosedError(TickgateError):
    """The stream is closed."""
