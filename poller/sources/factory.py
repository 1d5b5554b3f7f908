"""The one place that knows which source belongs to which ``FEED``."""

import logging
import random
from collections.abc import Awaitable, Callable

from poller.errors import PollerError
from poller.settings import PollerSettings
from poller.sources import Source
from poller.sources.auto import unreachable

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
    rest_url = settings.binance_rest_url
    feed, notice = settings.feed, ""
    if feed == "auto":
        fault = await unreachable(rest_url)
        feed = "simulated" if fault else "binance-ws"
        if fault:
            notice = f"{rest_url} cannot be reached, so these prices are simulated"
            logger.warning("%s (%s)", notice, fault)
        else:
            logger.info("%s answers: prices are Binance's", rest_url)
    # Each source is imported where it is chosen: a process pays only for its own.
    match feed:
        case "binance-ws":
            from poller.sources.binance_ws import BinanceWs

            return BinanceWs(symbols, rest_url, settings.binance_ws_url, now_us=now_us, rng=rng)
        case "binance-rest":
            from poller.sources.binance_rest import BinanceRest

            return BinanceRest(symbols, rest_url, now_us=now_us, rng=rng)
        case "simulated":
            from poller.sources.simulated import Simulated

            rate, seed = settings.sim_ticks_per_s, settings.sim_seed
            return Simulated(symbols, ticks_per_s=rate, seed=seed, now_us=now_us, notice=notice)
        case "replay" if settings.replay_path is not None:
            from poller.sources.replay import Replay

            path, speed = settings.replay_path, settings.replay_speed
            return Replay(symbols, path, speed=speed, now_us=now_us, room=room)
    raise PollerError(f"FEED {feed} has no source")
