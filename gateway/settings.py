"""What a gateway is told by its environment, read once and checked."""

from collections.abc import Mapping
from typing import Final, get_args

from msgspec import Struct

from market.environ import Environ
from market.logs import LogFormat, LogLevel
from market.symbols import Symbols, parse_symbols

DEFAULT_SYMBOLS: Final = parse_symbols("BTCUSDT,ETHUSDT,SOLUSDT")


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting; its variable has the same name in upper case, with ``GATEWAY_`` before ``host`` and ``port``.

    A limit of 0 is no limit.
    """

    bus_url: str = "redis://127.0.0.1:6379/0"
    """Where ticks come from: ``redis://[user:password@]host:port/db``, ``rediss://`` for TLS, ``memory://``."""
    symbols: Symbols = DEFAULT_SYMBOLS
    """What clients may ask for: a comma-separated list, or ``@file``."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8080
    """The TCP port to listen on."""
    lag_timeout_s: float = 10
    """A client that does not read for so long is cut off."""
    drain_seconds: float = 5
    """How long a stopping gateway stays reachable, unready, before it closes its clients."""
    heartbeat_s: float = 20
    """Who has been silent for about half of it is pinged, who still is after all of it is taken for dead."""
    rest_factor: float = 3
    """Rest between flushes, as a multiple of what a flush took; 0 never rests."""
    max_connections: int = 20_000
    """Connections of this process."""
    max_symbols_per_connection: int = 2_000
    """Symbols that one connection may hold."""
    max_message_bytes: int = 262_144
    """The longest message that is read from a client; a longer one closes it with 1009."""
    max_errors_per_connection: int = 100
    """So many wrong messages close a connection with 4429."""
    log_format: LogFormat = "console"
    """``console`` for people, ``json`` for machines."""
    log_level: LogLevel = "INFO"
    """The least severe level that is logged: DEBUG, INFO, WARNING or ERROR."""

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> "Settings":
        """Read ``os.environ``, or a test's own.

        Raises:
            SettingError: the first variable that cannot be used.
        """
        env, default = Environ(variables), cls()
        return cls(
            bus_url=env.bus_url("BUS_URL", default.bus_url),
            symbols=env.symbols("SYMBOLS", default.symbols),
            host=env.get("GATEWAY_HOST", default.host),
            port=env.integer("GATEWAY_PORT", default.port, 0, 65_535),
            lag_timeout_s=env.number("LAG_TIMEOUT_S", default.lag_timeout_s, 0.1, 3600),
            drain_seconds=env.number("DRAIN_SECONDS", default.drain_seconds, 0, 3600),
            heartbeat_s=env.number("HEARTBEAT_S", default.heartbeat_s, 0.5, 3600),
            rest_factor=env.number("REST_FACTOR", default.rest_factor, 0, 100),
            max_connections=env.integer("MAX_CONNECTIONS", default.max_connections, 0, 10_000_000),
            max_symbols_per_connection=env.integer(
                "MAX_SYMBOLS_PER_CONNECTION", default.max_symbols_per_connection, 0, 1_000_000
            ),
            max_message_bytes=env.integer("MAX_MESSAGE_BYTES", default.max_message_bytes, 0, 64 * 1024 * 1024),
            max_errors_per_connection=env.integer(
                "MAX_ERRORS_PER_CONNECTION", default.max_errors_per_connection, 0, 1_000_000
            ),
            log_format=env.choice("LOG_FORMAT", default.log_format, get_args(LogFormat)),
            log_level=env.choice("LOG_LEVEL", default.log_level, get_args(LogLevel)),
        )
