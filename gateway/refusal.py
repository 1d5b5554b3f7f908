"""Why somebody is not let in, in terms of HTTP."""

from collections.abc import Mapping

from gateway.errors import GatewayError


class RefusalError(GatewayError):
    """A request, or a connection, that is not let in; the message says what is wrong, to whoever sent it."""

    def __init__(
        self,
        status: int,
        reason: str,
        problem: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: str | None = None,
    ) -> None:
        """``reason`` is a word for the metrics; ``code``, where it tells more, one for the client."""
        super().__init__(problem)
        self.status = status
        self.reason = reason
        self.code = code or reason
        self.headers = headers or {}
