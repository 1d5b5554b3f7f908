"""New settings for a running gateway: changes what can change, names what cannot, and notifies clients.

Everything is checked before anything changes. So a setting that cannot be used changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.client.channels import unsubscribed
from gateway.client.client import Client
from gateway.client.stream_client import StreamClient
from gateway.gateway import Gateway
from gateway.protocol.channels import TICKER, symbols_in
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import SymbolStatus
from gateway.settings import Settings
from market.prices.symbols import Symbols
from market.settings.changes import announce

CHANGEABLE: Final = (
    "symbols",
    "lag_timeout_s",
    "message_timeout_s",
    "max_buffered_bytes",
    "drain_seconds",
    "auth",
    "auth_query_token",
    "auth_timeout_s",
    "allowed_origins",
    "allowed_hosts",
    "binance",
    "handshake_timeout_s",
    "keepalive_s",
    "max_handshakes",
    "ws_compression",
    "max_connections",
    "max_connections_per_ip",
    "max_connect_rate_per_ip",
    "max_request_rate_per_ip",
    "spare_loopback",
    "max_connections_per_subject",
    "max_symbols_per_connection",
    "max_messages_per_second",
    "max_messages_per_second_per_subject",
    "max_messages_per_second_per_ip",
    "max_message_bytes",
    "max_errors_per_connection",
    "metrics_token",
    "log_level",
    "log_levels",
)
"""Fields of `Settings` that can change while running.

The others cannot. Clients received ``heartbeat_s`` in their welcome. ``trusted_proxies`` decides the address that a new
connection counts for. The listening address, and whether strangers may reach it, is checked when listening begins. The
bus's URL, the throttle and the log format are fixed at the start.
"""

REASON: Final = "this gateway does not serve it any more"

_SLICE_S: Final = 0.005
"""Notifying clients takes no longer than this at a time: prices go out between."""

logger = logging.getLogger(__name__)


def reload(gateway: Gateway, wanted: Settings) -> None:
    """Apply the ``wanted`` settings to ``gateway``, as far as they can change while it runs.

    Raises:
        SettingError: a key cannot be used. Nothing has changed.
    """
    if gateway.draining:
        logger.info("settings are not read again: this gateway is going away")
        return
    before = gateway.settings
    after = effective(before, wanted)
    # The only step that may fail comes first.
    others = ("the key of tokens",) if gateway.change_keys(after.auth) else ()
    gateway.change(after)
    if after.symbols is not before.symbols:
        _notify_clients(gateway, after.symbols)
    tables = before.by_variable(), after.by_variable(), wanted.by_variable()
    announce(logger, *tables, level=after.log_level, levels=after.log_levels, others=others)


def effective(before: Settings, wanted: Settings) -> Settings:
    """``wanted``, with everything that cannot change as it was ``before``."""
    changes = {name: getattr(wanted, name) for name in CHANGEABLE}
    if wanted.symbols.names == before.symbols.names:
        changes["symbols"] = before.symbols
    if wanted.auth.mode != before.auth.mode:
        # The other fields are meant for another mode.
        changes["auth"] = before.auth
    if (wanted.host, wanted.trusted_proxies) != (before.host, before.trusted_proxies):
        # If no names are given, they follow from the address and the proxies, which do not change.
        changes["allowed_hosts"] = before.allowed_hosts
    return msgspec.structs.replace(before, **changes)


def _notify_clients(gateway: Gateway, symbols: Symbols) -> None:
    """Let every client subscribe to ``symbols`` at once; notify holders of removed ones bit by bit."""
    clients = [
        listener
        for connection in gateway.hub.connections
        # A closing connection may have lost its listener.
        if isinstance(listener := getattr(connection, "listener", None), Client | StreamClient)
    ]
    holders = [client for client in clients if client.serve(symbols)]
    if holders:
        gateway.wait_for(_give_up(holders, notices(gateway.now_us())))


async def _give_up(
    holders: Sequence[Client | StreamClient], frames_of: Callable[[frozenset[str], Encoding], bytes]
) -> None:
    until = time.perf_counter() + _SLICE_S
    for client in holders:
        try:
            client.give_up(frames_of)
        except Exception:
            # Our own error with one client must not leave the others without a word.
            logger.exception("a client could not be notified of the symbols that it lost")
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + _SLICE_S


def notices(since_us: int) -> Callable[[frozenset[str], Encoding], bytes]:
    """Makes the frames that tell a client which topics it lost; once for all that lost the same."""
    made: dict[tuple[frozenset[str], Encoding], bytes] = {}

    def make(gone: frozenset[str], encoding: Encoding) -> bytes:
        frames = made.get((gone, encoding))
        if frames is None:
            names = sorted(symbols_in(TICKER, gone))
            messages = [SymbolStatus(symbol=name, state="unknown", reason=REASON, since_us=since_us) for name in names]
            frames = b"".join(map(encoding.message_frame, (*messages, *unsubscribed(gone))))
            made[gone, encoding] = frames
        return frames

    return make
