"""One client's conversation, free of I/O: a message in; replies, wishes and snapshots out."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.closing import Closing
from gateway.cohort import Wishes
from gateway.frames import Encoding
from gateway.protocol import (
    AnyCommand,
    Error,
    ErrorCode,
    Id,
    List,
    Message,
    Ping,
    Pong,
    Subscribe,
    Subscribed,
    Subscriptions,
    Unsubscribe,
    Unsubscribed,
)
from market.symbols import Symbols

ALL: Final = "*"

_NAMED_AT_MOST: Final = 10
"""So many wrong symbols are named in one error; the rest are counted."""


class Limits(Struct, frozen=True):
    """What one client may take; 0 means no limit."""

    max_symbols: int
    max_errors: int


class Outcome(Struct):
    """What one message leads to. Effects come in the order of the fields."""

    wishes: Wishes | None = None
    """Wanted from now on; None where nothing changes."""
    replies: Sequence[Message] = ()
    snapshots: Sequence[str] = ()
    """Symbols whose last values are to be sent."""
    close: Closing | None = None


class _AnyMessage(Struct):
    """What can still be told of a message that is not a command."""

    id: Id | UnsetType = UNSET
    type: str | UnsetType = UNSET


class _Decoders(Struct, frozen=True):
    command: msgspec.json.Decoder[AnyCommand] | msgspec.msgpack.Decoder[AnyCommand]
    any_message: msgspec.json.Decoder[_AnyMessage] | msgspec.msgpack.Decoder[_AnyMessage]


_DECODERS: dict[Encoding, _Decoders] = {
    "json": _Decoders(msgspec.json.Decoder(AnyCommand), msgspec.json.Decoder(_AnyMessage)),
    "msgpack": _Decoders(msgspec.msgpack.Decoder(AnyCommand), msgspec.msgpack.Decoder(_AnyMessage)),
}
_TYPES: Final = ("subscribe", "unsubscribe", "list", "ping")
_FORMAT: Final = {"json": "JSON", "msgpack": "MessagePack"}


class Session:
    """What one client has asked for so far."""

    __slots__ = ("_decoders", "_deflate", "_encoding", "_errors", "_limits", "_symbols", "wishes")

    def __init__(self, symbols: Symbols, limits: Limits, encoding: Encoding, *, deflate: bool = False) -> None:
        """``deflate`` says whether the client can read compressed batches."""
        self._symbols = symbols
        self._limits = limits
        self._encoding: Encoding = encoding
        self._deflate = deflate
        self._decoders = _DECODERS[encoding]
        self._errors = 0
        self.wishes = Wishes(frozenset(), encoding)
        """What it holds now. Whoever keeps equal wishes may replace this object with its own."""

    def receive(self, data: bytes) -> Outcome:
        """The outcome of a message in the frame type that the encoding asks for."""
        try:
            command = self._decoders.command.decode(data)
        except msgspec.ValidationError as error:
            return self._refuse_message(data, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._error("bad_json", f"not {_FORMAT[self._encoding]}: {error}")
        match command:
            case Subscribe():
                return self._subscribe(command)
            case Unsubscribe():
                return self._unsubscribe(command)
            case List():
                return Outcome(replies=[Subscriptions(symbols=self._held(), id=command.id)])
            case Ping():
                return Outcome(replies=[Pong(id=command.id)])

    def receive_wrong_frame(self) -> Outcome:
        """The outcome of a binary message where text is due, or the other way round."""
        if self._encoding == "json":
            return self._error("wrong_frame", "binary frame where text is due; send JSON text")
        return self._error("wrong_frame", "text frame where binary is due; send MessagePack")

    def _subscribe(self, command: Subscribe) -> Outcome:
        named, unknown = self._resolve(command.symbols)
        held = self.wishes.symbols
        wanted = held.union(named)
        replies: list[Message] = []
        refused: Outcome | None = None
        limit = self._limits.max_symbols
        if limit and len(wanted) > max(limit, len(held)):
            too_many = f"{len(wanted)} symbols are more than the {limit} that one connection may hold"
            return self._error("too_many_symbols", too_many, command.id)
        if unknown:
            refused = self._error("unknown_symbol", _unknown(unknown), command.id)
            if not named:
                return refused
        replies.append(Subscribed(symbols=named, id=command.id))
        if refused is not None:
            replies.extend(refused.replies)
        wishes = self.wishes
        batch = wishes.batch if command.batch is UNSET else command.batch
        return Outcome(
            Wishes(
                wanted,
                self._encoding,
                batch=batch,
                deflate=batch and self._deflate,
                max_hz=wishes.max_hz if command.max_hz is UNSET else command.max_hz,
                conflate=wishes.conflate if command.conflate is UNSET else command.conflate,
            ),
            replies,
            named if command.snapshot else (),
            refused.close if refused is not None else None,
        )

    def _unsubscribe(self, command: Unsubscribe) -> Outcome:
        held = self.wishes.symbols
        named, unknown = self._resolve(command.symbols)
        if unknown and not named:
            return self._error("unknown_symbol", _unknown(unknown), command.id)
        dropped = [symbol for symbol in named if symbol in held]
        replies: list[Message] = [Unsubscribed(symbols=dropped, id=command.id)]
        close = None
        if unknown:
            refused = self._error("unknown_symbol", _unknown(unknown), command.id)
            replies.extend(refused.replies)
            close = refused.close
        wishes = msgspec.structs.replace(self.wishes, symbols=held.difference(dropped))
        return Outcome(wishes, replies, close=close)

    def _resolve(self, names: list[str]) -> tuple[list[str], list[str]]:
        """The symbols meant, each once and in the order named, and the names that mean nothing here."""
        named: dict[str, None] = {}
        unknown: dict[str, None] = {}
        for name in names:
            if name == ALL:
                named.update(dict.fromkeys(self._symbols))
                continue
            symbol = self._symbols.resolve(name)
            if symbol is None:
                unknown[name] = None
            else:
                named[symbol] = None
        return list(named), list(unknown)

    def _held(self) -> list[str]:
        return [symbol for symbol in self._symbols if symbol in self.wishes.symbols]

    def _refuse_message(self, data: bytes, problem: str) -> Outcome:
        try:
            message = self._decoders.any_message.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._error("bad_message", problem)
        if message.type is not UNSET and message.type not in _TYPES:
            known = ", ".join(_TYPES)
            unknown = f"unknown command {message.type[:40]!r}; this gateway knows {known}"
            return self._error("unknown_command", unknown, message.id)
        return self._error("bad_message", problem, message.id)

    def _error(self, code: ErrorCode, message: str, command_id: Id | UnsetType = UNSET) -> Outcome:
        self._errors += 1
        replies: list[Message] = [Error(code=code, message=message, id=command_id)]
        limit = self._limits.max_errors
        if limit and self._errors >= limit:
            replies.append(Error(code="too_many_errors", message=f"{limit} messages of this connection were wrong"))
            return Outcome(replies=replies, close=Closing.TOO_MANY_ERRORS)
        return Outcome(replies=replies)


def _unknown(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_NAMED_AT_MOST])
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"unknown symbol: {shown}{more}"
