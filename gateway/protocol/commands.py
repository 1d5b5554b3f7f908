"""The bytes of a client's message → a command, or what is wrong with them."""

from collections.abc import Callable
from typing import Any, Final, Protocol, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.protocol.messages import MAX_NAMES, AnyCommand, Channel, ErrorCode, Id
from market.wire.codec import UNREADABLE

_TYPES: Final = ("subscribe", "unsubscribe", "list", "ping", "auth")
_CHANNELS: Final = get_args(Channel)
_TOO_LONG: Final = f"`array` of length <= {MAX_NAMES}"
"""In what the decoder says of a list that is too long."""


class Malformed(Struct):
    """What is answered to a message that is not a command."""

    code: ErrorCode
    message: str
    id: Id | UnsetType = UNSET
    """The client's own, where it could still be read."""


class _AnyMessage(Struct):
    """What can still be told of a message that is not a command."""

    id: Id | UnsetType | None = UNSET
    type: str | UnsetType = UNSET


class Decoder(Protocol):
    """Reads messages of one type, such as `msgspec.json.Decoder`."""

    def decode(self, data: bytes, /) -> Any:
        """The value of that type in ``data``.

        Raises:
            msgspec.ValidationError: it is of another type.
            market.wire.codec.UNREADABLE: it is not in this encoding at all.
        """


class CommandDecoder:
    """Decodes the messages of one encoding; it keeps nothing from one to the next."""

    __slots__ = ("_any_message", "_command", "format")

    def __init__(self, name: str, decoder_of: Callable[[Any], Decoder]) -> None:
        """``name`` is what clients are told that their messages should be; ``decoder_of`` makes a decoder of a type."""
        self.format = name
        """As given to clients: "JSON"."""
        self._command = decoder_of(AnyCommand)
        self._any_message = decoder_of(_AnyMessage)

    def decode(self, data: bytes) -> AnyCommand | Malformed:
        """Read one message; bad input is an answer, never an exception."""
        try:
            command: AnyCommand = self._command.decode(data)
        except msgspec.ValidationError as error:
            return self._look_again(data, str(error))
        except UNREADABLE as error:
            return Malformed("bad_json", f"not {self.format}: {error}")
        return command

    def _look_again(self, data: bytes, problem: str) -> Malformed:
        """Find what the client needs to hear: its own id, and whether the command itself is unknown."""
        try:
            message: _AnyMessage = self._any_message.decode(data)
        except UNREADABLE:
            return Malformed("bad_message", problem)
        mark = UNSET if message.id is None else message.id
        if message.type is not UNSET and message.type not in _TYPES:
            known = ", ".join(_TYPES)
            unknown = f"unknown command {message.type[:40]!r}; this gateway knows {known}"
            return Malformed("unknown_command", unknown, mark)
        if _TOO_LONG in problem and problem.endswith("`$.symbols`"):
            problem = f'`symbols` has more than {MAX_NAMES} names; send several messages, or ["*"] for all'
        if problem.endswith("`$.channel`"):
            problem += f"; this gateway knows {', '.join(_CHANNELS)}"
        return Malformed("bad_message", problem, mark)
