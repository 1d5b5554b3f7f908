"""Ticks, heartbeats and states to work with."""

from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.stats import NUMBERS, WHOLES, Stats
from market.prices.tick import MAX_EXACT, Tick
from market.wire.presence import GatewayPresent, PollerPresent
from market.wire.status import Heartbeat, States, SymbolState, SymbolStatus


def tick(symbol: str = "BTCUSDT", seq: int = 1, **fields: Any) -> Tick:
    """A plain tick; ``fields`` replace what it says."""
    plain: dict[str, Any] = {
        "bid": 6500001,
        "ask": 6500002,
        "bid_size": 120000,
        "ask_size": 80000,
        "price_scale": 2,
        "size_scale": 5,
        "recv_us": 1_700_000_000_000_000,
    }
    return Tick(symbol=symbol, seq=seq, **(plain | fields))


def heartbeat(**fields: Any) -> Heartbeat:
    """A heartbeat that all is well; ``fields`` replace what it says."""
    plain: dict[str, Any] = {
        "source": "simulated",
        "link": "up",
        "since_us": 1_700_000_000_000_000,
        "sent_us": 1_700_000_001_000_000,
    }
    return Heartbeat(**(plain | fields))


def status(symbol: str = "BTCUSDT", state: SymbolState = "halted", **fields: Any) -> SymbolStatus:
    """The state of a symbol, not live unless told."""
    plain: dict[str, Any] = {"reason": "because", "since_us": 1_700_000_000_000_000}
    return SymbolStatus(symbol=symbol, state=state, **(plain | fields))


def states(version: int = 7, live: list[str] | None = None, others: list[SymbolStatus] | None = None) -> States:
    """The states of all symbols; of BTCUSDT and ETHUSDT unless told."""
    return States(version=version, live=["BTCUSDT", "ETHUSDT"] if live is None else live, others=others or [])


decimals = st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True)
"""Numbers as exchanges write them, with zeros at both ends."""


@st.composite
def stats(draw: st.DrawFn, symbol: str | None = None) -> Stats:
    """Figures of 24 hours, of which any may be absent."""
    numbers: dict[str, Any] = {name: draw(decimals | st.just(UNSET)) for name in NUMBERS}
    wholes: dict[str, Any] = {name: draw(st.integers(0, MAX_EXACT) | st.just(UNSET)) for name in WHOLES}
    name = symbol or draw(st.text("ABCXYZ0189", min_size=2, max_size=20))
    return Stats(symbol=name, ts_us=draw(st.integers(0, MAX_EXACT)), **numbers, **wholes)


_BASE: dict[str, Any] = {"host": "h", "pid": 1, "version": "1", "started_us": 1, "sent_us": 2, "cpu": 0.1}


def gateway_present(**changes: Any) -> GatewayPresent:
    """What a gateway could say of itself."""
    base: dict[str, Any] = {
        "name": "a1",
        "host": "h",
        "pid": 1,
        "version": "1",
        "started_us": 1,
        "sent_us": 2,
        "cpu": 0.1,
    }
    rates = {"ticks_in": 1.0, "ticks_out": 2.0, "conflated": 0.0}
    counts = {"clients": 3, "slow": 0, "symbols": 3, "cut_off": 0, "buffered": 0}
    return GatewayPresent(
        **(base | rates | counts | {"address": "h:1", "state": "serving", "stale": [], "venues": ["binance"]} | changes)
    )


def poller_present(**changes: Any) -> PollerPresent:
    """What a poller could say of itself."""
    base: dict[str, Any] = {
        "name": "b1",
        "host": "h",
        "pid": 2,
        "version": "1",
        "started_us": 1,
        "sent_us": 2,
        "cpu": 0.1,
    }
    words = {"venue": "binance", "state": "leading", "link": "up", "source": "binance-ws", "reason": ""}
    return PollerPresent(**(base | words | {"symbols": 3, "published": 9.0, "waiting": 0, "failures": 0} | changes))
