"""The bytes of a client's message → a command, or what is wrong with them."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.protocol.error_codes import ErrorCode
from gateway.protocol.messages import AnyCommand, Id
from gateway.protocol.mistakes import KINDS, Misnamed, in_words, no_type
from market.wire.codec import UNREADABLE


class Malformed(Struct):
    """The answer to a message that is not a command."""

    code: ErrorCode
    message: str
    id: Id | UnsetType = UNSET
    """The client's own ``id``, if it could still be read."""


class _AnyMessage(Struct):
    """What can still be read of a message that is not a command."""

    id: Id | UnsetType | None = UNSET
    type: str | UnsetType = UNSET


class Decoder(Protocol):
    """Reads messages of one type, such as `msgspec.json.Decoder`."""

    def decode(self, data: bytes, /) -> Any:
        """The value of that type in ``data``.

        Raises:
            msgspec.ValidationError: the data is of another type.
            market.wire.codec.UNREADABLE: the data is not in this encoding.
        """


class CommandDecoder:
    """Decodes the messages of one encoding; keeps no state between them."""

    __slots__ = ("_any_message", "_command", "_misnamed", "format")

    def __init__(self, name: str, decoder_of: Callable[[Any], Decoder]) -> None:
        """``name`` is the format as clients know it; ``decoder_of`` makes a decoder of a type."""
        self.format = name
        """As clients know it: "JSON"."""
        self._command = decoder_of(AnyCommand)
        self._any_message = decoder_of(_AnyMessage)
        self._misnamed = decoder_of(Misnamed)

    def decode(self, data: bytes) -> AnyCommand | Malformed:
        """Read one message. Bad input gives an answer, never an exception."""
        try:
            command: AnyCommand = self._command.decode(data)
        except msgspec.ValidationError as error:
            return self._look_again(data, str(error))
        except UNREADABLE as error:
            return Malformed("bad_json", f"not {self.format}: {error}")
        return command

    def _look_again(self, data: bytes, problem: str) -> Malformed:
        """Find what the client needs to know: its own ``id``, and whether the command is unknown."""
        try:
            message: _AnyMessage = self._any_message.decode(data)
        except UNREADABLE:
            return Malformed("bad_message", in_words(problem, ""))
        mark = UNSET if message.id is None else message.id
        if message.type is UNSET:
            return Malformed("bad_message", no_type(self._misnamed.decode(data)), mark)
        if message.type not in KINDS:
            known = ", ".join(KINDS)
            unknown = f"unknown command {message.type[:40]!r}; this gateway knows {known}"
            return Malformed("unknown_command", unknown, mark)
        return Malformed("bad_message", in_words(problem, message.type), mark)
