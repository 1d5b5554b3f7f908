"""The messages between client and gateway, as types; docs/protocol.md is made of them, for people.

Client to gateway is one tagged union, decoded strictly: a wrong type or an unknown field is refused. Gateway to client
is one Struct each. ``type`` is the tag in both directions.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.protocol.channels import Channel
from gateway.protocol.served_symbol import ServedSymbol
from market.prices.symbols import MAX_SYMBOL_BYTES, fits
from market.prices.tick import Exact
from market.prices.venues import DEFAULT_VENUE
from market.wire.status import SymbolState

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""A client's own mark on a request; the answer repeats it."""

ALL: Final = "*"
"""In a list of names: all symbols."""

MAX_NAMES: Final = 10_000
"""The most names in one message. ``["*"]`` means all; for more names send several messages."""

SymbolNames = Annotated[
    list[Annotated[str, Meta(max_length=MAX_SYMBOL_BYTES)]], Meta(min_length=1, max_length=MAX_NAMES)
]
"""Each of `market.prices.symbols.MAX_SYMBOL_BYTES` in UTF-8 at most."""

Since = dict[Annotated[str, Meta(max_length=MAX_SYMBOL_BYTES)], Exact]
"""Name of a symbol → the seq of the last tick that the client has."""
MaxHz = Annotated[float, Meta(ge=0.1, le=50)]


class Command(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True, gc=False):
    """The base of all commands. An optional field may be null, which means its default."""

    id: Id | UnsetType | None = UNSET
    """Your own mark on the command; its answer repeats it. ``null`` means none."""

    @property
    def mark(self) -> Id | UnsetType:
        """The ``id`` for the answer, if there is one."""
        return UNSET if self.id is None else self.id


class Subscribe(Command, tag="subscribe"):
    """Send me these symbols: a snapshot of each now, then every change.

    The options are those of the named symbols, and replace earlier ones; an option that is absent or null has its
    default. Other symbols keep theirs. One connection has four different sets of options at most.
    """

    symbols: SymbolNames
    """Symbols, aliases, or ``["*"]`` for all. ``BTC`` means ``BTCUSDT``, and so does ``BTC/USDT``, also with - or _ as
    the separator, unless a symbol has that very name. The case of A to Z does not matter."""
    channel: Channel | UnsetType | None = UNSET
    """What to send of the symbols. ``ticker``, the default, is best bid and ask, last price and volume. ``stats`` are
    the figures of the last 24 hours. A symbol can be held in both, with options of its own in each."""
    snapshot: bool | None = True
    """Whether to send the last value of each symbol at once. Default true."""
    batch: bool | UnsetType | None = UNSET
    """One ``ticks`` message per flush instead of one ``tick`` per symbol. Default false."""
    max_hz: MaxHz | UnsetType | None = UNSET
    """The most updates per symbol and second, the newest each time; by default every one. Rounded down to 0.1, 0.2,
    0.5, 1, 2, 5, 10, 20, 25 or 50."""
    conflate: bool | UnsetType | None = UNSET
    """Default true. False sends every single tick, in order, whatever ``max_hz`` says. A client that cannot keep up is
    closed with 4408."""
    since: Since | UnsetType | None = UNSET
    """With ``conflate`` false: of symbols in ``symbols`` the ``seq`` of the last tick that you have. What you missed
    follows, in place of a snapshot. See [Resuming](#resuming)."""

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
    """Stop sending these symbols; ``["*"]`` means all."""

    symbols: SymbolNames
    """As in ``subscribe``."""
    channel: Channel | UnsetType | None = UNSET
    """The channel in which to stop; ``ticker`` by default. What is held in another stays."""

    def __post_init__(self) -> None:
        """Refuse names that are too long in UTF-8."""
        _check(self.symbols)


class List(Command, tag="list"):
    """Which symbols do I hold?"""


class ListSymbols(Command, tag="symbols"):
    """Which symbols are there? Those that this gateway serves and the token allows, whether or not I hold them."""


class Ping(Command, tag="ping"):
    """Are you there? (For clients that cannot send WebSocket pings, such as browsers.)"""


class Auth(Command, tag="auth"):
    """This is my token: the first message if the handshake had none, later a token that lasts longer."""

    token: Annotated[str, Meta(max_length=8192)]
    """A JSON Web Token."""


AnyCommand = Subscribe | Unsubscribe | List | ListSymbols | Ping | Auth

ErrorCode = Literal[
    "bad_json",  # The message is not JSON, or not MessagePack.
    "bad_message",  # A field has a wrong type, is missing, or is unknown.
    "wrong_frame",  # A binary frame came where text is due, or text where binary is.
    "unknown_command",  # There is no such command.
    "unknown_symbol",  # This gateway serves no such symbol. The message suggests others for the first three such names.
    "too_many_symbols",  # The connection would hold more symbols than the gateway or its token allows.
    "too_many_options",  # The connection would have more than four different sets of options. Nothing has changed.
    "unauthorised",  # There is no token yet, or it is not valid.
    "forbidden",  # The token does not allow it.
    "expired",  # The token has expired. The connection is closed.
    "rate_limited",  # Too many messages per second. This one was not read.
    "too_many_connections",  # The token's subject has too many connections.
    "try_later",  # The token cannot be checked now.
    "too_many_errors",  # Too many messages were wrong. The connection is closed.
]
"""Each code, and beside it what it means; docs/protocol.md has the same."""


class Message(Struct, tag_field="type", kw_only=True, gc=False):
    """The base of all messages of a gateway except ticks and snapshots (`gateway.protocol.encoding` makes those)."""


class Welcome(Message, tag="welcome"):
    """The first message of a connection."""

    client: str
    """A UUID; every log line about this client carries it."""
    heartbeat_s: float
    """A client that sends nothing, not even a pong, for 1 to 1.5 times this many seconds counts as dead."""


class Subscribed(Message, tag="subscribed"):
    """The answer to ``subscribe``."""

    symbols: list[str]
    """The symbols of the command that are now held, by their full names, in its order."""
    channel: Channel | UnsetType = UNSET
    """That of the command, if it was not ``ticker``."""
    id: Id | UnsetType = UNSET
    """That of the command."""


class Gap(Message, tag="gap"):
    """Ticks that you missed are not known here. The symbol's ``snapshot`` follows, then every change."""

    symbol: str
    """The symbol's full name."""
    from_seq: int
    """The first number that you lack."""
    to_seq: int | UnsetType = UNSET
    """The last one: one less than that of the snapshot. It is absent if nobody knows what is missing: the numbering of
    the symbol has begun anew, or the gateway has had no tick of it yet."""


class Unsubscribed(Message, tag="unsubscribed"):
    """The answer to ``unsubscribe``. Also sent after `SYMBOLS` has changed: these are no longer served."""

    symbols: list[str]
    """The symbols that were held and are no longer."""
    channel: Channel | UnsetType = UNSET
    """The channel in which they were held, if it was not ``ticker``."""
    id: Id | UnsetType = UNSET
    """That of the command."""


class Subscriptions(Message, tag="subscriptions"):
    """The answer to ``list``."""

    symbols: list[str]
    """Everything that this connection holds in channel ``ticker``."""
    channels: dict[Channel, list[str]] | UnsetType = UNSET
    """Channel → what it holds there, for the other channels; absent if that is nothing."""
    id: Id | UnsetType = UNSET
    """That of the command."""


class ServedSymbols(Message, tag="symbols"):
    """The answer to ``symbols``. ``GET /v1/symbols`` gives the same list, whole, as ``{"symbols":[...]}``."""

    symbols: list[ServedSymbol]
    """The symbols that this gateway serves and the token allows, in the gateway's order; at most 500 in one message."""
    more: bool | UnsetType = UNSET
    """True if another message with more of them follows at once; else absent."""
    id: Id | UnsetType = UNSET
    """That of the command."""


class Status(Message, tag="status"):
    """Whether a venue's prices are live: sent after ``welcome`` for each venue with symbols, and at every change.

    If the gateway stops serving a venue, the last status of it says so: ``stale``, and ``served`` is false. Forget the
    venue then. If it is served again, a status without ``served`` comes.
    """

    feed: Literal["live", "stale"]
    """``stale`` says that the prices of all symbols of the venue may be old."""
    reason: str
    """Why it is stale, or what is unusual; else empty."""
    source: str
    """``binance-ws``, ``binance-rest``, ``coinbase-ws``, ``simulated``, ``replay`` or another word. It is empty before
    the first heartbeat of a poller."""
    since_us: int
    """Since when; Unix time, microseconds."""
    venue: str = DEFAULT_VENUE
    """The venue. Its symbols have this name and a colon in front; those of ``binance`` have nothing in front."""
    served: bool | UnsetType = UNSET
    """False if this gateway has no symbol of the venue any more; else absent."""


class SymbolStatus(Message, tag="symbol_status"):
    """Whether the price of one symbol is current: sent behind its snapshot if it is not live, and at every change.

    A ``status`` of ``stale`` says it of all symbols of its venue; none of these is sent then.
    """

    symbol: str
    """The symbol's full name."""
    state: SymbolState
    """See [states](#states-of-symbols)."""
    reason: str
    """Why it is not live. If it is live: empty, or what is unusual."""
    since_us: int
    """Since when; Unix time, microseconds."""


class Authenticated(Message, tag="authenticated"):
    """The answer to ``auth``: the token counts from now on, in place of the one before."""

    subject: str
    """Whose token it is; empty if no token is needed."""
    expires_us: int | UnsetType = UNSET
    """When the connection is closed with 4401 unless another ``auth`` comes before; Unix time, microseconds."""
    id: Id | UnsetType = UNSET
    """That of the command."""


class Expiring(Message, tag="expiring"):
    """Your token ends soon; send ``auth`` with another."""

    expires_us: int | UnsetType
    """When it ends; Unix time, microseconds."""


class Lag(Message, tag="lag"):
    """You did not read fast enough: newer ticks have replaced some, and come as you read."""

    conflated: int
    """Ticks that are never sent because a newer one of the same symbol replaced them while the client was slow.

    They are of all symbols that the client then held with ``conflate``, and each is counted by one notice. Not counted
    are a tick still to be sent, the one that was due when its symbol was unsubscribed, and what ``max_hz`` leaves out
    while the client is not slow. Once the client holds no symbol with ``conflate``, it gets no more notices of them.
    """


class Pong(Message, tag="pong"):
    """The answer to ``ping``."""

    id: Id | UnsetType = UNSET
    """That of the command."""


class Error(Message, tag="error"):
    """What was wrong with a message. The connection stays unless a close frame follows.

    A subscribe that is partly wrong does what is right, and each error names what is not.
    """

    code: ErrorCode
    """See [error codes](#error-codes)."""
    message: str
    """What was wrong, in words."""
    id: Id | UnsetType = UNSET
    """That of the command, if it could be read."""


class Shutdown(Message, tag="shutdown"):
    """This gateway is going away: connect again, to any gateway, after so long."""

    reconnect_after_ms: int
    """How long to wait before, in milliseconds."""
