"""How many sockets a process can hold: each needs a descriptor, and other things need some too."""

import logging
import resource
import sys
from typing import Final

from gateway.log_events import FILES_LIMIT_CLIENTS

RESERVED: Final = 64
"""For the bus and its reconnects, for fetching keys, for logs and libraries.

If clients took the last descriptor, a lost bus link could not be replaced.
"""

logger = logging.getLogger(__name__)


def make_room(sockets: int) -> int:
    """Raise the limit of open files, as far as allowed, for so many client sockets; return how many fit.

    ``sockets`` of 0 means no limit: as many as allowed.
    """
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (sys.maxsize if limit == resource.RLIM_INFINITY else limit for limit in limits)
    wanted = min(hard, sockets + RESERVED) if sockets else hard
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.RLIM_INFINITY if hard == sys.maxsize else hard))
        soft = wanted
    if soft < sockets + RESERVED:
        logger.info(FILES_LIMIT_CLIENTS, soft, soft - RESERVED)
    return max(1, soft - RESERVED)
