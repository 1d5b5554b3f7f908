"""A gateway's settings, read from the environment once and checked."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from gateway.admission.address import TrustedProxies, is_loopback
from gateway.admission.binance_settings import BinanceSettings
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.settings import AuthSettings
from market.prices.symbols import DEFAULT_SYMBOLS, Symbols
from market.process.logs import LogFormat, LogLevel, LogLevels
from market.settings.config import layered
from market.settings.environ import Environ, SettingError, shown
from market.settings.log_levels import log_levels
from market.settings.metrics_token import metrics_token

_AUTH_APART: Final = frozenset({"mode", "proxies"})
_OF_PORT: Final = ("host", "port", "reuse_port", "private_host", "private_port", "tls_cert", "tls_key", "accept_proxy")
_NAMED_APART: Final = frozenset((*_OF_PORT, "symbols", "auth", "trusted_proxies", "spare_loopback", "binance"))


Switch = Literal["on", "off"]


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. A variable has the field's name in upper case, with ``GATEWAY_`` before those of its ports.

    A limit of 0 means no limit.
    """

    bus_url: str = "redis://127.0.0.1:6379/0"
    """The bus that carries ticks: ``redis://[user:password@]host:port/db``, ``rediss://`` for TLS,
    ``unix:///socket?db=0``, ``redis+sentinel://host:port,host:port/master/db`` (or ``rediss+sentinel://``) for the
    primary that Sentinels name, ``redis+cluster://host:port,host:port``, ``kafka://host:port,host:port``, or
    ``memory://`` (one process, for tests)."""
    store_url: str = ""
    """A Redis for leases and tickets, where the bus keeps none (Kafka): ``redis://[user:password@]host:port/db``. Unset
    means one poller of each venue and no tickets on such a bus."""
    symbols: Symbols = DEFAULT_SYMBOLS
    """The symbols to serve: a comma-separated list, or ``@file``. Each is written as its exchange writes it, in any
    script, up to 64 bytes of UTF-8. A symbol of another venue than Binance begins with the venue's name:
    ``coinbase:BTC-USD``."""
    host: str = "127.0.0.1"
    """The address to listen on; ``::`` means every address, IPv6 and IPv4."""
    port: int = 8080
    """The TCP port to listen on."""
    reuse_port: bool = False
    """1 lets several gateways listen on the same port, each in a process of its own. Each needs a
    ``GATEWAY_PRIVATE_PORT``. Limits are those of each process."""
    private_host: str = "127.0.0.1"
    """The address of ``GATEWAY_PRIVATE_PORT``."""
    private_port: int = 0
    """Another port, without TLS, for ``/readyz`` and ``/metrics``; the public one then has no ``/metrics``. 0 means
    none."""
    tls_cert: str = ""
    """A PEM file of certificate and chain: the gateway serves TLS 1.2 and later, nothing else, on its public port."""
    tls_key: str = ""
    """A PEM file of the certificate's key. Unset means that it is in the certificate's file."""
    accept_proxy: TrustedProxies = TrustedProxies()
    """Addresses and networks of layer-4 balancers that begin each connection with a PROXY header, version 1 or 2."""
    lag_timeout_s: float = 10
    """A client that does not read the data waiting for it for so long is cut off, even if it holds no symbol."""
    message_timeout_s: float = 10
    """A client must finish a message within this time after its first byte, or is closed with 4408."""
    max_buffered_bytes: int | None = None
    """Bytes kept for all clients together: of those that do not read, or do not finish a message or a request, and of
    messages of those that compress. Beyond it, the clients with the most are cut off. Unset means a 16th of this
    machine's memory, at least 32 and at most 512 MiB."""
    drain_seconds: float = 5
    """How long a stopping gateway takes, from being unready to the end of its last client. For up to a third of it
    newcomers are still served."""
    heartbeat_s: float = 20
    """A client that is silent for half of this is pinged. If it stays silent, it is dead after 1 to 1.5 times this."""
    rest_factor: float = 3
    """The longest rest between flushes of a busy gateway, as a multiple of a flush's CPU time; 0 means none."""
    history_bytes: int = 32 * 1024 * 1024
    """Memory for the newest ticks, for clients that connect again and ask for what they missed (``since``); 0 keeps
    none. A tick takes some 200 bytes of it. A quarter is used only while there are such clients. A bus that has a
    history of its own hands over as many bytes of it at the start."""
    auth: AuthSettings = AuthSettings()
    """Whether a token is needed, and which ones are valid."""
    allow_anonymous: bool = False
    """1 lets a gateway that asks for no token listen beyond loopback."""
    auth_query_token: bool = False
    """1 lets a token come in the URL, as ``/ws?token=``, also over plain HTTP. Logs on the way may keep it."""
    auth_timeout_s: float = 5
    """A client without a token in its handshake must send ``auth`` within this time, or is closed with 4409."""
    allowed_origins: AllowedOrigins = AllowedOrigins()
    """The origins whose pages may connect, with commas between them: ``https://app.example.com``,
    ``https://*.example.com``, those of apps such as ``file://`` or ``capacitor://localhost``, ``self`` (the gateway's
    own pages), ``null``, ``*``. Unset means ``self``; a list without it locks the gateway's own dashboard out."""
    allowed_hosts: AllowedHosts = AllowedHosts()
    """The names under which it is served, such as ``prices.example.com``. Unset means loopback's own names if it
    listens on loopback without a proxy, else any name. Probes and ``/metrics`` may also be asked for by address, or by
    a name without a dot."""
    trusted_proxies: TrustedProxies = TrustedProxies()
    """The addresses and networks of proxies whose ``X-Forwarded-For`` is believed; ``unix`` for Unix sockets."""
    binance: BinanceSettings = BinanceSettings()
    """How clients of Binance are served."""
    ws_compression: Switch = "on"
    """``on`` agrees to ``permessage-deflate`` if the client offers it; ``off`` never does."""
    handshake_timeout_s: float = 5
    """A connection must send a whole request within this time."""
    keepalive_s: float = 75
    """A connection may be idle for so long between two requests. It must be longer than balancers keep their
    connections, which is 60 s or less."""
    max_handshakes: int = 4_000
    """Connections that have not sent a whole request yet. Beyond this, the oldest is cut off."""
    max_connections: int = 20_000
    """WebSockets of this process. More are refused with HTTP 503."""
    max_connections_per_ip: int = 500
    """Connections of one client address, or of one IPv6 /64. More are refused with 429."""
    max_connect_rate_per_ip: float = 100
    """New connections of one client address per second; ten times as many may come at once. More are refused with
    429."""
    spare_loopback: bool = True
    """Whether clients of this very machine, 127.0.0.1 and ::1, are exempt from the limits per address."""
    max_request_rate_per_ip: float = 100
    """Requests over plain HTTP of one client address per second; twice as many may come at once. One connection may use
    half of both. More are refused with 429. ``/metrics`` counts as ten requests, a token or ticket that is not valid as
    ten more, four requests for the dashboard's files as one. ``/healthz`` and ``/readyz`` count apart: the first of a
    connection is free, then one connection may send three at once and 1.5 per second."""
    max_connections_per_subject: int = 100
    """Connections of one token's subject in this process, unless the token itself sets a limit. More are refused with
    429, or closed with 4429."""
    max_symbols_per_connection: int = 2_000
    """Symbols that one connection may hold. More get the error ``too_many_symbols``."""
    max_messages_per_second: float = 100
    """Messages of one connection per second; twice as many may come at once. More get the error ``rate_limited``, a
    flood is closed with 4429. Some messages count as several."""
    max_messages_per_second_per_subject: float = 1_000
    """Messages per second of all connections of one token's subject. More get ``rate_limited``."""
    max_messages_per_second_per_ip: float = 2_000
    """Messages per second of all connections of one client address, or of one IPv6 /64; five times as many may come at
    once. More get ``rate_limited``."""
    max_message_bytes: int = 262_144
    """The longest message of a client; a longer one closes it with 1009. A compressed message may have a sixteenth of
    this, or 16 KB if that is more."""
    max_errors_per_connection: int = 100
    """A connection is closed with 4429 after so many wrong messages."""
    metrics_symbols: int = 2_000
    """``/metrics`` has figures of so many single symbols, the first of ``SYMBOLS``; of the others only sums."""
    metrics_token: str = ""
    """The token that ``/metrics`` and ``/ops`` ask for: ``Authorization: Bearer <token>``, at least 16 characters."""
    log_format: LogFormat = "console"
    """``console`` for people, ``json`` for machines. Text from others is printable in both: control characters are
    shown, not obeyed."""
    log_level: LogLevel = "INFO"
    """The least severe level that is logged: DEBUG, INFO, WARNING or ERROR."""
    log_levels: LogLevels = ()
    """Levels of single parts, by the name that their lines have: ``gateway.client=debug,gateway.access=warning``."""

    def __repr__(self) -> str:
        """Show no values: some are secrets."""
        return f"Settings(host={self.host!r}, port={self.port}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for printing with rich."""
        return [("host", self.host), ("port", self.port)]

    @property
    def may_be_public(self) -> bool:
        """Whether strangers may reach it."""
        return self.auth.mode != "none" or self.allow_anonymous

    def by_variable(self) -> dict[str, object]:
        """Each variable with its value, for comparing two settings; secrets are among them."""
        own = {name.upper(): getattr(self, name) for name in self.__struct_fields__ if name not in _NAMED_APART}
        auth = {
            name.upper(): getattr(self.auth, name) for name in self.auth.__struct_fields__ if name not in _AUTH_APART
        }
        return {
            **own,
            "SYMBOLS": self.symbols.names,
            **{f"GATEWAY_{name.upper()}": getattr(self, name) for name in _OF_PORT},
            "AUTH_MODE": self.auth.mode,
            **auth,
            **{f"BINANCE_COMPAT_{name.upper()}": getattr(self.binance, name) for name in ("hosts", "stale")},
            "TRUSTED_PROXIES": (self.trusted_proxies.networks, self.trusted_proxies.unix),
            "FORWARDED_HOPS": self.trusted_proxies.hops,
            # Depends on whether others are set at all.
            "the exemption of 127.0.0.1 and ::1": self.spare_loopback,
        }

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> "Settings":
        """Read ``os.environ``, or a test's own, and the file that ``TICKGATE_CONFIG`` names.

        Raises:
            SettingError: the first variable that cannot be used, or the file.
        """
        with layered(variables) as both:
            return cls._read(Environ(both))

    @classmethod
    def _read(cls, env: Environ) -> "Settings":
        default = cls()
        host = env.get("GATEWAY_HOST", default.host)
        auth, anonymous = AuthSettings.from_environ(env), env.flag("ALLOW_ANONYMOUS")
        if auth.mode == "none" and not anonymous and not is_loopback(host):
            raise SettingError(
                f"GATEWAY_HOST {shown(host)} is not loopback and AUTH_MODE is none: anyone who reaches it could listen;"
                " set AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1 if that is meant"
            )
        _require_ports(env)
        proxies = TrustedProxies.parse(env.get("TRUSTED_PROXIES", ""), env.integer("FORWARDED_HOPS", 1, 1, 10))
        binance = BinanceSettings.from_environ(env)
        # A limit that is set holds for everybody. The defaults are meant for strangers.
        spare_loopback = not env.any(
            "MAX_CONNECTIONS_PER_IP",
            "MAX_CONNECT_RATE_PER_IP",
            "MAX_REQUEST_RATE_PER_IP",
            "MAX_MESSAGES_PER_SECOND_PER_IP",
        )
        return cls(
            bus_url=env.bus_url("BUS_URL", default.bus_url, "BUS_PASSWORD_FILE"),
            store_url=env.store_url("STORE_URL", "STORE_PASSWORD_FILE"),
            symbols=env.symbols("SYMBOLS", default.symbols),
            host=host,
            port=env.integer("GATEWAY_PORT", default.port, 0, 65_535),
            reuse_port=env.flag("GATEWAY_REUSE_PORT"),
            private_host=env.get("GATEWAY_PRIVATE_HOST", default.private_host),
            private_port=env.integer("GATEWAY_PRIVATE_PORT", default.private_port, 0, 65_535),
            tls_cert=env.get("GATEWAY_TLS_CERT", default.tls_cert),
            tls_key=env.get("GATEWAY_TLS_KEY", default.tls_key),
            accept_proxy=TrustedProxies.parse(env.get("GATEWAY_ACCEPT_PROXY", ""), name="GATEWAY_ACCEPT_PROXY"),
            lag_timeout_s=env.number("LAG_TIMEOUT_S", default.lag_timeout_s, 0.1, 3600),
            message_timeout_s=env.number("MESSAGE_TIMEOUT_S", default.message_timeout_s, 0.1, 3600),
            max_buffered_bytes=env.optional("MAX_BUFFERED_BYTES", 0, 2**50),
            drain_seconds=env.number("DRAIN_SECONDS", default.drain_seconds, 0, 3600),
            heartbeat_s=env.number("HEARTBEAT_S", default.heartbeat_s, 0.5, 3600),
            rest_factor=env.number("REST_FACTOR", default.rest_factor, 0, 100),
            history_bytes=env.integer("HISTORY_BYTES", default.history_bytes, 0, 2**40),
            auth=auth,
            allow_anonymous=anonymous,
            auth_query_token=env.flag("AUTH_QUERY_TOKEN"),
            auth_timeout_s=env.number("AUTH_TIMEOUT_S", default.auth_timeout_s, 0.1, 3600),
            allowed_origins=AllowedOrigins.parse(env.get("ALLOWED_ORIGINS", "")),
            # Behind a proxy it has the proxy's names.
            allowed_hosts=AllowedHosts.parse(
                env.get("ALLOWED_HOSTS", ""), only_loopback=is_loopback(host) and not (proxies.networks or proxies.unix)
            ).adding(binance.hosts),
            binance=binance,
            trusted_proxies=proxies,
            ws_compression=env.choice("WS_COMPRESSION", default.ws_compression, get_args(Switch)),
            handshake_timeout_s=env.number("HANDSHAKE_TIMEOUT_S", default.handshake_timeout_s, 0.1, 3600),
            keepalive_s=env.number("KEEPALIVE_S", default.keepalive_s, 1, 3600),
            max_handshakes=env.integer("MAX_HANDSHAKES", default.max_handshakes, 0, 10_000_000),
            max_connections=env.integer("MAX_CONNECTIONS", default.max_connections, 0, 10_000_000),
            max_connections_per_ip=env.integer("MAX_CONNECTIONS_PER_IP", default.max_connections_per_ip, 0, 10_000_000),
            max_connect_rate_per_ip=env.number("MAX_CONNECT_RATE_PER_IP", default.max_connect_rate_per_ip, 0, 1e6),
            max_request_rate_per_ip=env.number("MAX_REQUEST_RATE_PER_IP", default.max_request_rate_per_ip, 0, 1e6),
            spare_loopback=spare_loopback,
            max_connections_per_subject=env.integer(
                "MAX_CONNECTIONS_PER_SUBJECT", default.max_connections_per_subject, 0, 10_000_000
            ),
            max_symbols_per_connection=env.integer(
                "MAX_SYMBOLS_PER_CONNECTION", default.max_symbols_per_connection, 0, 1_000_000
            ),
            max_messages_per_second=env.number("MAX_MESSAGES_PER_SECOND", default.max_messages_per_second, 0, 1e6),
            max_messages_per_second_per_subject=env.number(
                "MAX_MESSAGES_PER_SECOND_PER_SUBJECT", default.max_messages_per_second_per_subject, 0, 1e6
            ),
            max_messages_per_second_per_ip=env.number(
                "MAX_MESSAGES_PER_SECOND_PER_IP", default.max_messages_per_second_per_ip, 0, 1e6
            ),
            max_message_bytes=env.integer("MAX_MESSAGE_BYTES", default.max_message_bytes, 0, 64 * 1024 * 1024),
            max_errors_per_connection=env.integer(
                "MAX_ERRORS_PER_CONNECTION", default.max_errors_per_connection, 0, 1_000_000
            ),
            metrics_symbols=env.integer("METRICS_SYMBOLS", default.metrics_symbols, 0, 1_000_000),
            metrics_token=metrics_token(env.secret("METRICS_TOKEN", "METRICS_TOKEN_FILE")),
            log_format=env.choice("LOG_FORMAT", default.log_format, get_args(LogFormat)),
            log_level=env.choice("LOG_LEVEL", default.log_level, get_args(LogLevel)),
            log_levels=log_levels(env.get("LOG_LEVELS", "")),
        )


def _require_ports(env: Environ) -> None:
    """See that the variables of the ports fit each other.

    Raises:
        SettingError: they do not.
    """
    private = env.integer("GATEWAY_PRIVATE_PORT", 0, 0, 65_535)
    if env.flag("GATEWAY_REUSE_PORT") and not private:
        raise SettingError(
            "GATEWAY_REUSE_PORT needs GATEWAY_PRIVATE_PORT: on a shared port nobody knows which gateway answers a probe"
        )
    if private and private == env.integer("GATEWAY_PORT", Settings().port, 0, 65_535):
        raise SettingError("GATEWAY_PRIVATE_PORT is GATEWAY_PORT; choose another, which only operators reach")
    if env.get("GATEWAY_TLS_KEY", "") and not env.get("GATEWAY_TLS_CERT", ""):
        raise SettingError(
            "GATEWAY_TLS_KEY is set and GATEWAY_TLS_CERT is not; set both, or neither to serve without TLS"
        )
