"""AsyncAPI 3: everything over WebSockets."""

from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from gateway.http.documents import examples, words
from gateway.http.documents.examples import plain, typed_tick
from gateway.http.documents.schemas import Schema, reference, schemas_of
from gateway.protocol import messages
from gateway.protocol.decimal_tick import DecimalTick
from gateway.protocol.served_symbol import ServedSymbol
from market.prices.stats import Stats
from market.prices.tick import Tick

COMMANDS: Final[tuple[type, ...]] = get_args(messages.AnyCommand)
MESSAGES: Final[tuple[type, ...]] = tuple(dict.fromkeys(map(type, examples.MESSAGES)))


class TickMessage(Tick, tag_field="type", tag="tick", kw_only=True, frozen=True, gc=False):
    """A change of a symbol."""


class Snapshot(Tick, tag_field="type", tag="snapshot", kw_only=True, frozen=True, gc=False):
    """The last value of a symbol: the first that comes of it."""


class Ticks(Struct, tag_field="type", tag="ticks"):
    """The changes of one flush, for who asked for ``batch``."""

    ticks: list[Any]
    """Each without a type."""


class DecimalTickMessage(DecimalTick, tag_field="type", tag="tick", kw_only=True, gc=False):
    """A change of a symbol, for who asked for ``numbers`` of ``decimal``."""


class DecimalSnapshot(DecimalTick, tag_field="type", tag="snapshot", kw_only=True, gc=False):
    """The last value of a symbol, for who asked for ``numbers`` of ``decimal``."""


class StatsMessage(Stats, tag_field="type", tag="stats", kw_only=True, frozen=True, gc=False):
    """The figures of a symbol's last 24 hours, in channel ``stats``: the first that come of it, and every change."""


class StatsBatch(Struct, tag_field="type", tag="stats_batch"):
    """The same of several symbols, for who asked for ``batch``."""

    stats: list[Stats]
    """Each without a type."""


class Trade(Struct):
    """Last price and volume of a symbol, at ``/ws/trade``."""

    symbol: str
    """The symbol's full name."""
    price: float
    """The price of the last trade. Its digits on the wire are exact; a reader that makes a float of it may round."""
    volume: float | msgspec.UnsetType = msgspec.UNSET
    """The volume of the last 24 hours, in the base asset; likewise."""


_OF_TICKS: Final[dict[type, tuple[Any, ...]]] = {
    TickMessage: (typed_tick("tick"),),
    Snapshot: (typed_tick("snapshot"),),
    Ticks: (typed_tick("ticks"), typed_tick("ticks", decimal=True)),
    DecimalTickMessage: (typed_tick("tick", decimal=True),),
    DecimalSnapshot: (typed_tick("snapshot", decimal=True),),
    StatsMessage: ({"type": "stats"} | plain(examples.STATS),),
    StatsBatch: ({"type": "stats_batch", "stats": [plain(examples.STATS)]},),
    Trade: (examples.TRADE,),
}

_AT_TRADE: Final[tuple[type, ...]] = (Trade, messages.Error)


def _message(kind: type) -> Schema:
    told = [{"payload": example} for example in _examples(kind)]
    text = words.of_class(kind)
    return {
        "name": kind.__name__,
        "title": kind.__name__,
        "summary": text.partition("\n\n")[0],
        "contentType": "application/json",
        "payload": reference(kind),
        "examples": told,
    }


def _examples(kind: type) -> list[Any]:
    if kind in _OF_TICKS:
        return list(_OF_TICKS[kind])
    if kind in COMMANDS:
        tag = kind.__struct_config__.tag  # type: ignore[attr-defined]
        return [one for one in examples.COMMANDS if one["type"] == tag]
    return [plain(one) for one in examples.MESSAGES if type(one) is kind]


def _channel(address: str, title: str, kinds: tuple[type, ...], description: str) -> Schema:
    return {
        "address": address,
        "title": title,
        "description": description,
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds},
    }


def _operation(action: str, channel: str, kinds: tuple[type, ...], summary: str) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"} for kind in kinds],
    }


def asyncapi() -> Schema:
    """The document."""
    ticks = tuple(kind for kind in _OF_TICKS if kind is not Trade)
    sent = (*MESSAGES, *ticks)
    at_trade = (*COMMANDS, *_AT_TRADE)
    every = dict.fromkeys((*COMMANDS, *sent, *_AT_TRADE))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tickgate",
            "version": "1",
            "description": (
                "Prices and sizes are integers with a scale: the real price is `bid / 10^price_scale`. The same"
                " messages come in MessagePack with the subprotocol `tickgate.v1.msgpack`, and as server-sent events"
                " from `/v1/stream` (see `/openapi.json`)."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "{host}",
                "protocol": "ws",
                "description": "Any gateway; `wss` where TLS is served.",
                "variables": {"host": {"default": "localhost:8080"}},
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            }
        },
        "channels": {
            "prices": _channel("/ws", "Prices", (*COMMANDS, *sent), "Prices, and whether they are current."),
            "trades": _channel(
                "/ws/trade",
                "Last prices",
                at_trade,
                "Last price and volume as plain JSON numbers, for the plainest clients. For money use `/ws`: its"
                " integers stay exact in any language.",
            ),
        },
        "operations": {
            "command": _operation("receive", "prices", COMMANDS, "Ask for symbols, and let go of them."),
            "price": _operation("send", "prices", sent, "Prices, states, and answers."),
            "tradeCommand": _operation("receive", "trades", COMMANDS, "Ask for symbols, and let go of them."),
            "trade": _operation("send", "trades", _AT_TRADE, "Last prices; errors, if the client made one."),
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in every},
            "schemas": schemas_of(
                (*every, Tick, DecimalTick, Stats, ServedSymbol), {(Ticks, "ticks"): (Tick, DecimalTick)}
            ),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "In `Authorization`; or as `?ticket=` of POST /v1/ticket; or by `auth`.",
                }
            },
        },
    }
