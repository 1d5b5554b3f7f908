"""OpenAPI 3.1: everything over plain HTTP."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.errors import REFUSALS
from gateway.http.documents import examples, words
from gateway.http.documents.examples import plain
from gateway.http.documents.schemas import Schema, reference, schemas_of
from gateway.http.v1.status import GatewayStatus, VenueStatus
from gateway.http.v1.ticks import NewestDecimalTick, NewestTick, NewestTicks, NoTickYet
from gateway.protocol.channels import CHANNELS
from gateway.protocol.messages import Subscribe
from gateway.protocol.served_symbol import ServedSymbol


class Refusal(Struct):
    """Why a request is refused."""

    error: str
    """What is wrong, and how to mend it."""
    code: str
    """The same for programs."""


class SymbolList(Struct):
    """The answer to ``GET /v1/symbols``."""

    symbols: list[ServedSymbol]
    """The symbols that this gateway serves and the token allows, in the gateway's order."""


class Ticket(Struct):
    """The answer to ``POST /v1/ticket``."""

    ticket: str
    """Accepted once, as ``?ticket=``."""
    expires_in_s: float
    """How long it can be used."""


class Probe(Struct):
    """The answer to a probe."""

    status: str
    """In words."""


_TYPES: Final = (
    *(Refusal, SymbolList, ServedSymbol, Ticket, Probe, GatewayStatus, VenueStatus),
    *(NewestTicks, NewestTick, NewestDecimalTick, NoTickYet),
)

_OPTIONS: Final = words.of_fields(Subscribe)

SYMBOLS: Final[Schema] = {
    "name": "symbols",
    "in": "query",
    "description": f"{_OPTIONS['symbols']} Without it: all.",
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 64}, "minItems": 1},
    "examples": {"two": {"value": ["BTC", "ETHUSDT"]}, "all": {"value": ["*"]}},
}


def _option(name: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": "query", "description": _OPTIONS[name], "schema": schema, **more}


NUMBERS: Final = _option(
    "numbers", {"type": "string", "enum": ["scaled", "decimal"]}, examples={"strings": {"value": "decimal"}}
)
SINCE: Final[Schema] = _option(
    "since",
    {"type": "string", "pattern": "^[^,:]+(:[^,:]+)?:[0-9]{1,16}(,[^,:]+(:[^,:]+)?:[0-9]{1,16})*$"},
    examples={"one": {"value": "BTC:1795734825341"}},
)
SINCE["description"] = (
    "With `conflate=false`: of each symbol the `seq` of the last tick that you have, as `BTCUSDT:17,ETHUSDT:4`. What"
    " you missed follows. `Last-Event-ID` says the same."
)
LAST_EVENT_ID: Final[Schema] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The last `id` of a stream with `conflate=false`; browsers send it by themselves.",
    "schema": {"type": "string"},
    "examples": {"one": {"value": "BTCUSDT:1795734825341"}},
}
_STREAM: Final = (
    SYMBOLS,
    _option("channel", {"type": "string", "enum": list(CHANNELS)}, examples={"stats": {"value": "stats"}}),
    _option("max_hz", {"type": "number", "minimum": 0.1, "maximum": 50}, examples={"one": {"value": 2}}),
    _option("conflate", {"type": "boolean"}, examples={"every": {"value": False}}),
    _option("batch", {"type": "boolean"}),
    _option("snapshot", {"type": "boolean"}),
    NUMBERS,
    SINCE,
    LAST_EVENT_ID,
)
IF_NONE_MATCH: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an earlier answer: 304 if nothing has changed since, but for ages.",
    "schema": {"type": "string"},
}


def _json(kind: type, **named: Any) -> Schema:
    told = {"examples": {name: {"value": value} for name, value in named.items()}} if named else {}
    return {"application/json": {"schema": reference(kind), **told}}


def _answers(content: Schema, what: str, *refusals: int, **headers: str) -> Schema:
    answers: Schema = {"200": {"description": what, "content": content}}
    if headers:
        answers["200"]["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return answers | {str(status): _refusal(status) for status in sorted({*refusals, 403, 429, 431, 503})}


def _refusal(status: int) -> Schema:
    codes = {code: text for (one, code), text in REFUSALS.items() if one == status}
    what = " ".join(f"`{code}`: {text}" for code, text in codes.items())
    content = _json(Refusal, **{code: {"error": text, "code": code} for code, text in codes.items()})
    answer: Schema = {"description": what, "content": content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "string"}}}
    return answer


def _get(name: str, what: str, answers: Schema, parameters: Sequence[Schema] = (), **more: Any) -> Schema:
    return {
        "get": {
            "operationId": name,
            "summary": what,
            "parameters": list(parameters),
            "responses": answers,
            **more,
        }
    }


_WITH_TOKEN: Final[Schema] = {"security": [{}, {"bearer": []}, {"token": []}]}
_WITH_TICKET: Final[Schema] = {"security": [{}, {"bearer": []}, {"token": []}, {"ticket": []}]}


def _paths() -> dict[str, Schema]:
    ticks = _json(NewestTicks, scaled=plain(examples.TICKS), decimal=plain(examples.DECIMAL_TICKS))
    unchanged = {"304": {"description": "Nothing has changed since the answer with this `ETag`, but for ages."}}
    events = {"text/event-stream": {"schema": {"type": "string"}, "examples": {"all": {"value": examples.EVENTS}}}}
    document = {"application/json": {"schema": {"type": "object"}}}
    symbols = _json(SymbolList, two={"symbols": plain(examples.SYMBOLS)})
    status = _json(GatewayStatus, live=plain(examples.STATUS))
    stream = (
        "Server-sent events, each of one `data` line: the messages that a WebSocket has (see `/asyncapi.json`),"
        " `heartbeat`, and `closed` as the last one. With `conflate=false` an `id` follows the ticks."
    )
    unready = {
        "404": {"description": "It is going away, or nothing is here.", "content": _json(Probe)},
        "503": {"description": "It has no prices yet.", "content": _json(Probe)},
    }
    return {
        "/v1/symbols": _get(
            "symbols", "The symbols that there are.", _answers(symbols, "The list.", 401), **_WITH_TOKEN
        ),
        "/v1/ticks": _get(
            "ticks",
            "The newest tick of each symbol, with its age and state.",
            _answers(ticks, "The ticks.", 400, 401, 404, ETag="Changes with any tick or state.") | unchanged,
            (SYMBOLS, NUMBERS, IF_NONE_MATCH),
            **_WITH_TOKEN,
        ),
        "/v1/stream": _get(
            "stream",
            "Ticks as they come, as server-sent events.",
            _answers(events, stream, 400, 401, 404),
            _STREAM,
            **_WITH_TICKET,
        ),
        "/v1/status": _get(
            "status", "Whether prices are live.", _answers(status, "Of each venue.", 401), **_WITH_TOKEN
        ),
        "/v1/ticket": {
            "post": {
                "operationId": "ticket",
                "summary": "A one-time ticket for the bearer of a token, for a WebSocket or a stream.",
                "responses": _answers(
                    _json(Ticket, one={"ticket": "4pJ0Zt6cQ1m3Vn8sXw2y7A", "expires_in_s": 30.0}),
                    "The ticket.",
                    *(401, 404, 413),
                ),
                "security": [{"bearer": []}],
            }
        },
        "/healthz": _get(
            "alive", "Whether the process is alive.", _answers(_json(Probe, alive={"status": "alive"}), "It is.")
        ),
        "/readyz": _get(
            "ready",
            "Whether the gateway is in service.",
            _answers(_json(Probe), "It is.") | unready,
        ),
        "/openapi.json": _get("openapi", "This document.", _answers(document, "OpenAPI 3.1.") | unchanged),
        "/asyncapi.json": _get(
            "asyncapi", "What is said over WebSockets.", _answers(document, "AsyncAPI 3.") | unchanged
        ),
    }


def openapi() -> Schema:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tickgate",
            "version": "1",
            "summary": "Real-time prices from exchanges.",
            "description": (
                "Prices and sizes are integers with a scale: the real price is `bid / 10^price_scale`. With"
                " `numbers=decimal` they are exact decimal strings."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas_of(_TYPES, {(NewestTicks, "ticks"): (NewestTick, NewestDecimalTick, NoTickYet)}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "token",
                    "description": "The same, where the gateway allows it (`AUTH_QUERY_TOKEN`). Logs may keep it.",
                },
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "Of `POST /v1/ticket`; once.",
                },
            },
        },
    }
