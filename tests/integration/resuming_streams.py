"""Streams of events that are opened again after any end, as a browser does: with the last id, and nothing else."""

import asyncio
import itertools
import random

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.events import Events

BACKOFF_S = (0.05, 0.5)


class ResumingStream:
    """One client of ``/v1/stream``, and everything that came to it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.connections: list[Events] = []

    @property
    def gaps(self) -> int:
        """How often it was told that ticks are missing."""
        return sum(len(events.of("gap")) for events in self.connections)

    def seqs(self, symbol: str) -> list[int]:
        """The numbers of a symbol's ticks over all connections, in order; what came twice is there once."""
        came = itertools.chain.from_iterable(events.seqs(symbol) for events in self.connections)
        return list(dict.fromkeys(came))

    def snapshots(self, symbol: str) -> int:
        """How many snapshots of a symbol came: each but the first would hide what was missed."""
        return sum(one["symbol"] == symbol for events in self.connections for one in events.of("snapshot"))

    async def run(self) -> None:
        """Until cancelled."""
        last_event_id = ""
        async with ClientSession(timeout=ClientTimeout(total=None)) as http:
            while True:
                headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
                try:
                    async with http.get(self._url, headers=headers) as response:
                        if response.status == 200:
                            self.connections.append(events := Events())
                            await events.read(response.content)
                except (ClientError, OSError):
                    pass
                if self.connections:
                    last_event_id = self.connections[-1].last_event_id or last_event_id
                await asyncio.sleep(random.uniform(*BACKOFF_S))
