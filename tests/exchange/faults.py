"""What goes wrong at the exchange, on command."""

import asyncio
from collections.abc import Mapping

from msgspec import Struct


class Canned(Struct):
    """An answer that takes the place of the right one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    path: str = ""
    """Only for requests to paths that end so; empty for all."""
    times: int | None = None
    """How many requests it is for; None until healed."""


class Faults:
    """The faults in force now. All begin switched off."""

    def __init__(self) -> None:
        self.canned: list[Canned] = []
        self.delay_s = 0.0
        """Every REST answer comes so much later."""
        self.thawed = asyncio.Event()
        """Clear: connections are accepted, and nothing is ever said on them."""
        self.thawed.set()
        self.stream_status: int | None = None
        """New stream connections get this HTTP status and no upgrade."""
        self.stream_body = b""
        """What such an answer says."""
        self.stream_headers: Mapping[str, str] = {}
        """Its headers."""
        self.ignore_subscribe = False
        self.subscribe_errors: list[str] = []
        """Replies (JSON, ``ID`` in it replaced) for the next SUBSCRIBEs, which are not granted."""
        self.quiet_symbols: set[str] = set()
        """Nothing is told of these, on any stream."""
        self.ignore_pings = False
        """Clients' pings get no pong, on any connection."""
        self.quiet_streams: set[str] = set()
        """Of these streams, as ``btcusdt@miniTicker``, nothing is told."""
        self.left_out: set[str] = set()
        """REST's answers about several symbols have no row of these."""

    def take(self, path: str) -> Canned | None:
        """The canned answer for a request to ``path``, used up once; None where there is none."""
        for canned in self.canned:
            if path.endswith(canned.path):
                if canned.times is not None:
                    canned.times -= 1
                    if canned.times <= 0:
                        self.canned.remove(canned)
                return canned
        return None
