"""The one place that knows which source belongs to which ``FEED``."""

import logging
import random
from collections.abc import Awaitable, Callable

from poller.errors import PollerError
from poller.network.endpoints import Endpoints
from poller.settings import PollerSettings
from poller.source import Source
from poller.venues.auto import Auto, look

logger = logging.getLogger(__name__)


async def open_source(
    settings: PollerSettings,
    *,
    now_us: Callable[[], int],
    rng: random.Random,
    room: Callable[[], Awaitable[None]],
) -> Source:
    """The source that ``settings`` ask for; nothing of it runs yet.

    Args:
        settings: the poller's.
        now_us: wall time, microseconds since the Unix epoch.
        rng: for jitter.
        room: waits until the publisher has sent nearly all it was given.

    Raises:
        PollerError: a recording that cannot be used.
    """
    symbols = settings.symbols.names

    def binance_ws(rest: Endpoints) -> Source:
        from poller.stream.source import BinanceWs

        streams = Endpoints("Binance's streams", settings.binance_ws_url, settings.proxies)
        return BinanceWs(symbols, rest, streams, now_us=now_us, rng=rng)

    def simulated(notice: str = "") -> Source:
        from poller.venues.simulated import Simulated

        rate, seed = settings.sim_ticks_per_s, settings.sim_seed
        return Simulated(symbols, ticks_per_s=rate, seed=seed, now_us=now_us, notice=notice)

    # One for the whole process: whoever is told to wait waits for all.
    rest = Endpoints("Binance's REST interface", settings.binance_rest_url, settings.proxies)
    # Each source is imported where it is chosen: a process pays only for its own.
    match settings.feed:
        case "auto":
            sight = await look(rest, now_us)
            if sight.there:
                level, but = (logging.WARNING, f", though {sight.reason}") if sight.reason else (logging.INFO, "")
                logger.log(level, "%s answers%s: prices are Binance's", rest.current, but)
                return binance_ws(rest)
            others = f" and {len(rest.urls) - 1} more" if len(rest.urls) > 1 else ""
            notice = f"{rest.urls[0]}{others} cannot be reached, so these prices are simulated"
            logger.warning("%s (%s)", notice, sight.reason)
            return Auto(simulated(notice), lambda: binance_ws(rest), rest, now_us)
        case "binance-ws":
            return binance_ws(rest)
        case "binance-rest":
            from poller.venues.binance.rest_source import BinanceRest

            return BinanceRest(symbols, rest, now_us=now_us, rng=rng)
        case "simulated":
            return simulated()
        case "replay" if settings.replay_path is not None:
            from poller.venues.replay import Replay

            path, speed = settings.replay_path, settings.replay_speed
            return Replay(symbols, path, speed=speed, now_us=now_us, room=room)
    raise PollerError(f"FEED {settings.feed} has no source")
