"""``python -m poller``: exchange to bus, configured by the environment."""

import market.settings.early  # noqa: F401 # SIGHUP from here on

# isort: split
import asyncio
import logging
import os
import sys

import uvloop

from market.process import logs
from market.process.printable import complain
from market.settings.config import POLLERS
from market.settings.environ import SettingError
from market.settings.hangup import Hangup
from market.settings.mistakes import alone_in_memory, warn
from poller.app import run
from poller.errors import PollerError
from poller.settings import PollerSettings

logger = logging.getLogger("poller")


def main() -> int:
    """Run until stopped; the exit code is 0, or 2 where the start cannot succeed."""
    hangup = Hangup()
    try:
        settings = PollerSettings.from_environ(os.environ)
        logs.configure(settings.log_format, settings.log_level)
        warn(logger, os.environ, POLLERS, alone_in_memory(settings.bus_url, "no gateway will ever have these prices"))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, hangup))
    except (SettingError, PollerError) as error:
        complain(f"poller: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
