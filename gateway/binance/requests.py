"""The parameters of requests for REST, and Binance's own words for those that are wrong."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from gateway.errors import RefusalError

DISCONNECTED: Final = -1001
TOO_MANY: Final = -1003
UNSUPPORTED: Final = -1020
ILLEGAL_CHARACTERS: Final = -1100
MANDATORY: Final = -1102
EMPTY: Final = -1105
BAD_SYMBOL: Final = -1121
BAD_COMBINATION: Final = -1128
DUPLICATE: Final = -1151
"""Codes of errors (API documents, "Error codes")."""

_LEGAL: Final = re.compile(r"[\w.-]{1,50}")
_LEGAL_WORDS: Final = r"^[\w\-._&&[^a-z]]{1,50}$"
_SMALL: Final = re.compile(r"[a-z]")


_encode = msgspec.json.Encoder().encode


class ApiError(RefusalError):
    """A request that is refused, in Binance's own form."""

    def __init__(self, code: int, problem: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        """``code`` is Binance's."""
        super().__init__(status, "requests" if status == 429 else "bad_request", problem, headers)
        self.number = code

    @property
    def body(self) -> bytes:
        """The refusal as JSON."""
        return _encode({"code": self.number, "msg": str(self)})


class Named:
    """The symbols that a request names."""

    def __init__(self, symbols: Sequence[str], *, alone: bool) -> None:
        self.symbols = symbols
        self.alone = alone
        """Whether it named one as ``symbol``: the answer is an object then, and else an array."""


def named(query: Mapping[str, str], known: Callable[[str], bool]) -> Named | None:
    """The symbols that ``query`` names, which are all ``known``; None if it names none, and means all.

    Raises:
        ApiError: they are wrong.
    """
    if "symbol" in query and "symbols" in query:
        raise ApiError(BAD_COMBINATION, "Combination of optional parameters invalid.")
    if "symbol" in query:
        names, alone = [_legal(query["symbol"], "symbol")], True
    elif "symbols" in query:
        names, alone = _list(query["symbols"]), False
    else:
        return None
    if not all(map(known, names)):
        raise ApiError(BAD_SYMBOL, "Invalid symbol.")
    return Named(names, alone=alone)


def _list(text: str) -> list[str]:
    if not text:
        raise _empty("symbols")
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ApiError(
            ILLEGAL_CHARACTERS,
            'Illegal characters found in parameter \'symbols\'; it is a JSON array such as ["BTCUSDT","ETHUSDT"].',
        )
    if len(set(names)) < len(names):
        raise ApiError(DUPLICATE, "Symbol is present multiple times in the list.")
    return [_legal(name, "symbols") for name in names]


def _legal(name: str, parameter: str) -> str:
    if not name:
        raise _empty(parameter)
    if not _LEGAL.fullmatch(name) or _SMALL.search(name):
        raise ApiError(
            ILLEGAL_CHARACTERS,
            f"Illegal characters found in parameter '{parameter}'; legal range is '{_LEGAL_WORDS}'.",
        )
    return name


def _empty(parameter: str) -> ApiError:
    return ApiError(EMPTY, f"Parameter '{parameter}' was empty.")


def choice(query: Mapping[str, str], parameter: str, default: str, words: Sequence[str]) -> str:
    """The value of ``parameter``, one of ``words``.

    Raises:
        ApiError: it is another.
    """
    value = query.get(parameter, default)
    if value not in words:
        raise ApiError(
            ILLEGAL_CHARACTERS,
            f"Illegal characters found in parameter '{parameter}'; legal range is '{'|'.join(words)}'.",
        )
    return value
