"""A message of each kind, as it is really sent. Every one is tried against a gateway by a test."""

from typing import Any, Final

import msgspec

from gateway.events.messages import Closed, Heartbeat
from gateway.http.v1.status import GatewayStatus, VenueStatus
from gateway.http.v1.ticks import NewestDecimalTick, NewestTick, NewestTicks, NoTickYet
from gateway.protocol import messages
from gateway.protocol.decimal_tick import decimal_tick
from gateway.protocol.served_symbol import ServedSymbol
from market.prices.stats import Stats
from market.prices.tick import Tick

_AT_US: Final = 1_795_734_825_000_000

TICK: Final = Tick(
    symbol="BTCUSDT", seq=1795734825341, bid=6503154, ask=6503156, bid_size=1736, ask_size=7105, last=6503218,
    volume=76977333, price_scale=2, size_scale=5, event_us=_AT_US + 785_900, recv_us=_AT_US + 786_050,
)  # fmt: skip

_LIVE: Final[dict[str, Any]] = {"venue": "binance", "state": "live", "age_ms": 12}
_HALTED: Final = NoTickYet(symbol="ETHUSDT", venue="binance", state="halted", reason="the exchange does not trade it")

TICKS: Final = NewestTicks(
    server_us=_AT_US + 798_050, ticks=[NewestTick(**msgspec.structs.asdict(TICK), **_LIVE), _HALTED]
)
DECIMAL_TICKS: Final = NewestTicks(
    server_us=_AT_US + 798_050,
    ticks=[NewestDecimalTick(**msgspec.structs.asdict(decimal_tick(TICK)), **_LIVE), _HALTED],
)
SYMBOLS: Final = [
    ServedSymbol("BTCUSDT", "binance", "live", ["BTC"], 2, 5),
    ServedSymbol("ETHUSDT", "binance", "live", ["ETH"]),
]
STATUS: Final = GatewayStatus(
    server_us=_AT_US + 798_050,
    feed="live",
    venues=[VenueStatus(venue="binance", feed="live", reason="", source="binance-ws", since_us=_AT_US)],
)

STATS: Final = Stats(
    symbol="BTCUSDT", ts_us=_AT_US, open="64210.50000000", high="65400.00000000", low="63900.01000000",
    last="65032.18000000", volume="769.77333000", quote_volume="49837412.20170000", change="821.68000000",
    change_percent="1.280", open_us=_AT_US - 86_400_000_000, close_us=_AT_US, trades=81_923,
)  # fmt: skip

COMMANDS: Final[tuple[dict[str, Any], ...]] = (
    {"type": "subscribe", "symbols": ["BTC", "ETHUSDT"], "max_hz": 2, "id": 1},
    {"type": "subscribe", "symbols": ["BTC"], "numbers": "decimal", "batch": True, "id": 2},
    {"type": "subscribe", "symbols": ["BTC"], "conflate": False, "since": {"BTC": 1795734825341}, "id": 3},
    {"type": "subscribe", "symbols": ["BTC"], "channel": "stats", "id": 10},
    {"type": "unsubscribe", "symbols": ["BTC"], "id": 4},
    {"type": "list", "id": 5},
    {"type": "symbols", "id": 6},
    {"type": "ping", "id": 7},
    {"type": "auth", "token": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl", "id": 8},
)
"""What clients send."""

MESSAGES: Final[tuple[messages.Message, ...]] = (
    messages.Welcome(client="1867761a-3ef3-4c1c-b2ac-0a622d3773b7", heartbeat_s=20, server_us=1_795_734_825_341_000),
    messages.Status(feed="live", reason="", source="binance-ws", since_us=_AT_US),
    messages.Subscribed(symbols=["BTCUSDT", "ETHUSDT"], id=1),
    messages.SymbolStatus(symbol="ETHUSDT", state="halted", reason="the exchange does not trade it", since_us=_AT_US),
    messages.Gap(symbol="BTCUSDT", from_seq=1795734825329, to_seq=1795734825340),
    messages.Unsubscribed(symbols=["BTCUSDT"], id=4),
    messages.Subscribed(symbols=["BTCUSDT"], channel="stats", id=10),
    messages.Subscriptions(symbols=["ETHUSDT"], id=5),
    messages.Subscriptions(symbols=["ETHUSDT"], channels={"stats": ["BTCUSDT"]}, id=5),
    messages.ServedSymbols(symbols=SYMBOLS, id=6),
    messages.Pong(id=7, server_us=1_795_734_825_341_000),
    messages.Authenticated(subject="demo", expires_us=_AT_US + 3_600_000_000, id=8),
    messages.Expiring(expires_us=_AT_US + 3_600_000_000),
    messages.Lag(conflated=17),
    messages.Error(code="unknown_symbol", message="unknown symbol: 'XBTUSD'", id=9),
    messages.Shutdown(reconnect_after_ms=1200),
)
"""What a gateway sends beside ticks."""

TRADE: Final = {"symbol": "BTCUSDT", "price": 65032.18, "volume": 769.77333}
"""What it sends at ``/ws/trade``."""

_CLOSED: Final = Closed(code=1012, reason="this gateway is going away", reconnect="at once")

EVENTS: Final = "retry: 1325\n\n" + "".join(
    f"data: {msgspec.json.encode(one).decode()}\n\n"
    for one in (*MESSAGES[:2], messages.Subscribed(symbols=["BTCUSDT"]), Heartbeat(server_us=_AT_US), _CLOSED)
)
"""A stream of events, from its begin to its end."""


def plain(message: Any) -> Any:
    """A message as it is in JSON."""
    return msgspec.to_builtins(message)


def typed_tick(kind: str, *, decimal: bool = False) -> dict[str, Any]:
    """The example of a tick as a message of type ``kind``."""
    fields = plain(decimal_tick(TICK) if decimal else TICK)
    return {"type": kind, "ticks": [fields]} if kind == "ticks" else {"type": kind} | fields
