"""What the poller is told by its environment, read once and checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from market.bus import MAX_PARTITIONS, has_symbol_channels
from market.prices.symbols import DEFAULT_SYMBOLS, Symbols
from market.process.logs import LogFormat, LogLevel, LogLevels
from market.settings.config import layered
from market.settings.environ import Environ, SettingError, same, shown
from market.settings.log_levels import log_levels
from market.settings.loopback import is_loopback
from market.settings.metrics_token import metrics_token
from market.settings.proxy import NO_PROXIES, Proxies
from poller.venues.registry import DEFAULT, VENUES
from poller.venues.venue import Venue

Switch = Literal["on", "off"]
Figures = Literal["few", "all"]

_REPLAY: Final = "replay:"
_NAMED_APART = frozenset({"replay_path", "proxies", "rest_url", "ws_url"})
"""Fields that are no variable of the same name."""
_OFFLINE = {"simulated", "replay"}


@dataclass(frozen=True, kw_only=True)
class PollerSettings:
    """Every setting; its variable has the same name in upper case (``replay_path`` is part of ``FEED``)."""

    bus_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """The bus that carries ticks: ``redis://[user:password@]host:port/db``, ``rediss://`` for TLS,
    ``unix:///socket?db=0``, ``redis+sentinel://host:port,host:port/master/db`` (or ``rediss+sentinel://``) for the
    primary that Sentinels name, ``redis+cluster://host:port,host:port``, ``kafka://host:port,host:port``, or
    ``memory://``. It may hold a password, so it is never shown."""
    store_url: str = field(default="", repr=False)
    """A Redis for leases and tickets, where the bus keeps none (Kafka): ``redis://[user:password@]host:port/db``. Unset
    means one poller of each venue and no tickets on such a bus. It may hold a password, so it is never shown."""
    bus_partitions: int = 1
    """The partitions of the bus, 1 to 256. Each may be on another server, if the bus has several. Pollers on one bus
    need the same number; gateways learn it from them."""
    bus_symbol_channels: Switch = "on"
    """``on`` also publishes each tick on its symbol's own channel, ``tick.<SYMBOL>``, for other programs. Unset means
    ``on`` where one Redis is the bus."""
    venue: Venue = DEFAULT
    """The exchange whose prices this poller reads: ``binance`` or ``coinbase``. It takes the entries of ``SYMBOLS``
    that are this venue's. Several pollers may share a bus."""
    symbols: Symbols = DEFAULT_SYMBOLS
    """The prices to read: the entries of ``SYMBOLS`` that are the venue's. Unset means BTCUSDT, ETHUSDT and SOLUSDT, or
    the same of another venue."""
    feed: str = "auto"
    """Where prices come from. ``auto``: the venue, and the simulator while nothing of the venue answers.
    ``binance-ws``, ``binance-rest`` or ``replay:PATH`` (a recording) of Binance; ``coinbase-ws`` of Coinbase;
    ``simulated``."""
    replay_path: Path | None = None
    """The recording of ``FEED=replay:PATH``; None for every other feed."""
    rest_url: tuple[str, ...] = DEFAULT.rest_url
    """The venue's REST interface, without a path. Several URLs, with commas between them, are tried in turn."""
    ws_url: tuple[str, ...] = DEFAULT.ws_url
    """The venue's streams, without a path. Several URLs, with commas between them, are tried in turn."""
    proxies: Proxies = field(default=NO_PROXIES, repr=False)
    """The way to the exchange: ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``. They may hold a password."""
    poller_stats: Figures = "few"
    """The figures of 24 hours in the channel ``stats``. ``few``: those that come with last price and volume. ``all``:
    all that the venue's streams have, which takes three times the bytes of these streams of Binance."""
    sim_ticks_per_s: int = 100
    """Quotes per second of the simulator, over all symbols together: 1 to 10,000."""
    sim_seed: int = 1
    """The same seed, symbols and rate give the same simulated prices: 0 to 2^32 - 1."""
    replay_speed: float = 1.0
    """1 replays as recorded, 2 twice as fast, 0 as fast as the bus takes it."""
    log_format: LogFormat = "console"
    """``console`` for people, ``json`` for machines."""
    log_level: LogLevel = "INFO"
    """The least severe level that is logged: DEBUG, INFO, WARNING or ERROR."""
    log_levels: LogLevels = ()
    """Levels of single parts, by the name that their lines have: ``poller.stream=debug,poller.rest.polling=error``."""
    poller_metrics_host: str = "127.0.0.1"
    """The address of ``POLLER_METRICS_PORT``. Beyond loopback, metrics need a ``METRICS_TOKEN``."""
    poller_metrics_port: int = 0
    """The TCP port for ``/metrics``, ``/healthz`` and ``/readyz``; 0 means none."""
    metrics_symbols: int = 2_000
    """``/metrics`` has figures of so many single symbols."""
    metrics_token: str = field(default="", repr=False)
    """If set, ``/metrics`` is for whoever sends it: ``Authorization: Bearer <token>``."""

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> "PollerSettings":
        """Read ``os.environ``, or a test's own, and the file that ``TICKGATE_CONFIG`` names.

        Raises:
            SettingError: the first variable that cannot be used, or the file.
        """
        with layered(variables) as both:
            return cls._read(Environ(both))

    def by_variable(self) -> dict[str, object]:
        """Each variable with its value, for comparing two settings; a secret may be among them."""
        values = {name.upper(): value for name, value in vars(self).items() if name not in _NAMED_APART}
        feed = self.feed, self.replay_path
        urls = dict[str, object]()
        for venue in VENUES.values():
            ours = venue is self.venue
            urls[venue.rest_variable] = self.rest_url if ours else venue.rest_url
            urls[venue.ws_variable] = self.ws_url if ours else venue.ws_url
        return {**values, **urls, "VENUE": self.venue.name, "SYMBOLS": self.symbols.names, "FEED": feed}

    @property
    def live_feed(self) -> str:
        """What brings the venue's own prices: ``feed``, or what ``auto`` means."""
        return next(iter(self.venue.feeds)) if self.feed == "auto" else self.feed

    @classmethod
    def _read(cls, env: Environ) -> "PollerSettings":
        venue = VENUES[env.choice("VENUE", DEFAULT.name, tuple(VENUES))]
        feed, replay_path = _feed(env, venue)
        bus_url = env.bus_url("BUS_URL", cls.bus_url, "BUS_PASSWORD_FILE")
        channels: Switch = "on" if has_symbol_channels(bus_url) else "off"
        token = metrics_token(env.secret("METRICS_TOKEN", "METRICS_TOKEN_FILE"))
        return cls(
            bus_url=bus_url,
            store_url=env.store_url("STORE_URL", "STORE_PASSWORD_FILE"),
            bus_partitions=env.integer("BUS_PARTITIONS", cls.bus_partitions, 1, MAX_PARTITIONS),
            bus_symbol_channels=env.choice("BUS_SYMBOL_CHANNELS", channels, get_args(Switch)),
            venue=venue,
            symbols=_symbols(env, venue),
            feed=feed,
            replay_path=replay_path,
            rest_url=env.base_urls(venue.rest_variable, venue.rest_url, ("https", "http")),
            ws_url=env.base_urls(venue.ws_variable, venue.ws_url, ("wss", "ws")),
            # What nobody uses need not be right.
            proxies=env.proxies() if feed not in _OFFLINE else NO_PROXIES,
            poller_stats=env.choice("POLLER_STATS", cls.poller_stats, get_args(Figures)),
            sim_ticks_per_s=env.integer("SIM_TICKS_PER_S", cls.sim_ticks_per_s, 1, 10_000),
            sim_seed=env.integer("SIM_SEED", cls.sim_seed, 0, 2**32 - 1),
            replay_speed=env.number("REPLAY_SPEED", cls.replay_speed, 0, math.inf),
            log_format=env.choice("LOG_FORMAT", cls.log_format, get_args(LogFormat)),
            log_level=env.choice("LOG_LEVEL", cls.log_level, get_args(LogLevel)),
            log_levels=log_levels(env.get("LOG_LEVELS", "")),
            poller_metrics_host=_metrics_host(env, token),
            poller_metrics_port=env.integer("POLLER_METRICS_PORT", cls.poller_metrics_port, 0, 65_535),
            metrics_symbols=env.integer("METRICS_SYMBOLS", cls.metrics_symbols, 0, 1_000_000),
            metrics_token=token,
        )


def _metrics_host(env: Environ, token: str) -> str:
    host = env.get("POLLER_METRICS_HOST", PollerSettings.poller_metrics_host)
    if not (token or is_loopback(host)):
        raise SettingError(
            f"POLLER_METRICS_HOST {shown(host)} is not loopback and METRICS_TOKEN is not set: anyone who reaches it"
            " could read the metrics; set METRICS_TOKEN"
        )
    return host


def _symbols(env: Environ, venue: Venue) -> Symbols:
    """Those of ``SYMBOLS`` that are the venue's: every program reads the same list."""
    if not env.any("SYMBOLS"):
        return DEFAULT_SYMBOLS if venue is DEFAULT else Symbols(venue.symbols)
    symbols = env.symbols("SYMBOLS", DEFAULT_SYMBOLS).of_venue(venue.name)
    if not symbols:
        raise SettingError(f"SYMBOLS names none of {venue.name}; add one, like {venue.symbols[0]}")
    return symbols


def _feed(env: Environ, venue: Venue) -> tuple[str, Path | None]:
    value = env.get("FEED", PollerSettings.feed)
    if venue.replays and value[: len(_REPLAY)].lower() == _REPLAY:
        if not (path := value[len(_REPLAY) :]):
            raise SettingError("FEED names no recording; write replay:PATH")
        try:
            Path(path).open("rb").close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SettingError(
                f"FEED names {shown(path)}, which cannot be read ({reason}); name a readable file"
            ) from None
        return "replay", Path(path)
    feeds = ["auto", *venue.feeds, "simulated"]
    for feed in feeds:
        if same(value, feed):
            return feed, None
    last = "replay:PATH" if venue.replays else feeds.pop()
    raise SettingError(f"FEED {shown(value)} is no feed of {venue.name}; use {', '.join(feeds)} or {last}")
