"""Opens the source for ``VENUE`` and ``FEED``."""

import logging
import random
from collections.abc import Awaitable, Callable

from poller.errors import PollerError
from poller.log_events import PRICES_SIMULATED, VENUE_ANSWERS
from poller.network.endpoints import Endpoints
from poller.settings import PollerSettings
from poller.source import Source
from poller.venues.auto import Auto, look
from poller.venues.venue import Opening

logger = logging.getLogger(__name__)


async def open_source(
    settings: PollerSettings,
    *,
    now_us: Callable[[], int],
    rng: random.Random,
    room: Callable[[], Awaitable[None]],
) -> Source:
    """Return the source that ``settings`` name; nothing of it runs yet.

    Args:
        settings: the poller's.
        now_us: wall time, microseconds since the Unix epoch.
        rng: for jitter.
        room: waits until the publisher has sent nearly all its ticks.

    Raises:
        PollerError: a recording that cannot be used.
    """
    venue, symbols = settings.venue, settings.symbols.names
    # One for the whole process: a ban holds for all requests.
    rest = Endpoints(f"{venue.title}'s REST interface", settings.rest_url, settings.proxies)

    def listen() -> Source:
        streams = Endpoints(f"{venue.title}'s streams", settings.ws_url, settings.proxies)
        return venue.feeds[settings.live_feed](
            Opening(symbols, rest, streams, now_us, rng, settings.poller_stats == "all")
        )

    def simulated(notice: str = "") -> Source:
        from poller.venues.simulated import Simulated

        rate, seed = settings.sim_ticks_per_s, settings.sim_seed
        return Simulated(symbols, ticks_per_s=rate, seed=seed, now_us=now_us, notice=notice)

    # Each source is imported where it is chosen: a process loads only its own.
    match settings.feed:
        case "auto":
            sight = await look(rest, now_us, ping=venue.ping)
            if sight.there:
                level, but = (logging.WARNING, f", though {sight.reason}") if sight.reason else (logging.INFO, "")
                logger.log(level, VENUE_ANSWERS, rest.current, but, venue.title)
                return listen()
            others = f" and {len(rest.urls) - 1} more" if len(rest.urls) > 1 else ""
            notice = f"{rest.urls[0]}{others} cannot be reached, so these prices are simulated"
            logger.warning(PRICES_SIMULATED, notice, sight.reason)
            return Auto(simulated(notice), listen, rest, now_us, ping=venue.ping)
        case "simulated":
            return simulated()
        case "replay" if settings.replay_path is not None:
            from poller.venues.replay import Replay

            path, speed = settings.replay_path, settings.replay_speed
            return Replay(symbols, path, speed=speed, now_us=now_us, room=room)
        case feed if feed in venue.feeds:
            return listen()
    raise PollerError(f"FEED {settings.feed} has no source")
