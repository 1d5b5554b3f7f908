"""What the poller is told by its environment, read once and checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from market.config import layered
from market.environ import Environ, SettingError, shown
from market.logs import LogFormat, LogLevel
from market.proxy import NO_PROXIES, Proxies
from market.symbols import DEFAULT_SYMBOLS, Symbols

Feed = Literal["auto", "binance-ws", "binance-rest", "simulated", "replay"]

_REPLAY = "replay:"
_NAMED_APART = frozenset({"replay_path", "proxies"})
"""Fields that are no variable of the same name."""
_EXCHANGES = {"auto", "binance-ws", "binance-rest"}


@dataclass(frozen=True, kw_only=True)
class PollerSettings:
    """Every setting; its variable has the same name in upper case (``replay_path`` is part of ``FEED``)."""

    bus_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """Where ticks go: ``redis://[user:password@]host:port/db`` (the default is redis://127.0.0.1:6379/0),
    ``rediss://`` for TLS, or ``memory://``. It may hold a password, so it is never shown."""
    symbols: Symbols = DEFAULT_SYMBOLS
    """Whose prices: a comma-separated list, or ``@file``. Default BTCUSDT,ETHUSDT,SOLUSDT."""
    feed: Feed = "auto"
    """Where prices come from: ``auto`` (the default: Binance where it can be reached, else the simulator),
    ``binance-ws``, ``binance-rest``, ``simulated`` or ``replay:PATH``."""
    replay_path: Path | None = None
    """The recording of ``FEED=replay:PATH``; None for every other feed."""
    binance_rest_url: tuple[str, ...] = ("https://api.binance.com",)
    """``BINANCE_REST_URL``: Binance's REST API, without its ``/api/v3``; several with commas between them are tried
    in turn. Default https://api.binance.com."""
    binance_ws_url: tuple[str, ...] = ("wss://stream.binance.com:9443",)
    """``BINANCE_WS_URL``: Binance's streams, without ``/stream``; several with commas between them are tried in turn.
    Default wss://stream.binance.com:9443."""
    proxies: Proxies = field(default=NO_PROXIES, repr=False)
    """The way to the exchange: ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``. They may hold a password."""
    sim_ticks_per_s: int = 100
    """Quotes per second that the simulator makes, over all symbols together: 1 to 10,000. Default 100."""
    sim_seed: int = 1
    """The same seed, symbols and rate give the same simulated prices: 0 to 2^32 - 1. Default 1."""
    replay_speed: float = 1.0
    """How many times faster than recorded; 0 is as fast as the bus takes it. Default 1, as recorded."""
    log_format: LogFormat = "console"
    """``console`` for people (the default), ``json`` for machines."""
    log_level: LogLevel = "INFO"
    """The least severe level that is logged: DEBUG, INFO (the default), WARNING or ERROR."""
    poller_metrics_port: int = 0
    """TCP port on 127.0.0.1 for ``/metrics`` and ``/healthz``; 0, the default, opens none."""

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
        return {**values, "SYMBOLS": self.symbols.names, "FEED": (self.feed, self.replay_path)}

    @classmethod
    def _read(cls, env: Environ) -> "PollerSettings":
        feed, replay_path = _feed(env)
        return cls(
            bus_url=env.bus_url("BUS_URL", cls.bus_url),
            symbols=env.symbols("SYMBOLS", cls.symbols),
            feed=feed,
            replay_path=replay_path,
            binance_rest_url=env.base_urls("BINANCE_REST_URL", cls.binance_rest_url, ("https", "http")),
            binance_ws_url=env.base_urls("BINANCE_WS_URL", cls.binance_ws_url, ("wss", "ws")),
            # What nobody uses need not be right.
            proxies=env.proxies() if feed in _EXCHANGES else NO_PROXIES,
            sim_ticks_per_s=env.integer("SIM_TICKS_PER_S", cls.sim_ticks_per_s, 1, 10_000),
            sim_seed=env.integer("SIM_SEED", cls.sim_seed, 0, 2**32 - 1),
            replay_speed=env.number("REPLAY_SPEED", cls.replay_speed, 0, math.inf),
            log_format=env.choice("LOG_FORMAT", cls.log_format, get_args(LogFormat)),
            log_level=env.choice("LOG_LEVEL", cls.log_level, get_args(LogLevel)),
            poller_metrics_port=env.integer("POLLER_METRICS_PORT", cls.poller_metrics_port, 0, 65_535),
        )


def _feed(env: Environ) -> tuple[Feed, Path | None]:
    value = env.get("FEED", PollerSettings.feed)
    if value.startswith(_REPLAY):
        if not (path := value.removeprefix(_REPLAY)):
            raise SettingError("FEED names no recording; write replay:PATH")
        try:
            Path(path).open("rb").close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SettingError(
                f"FEED names {shown(path)}, which cannot be read ({reason}); name a readable file"
            ) from None
        return "replay", Path(path)
    others = [feed for feed in get_args(Feed) if feed != "replay"]
    if value not in others:
        raise SettingError(f"FEED {shown(value)} is no feed; use {', '.join(others)} or replay:PATH")
    return cast("Feed", value), None
