"""What the poller says of itself to operators."""

import time
from typing import Literal

from market.wire.announcing import Announcer
from market.wire.presence import PollerPresent
from poller.publishing.publisher import Publisher
from poller.settings import PollerSettings
from poller.source import LinkState


def present(
    announcer: Announcer, settings: PollerSettings, publisher: Publisher, state: LinkState, symbols: int
) -> PollerPresent:
    """How the poller is, now. It may be asked at any time, and nothing waits for it."""
    rates = announcer.rates.take(cpu=time.process_time(), published=publisher.published)
    doing: Literal["starting", "leading", "standing by", "bus down"]
    if publisher.leading:
        doing = "leading"
    elif publisher.standing_by:
        doing = "standing by"
    else:
        doing = "bus down" if publisher.failures else "starting"
    return PollerPresent(
        **announcer.base(),
        **rates,
        venue=settings.venue.name,
        state=doing,
        link=state.link,
        source=state.source,
        reason=state.reason[:200],
        since_us=state.since_us,
        symbols=symbols,
        waiting=publisher.waiting,
        failures=publisher.failures,
    )
