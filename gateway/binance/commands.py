"""The messages of clients for Binance, and what answers them. No I/O.

The words of errors are those of Binance's documents. Each error is an object below ``error``, as Binance sends it:
clients look for it there.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from market.wire.codec import UNREADABLE

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")

COMBINED: Final = "combined"
"""The only property."""

Id = int | str | None

_LONGEST_ID: Final = 36
_QUOTED: Final = 60
_LARGEST: Final = 2**63

UNKNOWN_PROPERTY: Final = 0
BAD_VALUE: Final = 1
BAD_REQUEST: Final = 2
BAD_JSON: Final = 3

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Raw]).decode


class Command(Struct):
    """What a client wants."""

    method: str
    """One of `METHODS`."""
    id: Id
    names: Sequence[str] = ()
    """The streams of ``SUBSCRIBE`` and ``UNSUBSCRIBE``."""
    value: bool = False
    """What ``SET_PROPERTY`` sets ``combined`` to."""


class Refused(Struct):
    """What is wrong with a message."""

    code: int
    problem: str
    id: Id = None


def answer(result: Any, command_id: Id) -> bytes:
    """The answer to a command."""
    return _encode({"result": result, "id": command_id})


def error(refused: Refused) -> bytes:
    """The answer to a message that is no command, or one that cannot be carried out."""
    return _encode({"error": {"code": refused.code, "msg": refused.problem}, "id": refused.id})


def invalid(problem: str, command_id: Id = None) -> Refused:
    """The refusal of a request that is wrong."""
    return Refused(BAD_REQUEST, f"Invalid request: {problem}", command_id)


class Commands:
    """Reads the messages of clients."""

    format = "JSON"

    def decode(self, data: bytes) -> Command | Refused:
        """Read one message. Bad input gives an answer, never an exception."""
        try:
            fields = _decode(data)
        except msgspec.ValidationError:
            return invalid("expected an object")
        except UNREADABLE as problem:
            return Refused(BAD_JSON, f"Invalid JSON: expected value at line 1 column {_column(str(problem))}")
        command_id = _value(fields.get("id"))
        if not _is_id(command_id):
            return invalid("request ID must be an unsigned integer, a string of at most 36 characters or null")
        if "method" not in fields:
            return invalid(f"missing field `method` at line 1 column {len(data)}", command_id)
        method = _value(fields["method"])
        if method not in METHODS:
            known = ", ".join(f"`{one}`" for one in METHODS)
            said = method if isinstance(method, str) else bytes(fields["method"]).decode()
            column = data.find(bytes(fields["method"])) + len(fields["method"])
            return invalid(
                f"unknown variant `{said[:_QUOTED]}`, expected one of {known} at line 1 column {column}", command_id
            )
        params = _value(fields.get("params"))
        if method == "LIST_SUBSCRIPTIONS":
            return Command(method, command_id)
        if not isinstance(params, list):
            return invalid(f"missing field `params` at line 1 column {len(data)}", command_id)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not all(isinstance(name, str) for name in params):
                return invalid("stream names must be strings", command_id)
            return Command(method, command_id, params)
        return _about_property(method, params, command_id)


def _about_property(method: str, params: list[Any], command_id: Id) -> Command | Refused:
    sets = method == "SET_PROPERTY"
    if not params or not isinstance(params[0], str):
        return invalid("property name must be a string", command_id)
    if len(params) > 1 + sets:
        return invalid("too many parameters", command_id)
    if params[0] != COMBINED:
        return Refused(UNKNOWN_PROPERTY, "Unknown property", command_id)
    if not sets:
        return Command(method, command_id)
    if len(params) < 2 or not isinstance(params[1], bool):
        return Refused(BAD_VALUE, "Invalid value type: expected Boolean", command_id)
    return Command(method, command_id, value=params[1])


def _value(raw: Raw | None) -> Any:
    """What a field says; a number too large to be read is no number."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return ...


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_ID
    if isinstance(value, int) and not isinstance(value, bool):
        return -_LARGEST <= value < _LARGEST
    return value is None


def _column(problem: str) -> int:
    """The place that a decoder's ``problem`` names, counted from 1; 1 if it names none."""
    digits = problem.rpartition("byte ")[2].rstrip(")")
    return int(digits) + 1 if digits.isdecimal() else 1
