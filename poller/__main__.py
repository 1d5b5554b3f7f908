"""``python -m poller``: exchange to bus, configured by the environment."""

from market.settings import early  # before the others

# isort: split
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from market.prices.doubts import doubt
from market.process import logs
from market.process.printable import complain
from market.process.service_manager import ServiceManager
from market.process.usage import Parser, of_settings
from market.settings.config import POLLERS
from market.settings.environ import SettingError
from market.settings.hangup import Hangup
from market.settings.mistakes import alone_in_memory, warn
from poller.app import run
from poller.errors import PollerError
from poller.settings import PollerSettings
from poller.venues.registry import VENUES

SETTINGS: Final = {
    "BUS_URL": f"where ticks go: {PollerSettings.bus_url}",
    "VENUE": f"whose prices: {' or '.join(VENUES)}",
    "SYMBOLS": "which ones, as BTCUSDT,ETHUSDT, or @file",
    "FEED": "where they come from: auto, simulated, binance-ws ...",
    "TICKGATE_CONFIG": "a file of NAME=VALUE lines",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
}

logger = logging.getLogger("poller")


def main(arguments: Sequence[str] | None = None, program: str = "python -m poller") -> int:
    """Run until stopped; the exit code is 0, or 2 where the start cannot succeed."""
    early.imported()
    description = "Exchange to bus: publish the prices of one exchange. Ctrl-C ends it."
    Parser(program, description, of_settings(SETTINGS)).parse_args(arguments)
    hangup, manager = Hangup(), ServiceManager(os.environ)
    try:
        settings = PollerSettings.from_environ(os.environ)
        logs.configure(settings.log_format, settings.log_level, levels=settings.log_levels)
        alone = alone_in_memory(settings.bus_url, "no gateway will ever have these prices")
        warn(logger, os.environ, POLLERS, alone, doubt(settings.symbols))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, hangup, manager))
    except (SettingError, PollerError) as error:
        complain(f"poller: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
