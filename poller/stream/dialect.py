"""The exchange-specific part of a stream: messages in, updates out. No sockets, no clock.

A connection asks its dialect what to send and what a received message means. Everything else about connections is the
same for all exchanges.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Literal, Protocol

from msgspec import Struct

from poller.source import Update

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]


class Request(Struct, frozen=True):
    """One message from us that subscribes or unsubscribes."""

    method: Method
    subjects: tuple[str, ...]
    """What it is about, as the exchange names it."""
    encode: Callable[[int], bytes]
    """Makes the message with this number, which is unique on the connection."""


class Ack(Struct, frozen=True):
    """The exchange's answer to a request."""

    id: int | None
    """The request's number; None if the answer has none: then the subjects identify the request."""
    error: str = ""
    """Empty if all is well."""
    subjects: Collection[str] = ()
    """All that is subscribed now; with an error, the refused subjects. Empty if the answer names none: an error is then
    about the oldest request."""
    again: bool = True
    """With an error: whether a retry may help."""


class Alive(Struct, frozen=True):
    """The stream of this symbol works, though nothing is new."""

    symbol: str


class Ending(Struct, frozen=True):
    """The connection should be replaced."""

    reason: str


class Unexpected(Struct, frozen=True):
    """A message that we do not understand."""

    why: str
    symbol: str | None = ""
    """The symbol of its quote; None if the symbol cannot be read, empty if it is no quote."""


StreamEvent = Update | Ack | Alive | Ending | Unexpected
"""What a received message means."""


class StreamDialect(Protocol):
    """The dialect of one connection. It may keep state from earlier messages."""

    def url(self, base: str) -> str:
        """Where to connect."""

    def requests(self, method: Method, symbols: Iterable[str]) -> Iterable[Request]:
        """The requests for these symbols, each of a size that the exchange accepts."""

    def parse(self, message: str, recv_us: int) -> Iterable[StreamEvent]:
        """The events in a message, in the order in which to report them. Never raises."""
