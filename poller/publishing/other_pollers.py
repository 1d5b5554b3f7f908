"""Whether the other pollers on the bus publish in as many partitions as this one.

Last values are kept by partition, so pollers with different numbers hide each other's where a bus has its partitions on
several servers. Nobody is refused for that: it is also how a number is changed, one poller after the other. So it is
told, whenever this poller begins to lead or to stand by.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from market.bus import Broker, BusDownError, Message
from market.prices.venues import VENUES
from market.wire.codec import CodecError, decode_heartbeat
from market.wire.topics import heartbeat_topic
from poller.log_events import OTHER_POLLERS_UNHEARD, PARTITIONS_DIFFER

LISTEN_S: Final = 2.5
"""A leader sends a heartbeat each second."""

logger = logging.getLogger(__name__)


class OtherPollers:
    """Listens to heartbeats for a moment, and reports another number of partitions once."""

    def __init__(self, broker: Broker, role_changed: asyncio.Event) -> None:
        """Listen at ``broker`` whenever ``role_changed`` is set."""
        self._broker = broker
        self._role_changed = role_changed
        self._announced: dict[str, int] = {}
        """The partitions that the poller of each venue was last heard to use."""

    async def run(self) -> None:
        """Listen for a moment after each change of our role, until cancelled."""
        while True:
            await self._role_changed.wait()
            self._role_changed.clear()
            await self._listen()

    async def _listen(self) -> None:
        try:
            if await self._broker.history_partitions():
                # Such a bus has its partitions itself, and refuses another number.
                return
            subscription = await self._broker.subscribe(map(heartbeat_topic, VENUES), self._receive)
        except BusDownError as error:
            # A poller that only publishes may lack the right to listen.
            logger.debug(OTHER_POLLERS_UNHEARD, error)
            return
        try:
            await asyncio.wait((subscription.lost,), timeout=LISTEN_S)
        finally:
            subscription.close()

    def _receive(self, messages: Sequence[Message]) -> None:
        ours = self._broker.partitions
        for _, payload in messages:
            try:
                heartbeat = decode_heartbeat(payload)
            except CodecError:
                continue
            if not heartbeat.batches or heartbeat.venue not in VENUES:
                continue
            theirs = heartbeat.batches.partitions
            if theirs not in {ours, self._announced.get(heartbeat.venue)}:
                logger.warning(PARTITIONS_DIFFER, heartbeat.venue, theirs, ours)
            self._announced[heartbeat.venue] = theirs
