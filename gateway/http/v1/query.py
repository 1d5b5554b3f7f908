"""The parameters of a request: names and options as in the command ``subscribe``, written as a query."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from multidict import MultiMapping

from gateway.errors import RefusalError
from gateway.protocol.event_encoding import read_positions
from gateway.protocol.messages import ALL, Subscribe
from gateway.protocol.mistakes import in_words, likely

TICKS: Final = ("symbols", "numbers")
STREAM: Final = ("symbols", "channel", "max_hz", "conflate", "batch", "snapshot", "numbers", "since")
_PROOFS: Final = ("token", "ticket")
"""Parameters of any request, which others read."""

_WRITTEN: Final[Mapping[str, bool]] = {"true": True, "false": False, "1": True, "0": False}


def read_query(query: MultiMapping[str], known: Collection[str], last_event_id: str | None = None) -> Subscribe:
    """The subscription that ``query`` asks for, of which ``known`` parameters may be given. No symbols mean all.

    Positions of ``last_event_id`` are newer than those of ``since``: a browser repeats the URL when it comes back.

    Raises:
        RefusalError: a parameter is unknown, comes twice, or has a wrong value.
    """
    values: dict[str, Any] = {"type": "subscribe"}
    for name, text in query.items():
        if name in _PROOFS:
            continue
        if name not in known:
            meant = likely(name, [*known])
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            raise _bad(f"there is no parameter {name[:40]!r}; {hint}")
        if name in values:
            raise _bad(f"{name} is given twice")
        values[name] = _value(name, text)
    values.setdefault("symbols", [ALL])
    if last_event_id and values.get("conflate") is False:
        positions = read_positions(last_event_id)
        if positions is None:
            raise _bad("Last-Event-ID is not an id of this stream")
        values["since"] = values.get("since", {}) | positions
    try:
        return msgspec.convert(values, Subscribe)
    except msgspec.ValidationError as error:
        raise _bad(in_words(str(error), "subscribe")) from None


def _value(name: str, text: str) -> Any:
    match name:
        case "symbols":
            return names_in(text)
        case "since":
            positions = read_positions(text)
            if positions is None:
                raise _bad("since must be symbols with the seq of the last tick you have, as BTCUSDT:1795734825341")
            return positions
        case "max_hz":
            try:
                return float(text)
            except ValueError:
                return text
        case "conflate" | "batch" | "snapshot":
            return _WRITTEN.get(text.lower(), text)
        case _:
            return text


def names_in(text: str) -> Sequence[str]:
    """Names with commas between them."""
    return [name for part in text.split(",") if (name := part.strip())]


def for_http(problem: str) -> str:
    """A ``problem`` of a command, in words for a request."""
    return problem.replace('{"type":"symbols"}', "GET /v1/symbols")


def _bad(problem: str) -> RefusalError:
    return RefusalError(400, "bad_query", problem)
