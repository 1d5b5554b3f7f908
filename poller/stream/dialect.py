"""What is an exchange's own about its streams: bytes in, updates out. No sockets, no clock.

A connection asks its dialect what to send, and what that means which came; everything else about connections is the
same for all exchanges.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal, Protocol

from msgspec import Struct

from poller.source import Update

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]

NEVER_S: Final = float("inf")


class StreamLimits(Struct, frozen=True, kw_only=True):
    """What an exchange allows, and how it behaves. All times in seconds."""

    symbols_per_connection: int
    messages_per_window: int
    """Sent by us, pongs too."""
    message_window_s: float = 1.0
    message_gap_s: float = 0.0
    """Between any two messages of ours."""
    connects_per_window: int
    connect_window_s: float
    message_bytes: int = 1 << 20
    """Its longest message."""
    deflate: bool = False
    """Whether it advises to have its messages compressed (RFC 7692)."""
    silent_s: float = 0.0
    """For how long a server may be silent that is known to answer no pings; what it sends by itself comes sooner."""
    renew_after_s: float = NEVER_S
    """A connection is replaced when it is so old: the exchange would end it."""
    renew_jitter_s: float = 0.0
    received_within_s: float = NEVER_S
    """Of each symbol something comes at least so often; `NEVER_S` where a quiet symbol is nothing unusual."""


class Request(Struct, frozen=True):
    """One message of ours that subscribes, or ends subscriptions."""

    method: Method
    subjects: tuple[str, ...]
    """What it is about, in the exchange's words."""
    encode: Callable[[int], bytes]
    """The message under this number, which no other request of the connection has."""


class Ack(Struct, frozen=True):
    """The exchange's answer to a request."""

    id: int | None
    """Of the request; None where the exchange did not say: then it is known by the subjects."""
    error: str = ""
    """Empty if all is well."""
    subjects: Collection[str] = ()
    """All that is subscribed now; with an error, what cannot be. Empty where the answer does not say: an error is
    then about the oldest request."""
    again: bool = True
    """With an error: whether asking again may help."""


class Alive(Struct, frozen=True):
    """The stream of this symbol works, though there is no news."""

    symbol: str


class Ending(Struct, frozen=True):
    """The connection is to be replaced."""

    reason: str


class Unexpected(Struct, frozen=True):
    """A message that means nothing to us."""

    why: str
    symbol: str | None = ""
    """Whose quotes it should have told; None where that cannot be read, empty where it is no quote."""


Heard = Update | Ack | Alive | Ending | Unexpected


class StreamDialect(Protocol):
    """One connection's. What the exchange told on it before may matter for what comes next."""

    def url(self, base: str) -> str:
        """Where to connect."""

    def requests(self, method: Method, symbols: Iterable[str]) -> Iterable[Request]:
        """What to send for these symbols, in messages that the exchange takes."""

    def parse(self, message: str, recv_us: int) -> Iterable[Heard]:
        """What came, in the order in which it is to be told. Never raises."""
