"""One gateway under gunicorn: ``gunicorn -c deploy/gunicorn.conf.py gateway.app:app_factory``.

One worker to a gunicorn and a port, one gunicorn to a core: so the load balancer can count, drain and
scrape each worker, and long-lived connections do not pile up on one of several that share a port.
Everything else is in the environment, as for ``python -m gateway``, and in the file that ``TICKGATE_CONFIG`` names:
SIGHUP reads this page and that file again and replaces the worker, see `deploy.gateways.arbiter`; when workers are
started and ended, see `deploy.gateways.workers`.
"""
# ruff: noqa: N999 # the name is what gunicorn itself looks for

import functools
import logging
import math
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

# The `gunicorn` command does not look for modules in the folder of this page's package.
if (_TOP := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, _TOP)
# gunicorn puts the working directory first, even if Python was told not to.
if sys.flags.safe_path and sys.path[0] == str(Path.cwd()) != _TOP:
    sys.path.append(sys.path.pop(0))

from market.settings import early  # before the others

# isort: split
from deploy.errors import DeployError
from deploy.gateways.arbiter import (
    addresses_of,
    guard_reload,
    require_one_of_ours,
    start_again_as_started,
    usable_settings,
)
from deploy.gateways.workers import Workers
from deploy.ports import require_free
from market.process.logs import ConsoleFormatter, JsonFormatter, log_uncaught, set_levels
from market.process.printable import complain
from market.settings.config import GATEWAYS
from market.settings.environ import SettingError
from market.settings.mistakes import alone_in_memory, warn


def _refuse(error: Exception) -> NoReturn:
    complain(str(error))
    sys.exit(2)


try:
    _settings = usable_settings(os.environ)
except SettingError as error:
    _refuse(error)

bind = [str(address) for address in addresses_of(_settings)]
reuse_port = _settings.reuse_port
# Room for a storm of clients that lost another gateway; the kernel caps it at net.core.somaxconn.
backlog = 4096

workers = 1
worker_class = "gateway.worker.Worker"
# The worker's sign of life is a file it touches; on a disk that could block the event loop.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # gunicorn makes the name itself
# Without one for so long the event loop hangs: the worker is replaced, and its clients come back elsewhere.
timeout = 10
# The drain, and then the time to close every client and to end.
graceful_timeout = math.ceil(_settings.drain_seconds) + 15
# Ending a worker after so many requests would drop every socket it holds.
max_requests = 0
# Settings are the environment's and a file's; nothing is changed by other ways.
control_socket_disable = True

# gunicorn's own lines look like everybody else's.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": JsonFormatter if _settings.log_format == "json" else ConsoleFormatter}},
    "handlers": {"stderr": {"class": "market.process.logs.LineHandler", "formatter": "line"}},
    "root": {"level": _settings.log_level, "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "NOTSET", "handlers": [], "propagate": True},
        **{name: {"level": level} for name, level in _settings.log_levels},
    },
}
# Forgets those of before, too: on SIGHUP this file is read again.
set_levels(_settings.log_level, _settings.log_levels)
log_uncaught()


def on_starting(arbiter: Any) -> None:
    """See that a bad file does not end the arbiter later; and refuse a port in use at once.

    gunicorn itself tries five times and then does not name the variable.
    """
    # With the worker's class the arbiter has imported the gateway.
    early.imported()
    try:
        require_one_of_ours(arbiter)
    except DeployError as error:
        _refuse(error)
    alone = alone_in_memory(_settings.bus_url, "nobody will ever publish prices on it")
    warn(logging.getLogger("gateway"), os.environ, GATEWAYS, alone)
    Workers(arbiter)
    guard_reload(arbiter, _settings, functools.partial(usable_settings, os.environ))
    start_again_as_started(arbiter)
    if "LISTEN_FDS" in os.environ or "GUNICORN_FD" in os.environ:
        # The socket comes from systemd, or from the gunicorn that this one replaces.
        return
    try:
        # Others may listen on a port that is shared.
        for address in addresses_of(_settings)[int(_settings.reuse_port) :]:
            require_free(address)
    except DeployError as error:
        _refuse(error)
