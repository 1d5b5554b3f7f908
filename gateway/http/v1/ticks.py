"""The newest tick of each symbol, with its age and state: ``GET /v1/ticks``."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Struct, UnsetType

from gateway.auth.grant import Grant
from gateway.client.names import full_names, listed, permitted, resolve
from gateway.client.suggestions import unknown_symbols
from gateway.errors import RefusalError
from gateway.gateway import Gateway
from gateway.http.bearers import payer_of
from gateway.http.v1.access import grant_for
from gateway.http.v1.pieces import answer_in_pieces
from gateway.http.v1.query import TICKS, for_http, read_query
from gateway.protocol.decimal_tick import DecimalTick, decimal_tick
from market.prices.tick import Tick
from market.prices.venues import venue_of
from market.wire.status import SymbolState

_PER_TOKEN: Final = 100
"""So many symbols in an answer cost one token: see `gateway.admission.limits.charges`."""
_UNKNOWN: Final = 3
"""Tokens: for looking up what unknown names may have meant."""
_IN_PIECE: Final = 200


class NewestTick(Tick, kw_only=True, frozen=True, gc=False):
    """The newest tick of a symbol, and whether it is current."""

    venue: str
    """The venue, as in ``status``."""
    state: SymbolState
    """As in ``symbol_status``, but ``stale`` also if the symbol is live and its venue is stale."""
    reason: str | UnsetType = UNSET
    """Why it is not live; absent if it is."""
    age_ms: int
    """How long ago the poller received it, by the gateway's clock. An old tick of a live symbol is current: nothing has
    changed since."""


class NewestDecimalTick(DecimalTick, kw_only=True, gc=False):
    """The same with ``numbers=decimal``."""

    venue: str
    """The venue, as in ``status``."""
    state: SymbolState
    """As in ``symbol_status``, but ``stale`` also if the symbol is live and its venue is stale."""
    reason: str | UnsetType = UNSET
    """Why it is not live; absent if it is."""
    age_ms: int
    """How long ago the poller received it, by the gateway's clock."""


class NoTickYet(Struct, kw_only=True, gc=False):
    """A symbol of which this gateway has no tick."""

    symbol: str
    """The symbol's full name."""
    venue: str
    """The venue, as in ``status``."""
    state: SymbolState
    """As in ``symbol_status``, but ``stale`` also if the symbol is live and its venue is stale."""
    reason: str | UnsetType = UNSET
    """Why it is not live; absent if it is."""


Entry = NewestTick | NewestDecimalTick | NoTickYet


class NewestTicks(Struct):
    """The answer to ``GET /v1/ticks``."""

    server_us: int
    """The gateway's clock; Unix time, microseconds."""
    ticks: list[Any]
    """An entry for each symbol asked for, in that order."""


_encode = msgspec.json.Encoder().encode


async def newest_ticks(gateway: Gateway, request: web.Request) -> web.StreamResponse:
    """The answer to a request, or 304 if nothing is newer than what the client has.

    Raises:
        RefusalError: a parameter is wrong, a symbol unknown or forbidden, or the token no good.
    """
    wanted = read_query(request.query, TICKS)
    names = _named(gateway, request, wanted.symbols, await grant_for(request, gateway))
    gateway.admission.charges.take(payer_of(request, gateway), len(names) // _PER_TOKEN)
    decimal = wanted.numbers == "decimal"
    tag = _tag(gateway, names, decimal=decimal)
    headers: dict[str, str] = {hdrs.ETAG: f'W/"{tag}"', hdrs.CACHE_CONTROL: "private, no-cache"}
    if any(one.value in (tag, "*") for one in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return await answer_in_pieces(request, _pieces(gateway, names, decimal=decimal), headers)


def _named(gateway: Gateway, request: web.Request, asked: list[str], grant: Grant) -> list[str]:
    symbols = gateway.settings.symbols
    grant = full_names(grant, symbols)
    named, unknown = resolve(symbols, asked)
    if unknown:
        gateway.admission.charges.take(payer_of(request, gateway), _UNKNOWN)
        raise RefusalError(404, "unknown_symbol", for_http(unknown_symbols(symbols, unknown, grant)))
    if grant.symbols is not None:
        named, forbidden = permitted(grant, symbols, named, asked)
        if forbidden:
            raise RefusalError(403, "forbidden", listed("the token does not allow", forbidden))
    return named


def _tag(gateway: Gateway, names: Sequence[str], *, decimal: bool) -> str:
    """A word for all that the answer says, but for the ages."""
    said = hashlib.blake2b(str(decimal).encode(), digest_size=15)
    stale = _stale_venues(gateway)
    for name in names:
        tick = gateway.hub.last_tick(name)
        state = gateway.states.state_of(name)
        said.update(f"{name} {tick and (tick.seq, tick.recv_us)} {state} {venue_of(name) in stale}\n".encode())
    return said.hexdigest()


def _pieces(gateway: Gateway, names: Sequence[str], *, decimal: bool) -> Iterator[bytes]:
    yield b'{"server_us":%d,"ticks":[' % gateway.now_us()
    for start in range(0, len(names), _IN_PIECE):
        entries = _encode(described_ticks(gateway, names[start : start + _IN_PIECE], decimal=decimal))
        yield (b"," if start else b"") + entries[1:-1]
    yield b"]}"


def described_ticks(gateway: Gateway, names: Sequence[str], *, decimal: bool) -> list[Entry]:
    """The newest tick of each of ``names``."""
    now_us, stale = gateway.now_us(), _stale_venues(gateway)
    entries: list[Entry] = []
    for name in names:
        venue, state, tick = venue_of(name), gateway.states.state_of(name), gateway.hub.last_tick(name)
        reason: str | UnsetType = gateway.states.reason_of(name) or UNSET
        if state == "live":
            state, reason = ("stale", stale[venue]) if venue in stale else ("live", UNSET)
        if tick is None:
            entries.append(NoTickYet(symbol=name, venue=venue, state=state, reason=reason))
            continue
        age_ms = max(0, now_us - tick.recv_us) // 1000
        kind = NewestDecimalTick if decimal else NewestTick
        fields = msgspec.structs.asdict(decimal_tick(tick) if decimal else tick)
        entries.append(kind(**fields, venue=venue, state=state, reason=reason, age_ms=age_ms))
    return entries


def _stale_venues(gateway: Gateway) -> dict[str, str]:
    """Venue → why all its prices may be old."""
    return {status.venue: status.reason for status in gateway.feed.statuses if status.feed == "stale"}
