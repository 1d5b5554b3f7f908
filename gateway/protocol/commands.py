"""The bytes of a client's message → a command, or what is wrong with them."""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import MAX_NAMES, AnyCommand, ErrorCode, Id
from market.codec import UNREADABLE

_TYPES: Final = ("subscribe", "unsubscribe", "list", "ping", "auth")
_TOO_LONG: Final = f"`array` of length <= {MAX_NAMES}"
"""In what the decoder says of a list that is too long."""
_FORMAT: Final[dict[Encoding, str]] = {"json": "JSON", "msgpack": "MessagePack"}


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


class CommandDecoder:
    """Decodes the messages of one encoding; it keeps nothing from one to the next."""

    __slots__ = ("_any_message", "_command", "_encoding")

    def __init__(self, encoding: Encoding) -> None:
        """`DECODERS` has one of each."""
        package = msgspec.json if encoding == "json" else msgspec.msgpack
        self._encoding: Encoding = encoding
        self._command = package.Decoder(AnyCommand)
        self._any_message = package.Decoder(_AnyMessage)

    def decode(self, data: bytes) -> AnyCommand | Malformed:
        """Read one message; bad input is an answer, never an exception."""
        try:
            command: AnyCommand = self._command.decode(data)
        except msgspec.ValidationError as error:
            return self._look_again(data, str(error))
        except UNREADABLE as error:
            return Malformed("bad_json", f"not {_FORMAT[self._encoding]}: {error}")
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
        return Malformed("bad_message", problem, mark)


DECODERS: Final[dict[Encoding, CommandDecoder]] = {
    "json": CommandDecoder("json"),
    "msgpack": CommandDecoder("msgpack"),
}
