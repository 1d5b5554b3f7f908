"""New settings for a running poller: what can change, and what is said of the rest."""

import dataclasses
import logging

from market.settings.changes import announce as announce_changes
from poller.settings import PollerSettings

CHANGEABLE = ("symbols", "log_level")
"""Fields of `PollerSettings` that can change while running; feed, bus and ports are built into what runs."""

logger = logging.getLogger(__name__)


def effective(before: PollerSettings, wanted: PollerSettings) -> PollerSettings:
    """``wanted``, but with all that cannot change as it was ``before``."""
    changes = {name: getattr(wanted, name) for name in CHANGEABLE}
    if wanted.symbols.names == before.symbols.names:
        changes["symbols"] = before.symbols
    return dataclasses.replace(before, **changes)


def announce(before: PollerSettings, after: PollerSettings, wanted: PollerSettings) -> None:
    """Log what has changed and what could not, and log by the new level from now on."""
    announce_changes(logger, before.by_variable(), after.by_variable(), wanted.by_variable(), level=after.log_level)
