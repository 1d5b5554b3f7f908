"""The messages between client and gateway, as types; docs/protocol.md is made of them, for people.

Client to gateway is one tagged union, decoded strictly: a wrong type or an unknown field is refused.
Gateway to client is one Struct each. ``type`` is the tag in both directions.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from market.prices.symbols import MAX_SYMBOL_BYTES, fits
from market.prices.venues import DEFAULT_VENUE
from market.wire.status import SymbolState

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""A client's own mark on a request, echoed in the answer."""

ALL: Final = "*"
"""In a list of names: every symbol there is."""

MAX_NAMES: Final = 10_000
"""In one message. ``["*"]`` is any number, and who wants more by name sends several messages."""

SymbolNames = Annotated[
    list[Annotated[str, Meta(max_length=MAX_SYMBOL_BYTES)]], Meta(min_length=1, max_length=MAX_NAMES)
]
"""Each of `market.prices.symbols.MAX_SYMBOL_BYTES` in UTF-8 at most."""

Channel = Literal["ticker"]
"""What is told of a symbol: best bid and ask, last price and volume."""

MaxHz = Annotated[float, Meta(ge=0.1, le=50)]


class Command(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True, gc=False):
    """The base of what a client may send. Whatever is not required may be null, which means its default."""

    id: Id | UnsetType | None = UNSET

    @property
    def mark(self) -> Id | UnsetType:
        """The ``id`` for the answer, where there is one."""
        return UNSET if self.id is None else self.id


class Subscribe(Command, tag="subscribe"):
    """Send me these symbols: a snapshot of each now, then every change.

    Options are those of the symbols that it names, in place of any that these had before; absent or null, an option has
    its default. Other symbols keep theirs. One connection has four different sets of options at most.
    """

    symbols: SymbolNames
    """Symbols, aliases, or ``["*"]`` for all."""
    channel: Channel | UnsetType | None = UNSET
    """There is one so far, the default."""
    snapshot: bool | None = True
    """Whether to send what is known of each symbol at once."""
    batch: bool | UnsetType | None = UNSET
    """One ``ticks`` message per flush in place of one ``tick`` per symbol."""
    max_hz: MaxHz | UnsetType | None = UNSET
    """At most so many updates per symbol and second, the newest each time; by default every one.

    Rounded down to 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25 or 50.
    """
    conflate: bool | UnsetType | None = UNSET
    """False: every single tick, in order, whatever ``max_hz`` says; who cannot keep up is closed with 4408."""

    def __post_init__(self) -> None:
        """Refuse names that are too long in UTF-8."""
        _check(self.symbols)


def _check(names: list[str]) -> None:
    # Nearly all are short and plain, which is told of all at once.
    if max(map(len, names), default=0) <= MAX_SYMBOL_BYTES and "".join(names).isascii():
        return
    if not all(map(fits, names)):
        raise ValueError(f"a name in `symbols` is longer than {MAX_SYMBOL_BYTES} bytes")


class Unsubscribe(Command, tag="unsubscribe"):
    """Send me no more of these; ``["*"]`` means none at all."""

    symbols: SymbolNames

    def __post_init__(self) -> None:
        """Refuse names that are too long in UTF-8."""
        _check(self.symbols)


class List(Command, tag="list"):
    """Which symbols do I hold?"""


class Ping(Command, tag="ping"):
    """Are you there? (For clients that cannot send WebSocket pings, such as browsers.)"""


class Auth(Command, tag="auth"):
    """This is my token: the first message where the handshake carried none, later one that lasts longer."""

    token: Annotated[str, Meta(max_length=8192)]


AnyCommand = Subscribe | Unsubscribe | List | Ping | Auth

ErrorCode = Literal[
    "bad_json",  # not JSON, or not MessagePack
    "bad_message",  # a wrong type, a missing or unknown field
    "wrong_frame",  # binary where text is due, or text where binary is
    "unknown_command",
    "unknown_symbol",
    "too_many_symbols",
    "too_many_options",  # different sets of options on one connection
    "unauthorised",  # no token yet, or one that opens nothing
    "forbidden",  # the token does not allow it
    "expired",  # the token has; the last word before the connection is closed
    "rate_limited",  # too many messages a second; this one was not looked at
    "too_many_connections",  # of this token's subject
    "try_later",  # the token cannot be checked now
    "too_many_errors",  # the last word before the connection is closed
]


class Message(Struct, tag_field="type", kw_only=True, gc=False):
    """The base of what a gateway sends, ticks and snapshots apart (`gateway.protocol.encoding` makes those)."""


class Welcome(Message, tag="welcome"):
    """The first message of a connection."""

    client: str
    """A UUID; every log line about this client carries it."""
    heartbeat_s: float
    """Who has sent nothing, not even a pong, for one to one and a half times this long is taken for dead."""


class Subscribed(Message, tag="subscribed"):
    """What of a subscribe is now held, by the symbols' full names, in the order they were asked for."""

    symbols: list[str]
    id: Id | UnsetType = UNSET


class Unsubscribed(Message, tag="unsubscribed"):
    """What of an unsubscribe was held and is not any more."""

    symbols: list[str]
    id: Id | UnsetType = UNSET


class Subscriptions(Message, tag="subscriptions"):
    """Everything this connection holds."""

    symbols: list[str]
    id: Id | UnsetType = UNSET


class Status(Message, tag="status"):
    """Whether prices of a venue are being heard: sent after ``welcome``, of each venue, and at every change."""

    feed: Literal["live", "stale"]
    reason: str
    """Why it is stale, or what is unusual; empty where there is nothing to say."""
    source: str
    """binance-ws, binance-rest, coinbase-ws, simulated, replay or another word; empty while no poller was heard."""
    since_us: int
    venue: str = DEFAULT_VENUE
    """Whose: that of the symbols with this name and a colon in front, or of those with none in front."""


class SymbolStatus(Message, tag="symbol_status"):
    """Whether the price of one symbol is current: behind the snapshot of one that is not live, and at every change.

    A `Status` of ``stale`` says it of every symbol of its venue, and sends none of these.
    """

    symbol: str
    state: SymbolState
    reason: str
    """Why it is not live; where it is, empty, or what is unusual."""
    since_us: int


class Authenticated(Message, tag="authenticated"):
    """The answer to ``auth``: the token holds from now on, in place of the one before."""

    subject: str
    """Whose token it is; empty where nobody needs one."""
    expires_us: int | UnsetType = UNSET
    """When the connection is closed with 4401 unless another ``auth`` comes before; Unix time, microseconds."""
    id: Id | UnsetType = UNSET


class Expiring(Message, tag="expiring"):
    """Your token ends soon; send ``auth`` with another."""

    expires_us: int | UnsetType


class Lag(Message, tag="lag"):
    """You were too slow: ``conflated`` ticks were replaced by newer ones, which follow."""

    conflated: int


class Pong(Message, tag="pong"):
    """The answer to ``ping``."""

    id: Id | UnsetType = UNSET


class Error(Message, tag="error"):
    """What was wrong with a message; the connection stays unless a close frame follows."""

    code: ErrorCode
    message: str
    id: Id | UnsetType = UNSET


class Shutdown(Message, tag="shutdown"):
    """This gateway is going away: connect again, anywhere, after so many milliseconds."""

    reconnect_after_ms: int
