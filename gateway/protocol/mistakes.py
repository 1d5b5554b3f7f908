"""What is wrong with a command, in plain words: those of the decoder are about its own types.

However long a message is, the words about it are short, and found soon.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Raw, Struct, UnsetType, defstruct

from gateway.protocol.channels import CHANNELS
from gateway.protocol.messages import (
    MAX_NAMES,
    Auth,
    Command,
    List,
    ListSymbols,
    Ping,
    Subscribe,
    Unsubscribe,
)
from market.prices.symbols import MAX_SYMBOL_BYTES
from market.settings.names import nearest

KINDS: Final[Mapping[str, type[Command]]] = {
    str(kind.__struct_config__.tag): kind for kind in (Subscribe, Unsubscribe, List, ListSymbols, Ping, Auth)
}
"""Every command by its ``type``."""

FIELDS: Final[Mapping[str, str]] = {
    "type": "a string",
    "id": "an integer between -2^53 and 2^53, or a string of at most 64 characters",
    "symbols": 'a list of at least one name, as ["BTC"]',
    "channel": " or ".join(f'"{channel}"' for channel in CHANNELS),
    "snapshot": "true or false",
    "batch": "true or false",
    "max_hz": "a number from 0.1 to 50",
    "conflate": "true or false",
    "since": 'an object with the seq of the last tick you have of each symbol, as {"BTCUSDT": 1795734825341}',
    "token": "a string of at most 8192 characters",
}
"""Each field of any command, and what it must be."""

_A_NAME: Final = f"a name: a string of at most {MAX_SYMBOL_BYTES} bytes"
_TOO_MANY: Final = f"of length <= {MAX_NAMES} "
_ANY: Final = "this command"
_EXAMPLE: Final = '{"type":"subscribe","symbols":["BTC"]}'

_OTHER_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("op", "method", "action", "event", "cmd", "command", "Type"), "type"),
    **dict.fromkeys(("symbol", "Symbols", "pair", "pairs", "product_ids", "streams", "params", "tickers"), "symbols"),
    **dict.fromkeys(("hz", "rate", "maxHz", "maxhz", "max_rate"), "max_hz"),
    **dict.fromkeys(("jwt", "access_token"), "token"),
    **dict.fromkeys(("request_id", "req_id", "reqid"), "id"),
}
"""What other services, and people in a hurry, call our fields."""

_VALUES: Final[Mapping[str, str]] = {
    "str": "a string",
    "int": "a number",
    "float": "a number with a fraction",
    "bool": "true or false",
    "null": "null",
    "None": "null",
    "array": "a list",
    "object": "an object",
    "bytes": "bytes",
}
"""The decoder's names of types."""

_UNKNOWN: Final = "Object contains unknown field `"
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_GOT: Final = re.compile(r"Expected `[^`]*`, got `(\w+)`")
_PLACE: Final = re.compile(r".* - at `\$\.(\w+)(\[[0-9]+\])?(?:\[\.\.\.\])?`", re.DOTALL)
_QUOTED: Final = 40
_LONGEST: Final = 200

Misnamed: Final = defstruct(
    "Misnamed", [(word, Raw | UnsetType, UNSET) for word in _OTHER_WORDS if _OTHER_WORDS[word] in ("type", "symbols")]
)
"""What is looked for in a message without a ``type``."""


def in_words(problem: str, kind: str) -> str:
    """The decoder's ``problem`` with a command, in words. ``kind`` is its ``type``, empty if it has none."""
    if problem.startswith(_UNKNOWN):
        return _unknown_field(problem[len(_UNKNOWN) :].partition("` - at `")[0].removesuffix("`"), kind)
    if missing := _MISSING.match(problem):
        if missing[1] == "type":
            return no_type(None)
        return f"{kind or _ANY} needs {missing[1]}, {FIELDS[missing[1]]}"
    got = _GOT.match(problem)
    instead = f", not {_VALUES[got[1]]}" if got and got[1] in _VALUES else ""
    place = _PLACE.match(problem)
    if place is None:
        is_object = problem.startswith("Expected `object`")
        return f"a message must be an object, as {_EXAMPLE}{instead}" if is_object else problem[:_LONGEST]
    field, index = place[1], place[2]
    if field not in FIELDS:
        return problem[:_LONGEST]
    if index:
        return f"{field}{index} must be {_A_NAME}{instead}"
    if field == "symbols" and _TOO_MANY in problem:
        return f'symbols has more than {MAX_NAMES} names; send several messages, or ["*"] for all'
    if field == "type":
        return f"type must be a string, as in {_EXAMPLE}{instead}"
    return f"{field} must be {FIELDS[field]}{instead}"


def no_type(message: Struct | None) -> str:
    """What to say of a message without a ``type``; ``message`` is a `Misnamed` with what it has instead."""
    found = [word for word in message.__struct_fields__ if getattr(message, word) is not UNSET] if message else []
    meant = "".join(f"; instead of {word}, did you mean {_OTHER_WORDS[word]}?" for word in found[:2])
    return f"type is missing; write for example {_EXAMPLE}{meant}"


def _unknown_field(name: str, kind: str) -> str:
    fields = ["type", *KINDS[kind].__struct_fields__] if kind in KINDS else list(FIELDS)
    meant = likely(name, fields)
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(fields)}"
    return f"{kind or _ANY} has no field {name[:_QUOTED]!r}; {hint}"


def likely(name: str, fields: list[str]) -> str:
    """The one of ``fields`` that ``name`` probably stands for; empty if none is like it."""
    if len(name) > _QUOTED:
        return ""
    meant = _OTHER_WORDS.get(name) or _OTHER_WORDS.get(name.lower()) or name.lower()
    if meant in fields:
        return meant
    return nearest(name.upper(), [field.upper() for field in fields]).lower()
