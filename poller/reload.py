"""New settings for a running poller: which can change, and what is logged of the others."""

import dataclasses
import logging

from market.settings.changes import announce as announce_changes
from poller.settings import PollerSettings

CHANGEABLE = ("symbols", "metrics_token", "log_level", "log_levels")
"""Fields of `PollerSettings` that can change while running; feed, bus and ports are fixed at the start."""

logger = logging.getLogger(__name__)


def effective(before: PollerSettings, wanted: PollerSettings) -> PollerSettings:
    """Return ``wanted``, with every field that cannot change as it was ``before``."""
    changes = {name: getattr(wanted, name) for name in CHANGEABLE}
    if wanted.symbols.names == before.symbols.names:
        changes["symbols"] = before.symbols
    return dataclasses.replace(before, **changes)


def announce(before: PollerSettings, after: PollerSettings, wanted: PollerSettings) -> None:
    """Log what has changed and what cannot change, and use the new log level from now on."""
    tables = before.by_variable(), after.by_variable(), wanted.by_variable()
    announce_changes(logger, *tables, level=after.log_level, levels=after.log_levels)
