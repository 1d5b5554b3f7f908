"""The processes of this deployment: tells them how this gateway is, and knows how they are, for operators.

A gateway has no list of the others. Each process says on the bus every few seconds how it is, and what it says runs
out. So one that was killed is gone within `market.wire.announcing.TTL_S`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.comparison import Comparison
from gateway.gateway import Gateway
from market.bus import BusDownError
from market.process.tasks import Group
from market.wire.announcing import TTL_S, Announcer
from market.wire.presence import AnyPresent, GatewayPresent, decode_presents

_READ_EVERY_S: Final = 1.0
"""However many operators ask, the bus is asked no more often."""


class Fleet:
    """What one gateway says of itself and knows of the others."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._announcer = Announcer(gateway.bus, self._present, now_us=gateway.now_us)
        self._announcer.name = gateway.name
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._found: list[AnyPresent] = []
        self._problem = ""
        self._comparison = Comparison(
            gateway.name, self._live_venues, self._others, gateway.feed.health.replace, gateway.cadence
        )
        gateway.is_behind = lambda: self._comparison.behind

    async def run(self) -> None:
        """Say how this gateway is, and compare it with the others, until cancelled."""
        async with Group() as group:
            group.create_task(self._announcer.run())
            group.create_task(self._comparison.run())

    def _live_venues(self) -> Mapping[str, int]:
        feed = self._gateway.feed
        return feed.live_venues() if feed.ready else {}

    async def _others(self) -> list[AnyPresent] | None:
        await self._read()
        return None if self._problem else self._found

    async def report(self) -> dict[str, Any]:
        """All processes as far as they are known, as JSON can have it."""
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if now - self._read_at >= _READ_EVERY_S:
                await self._read()
                self._read_at = asyncio.get_running_loop().time()
        # What this gateway knows of itself is newer than what it said, and there even without a bus.
        own = self._present(self._announcer, rates=False)
        others = [process for process in self._found if process.name != own.name]
        said = {process.name: process for process in self._found}.get(own.name)
        processes = [*others, own if not isinstance(said, GatewayPresent) else _with_rates(own, said)]
        return {
            "asked": own.name,
            "now_us": self._gateway.now_us(),
            "gone_after_s": TTL_S,
            "problem": self._problem or self._announcer.problem,
            "processes": msgspec.to_builtins(processes),
        }

    async def _read(self) -> None:
        try:
            self._found = decode_presents(await self._gateway.bus.presence.present())
            self._problem = ""
        except BusDownError as error:
            # What was known before may be wrong by now.
            self._found = []
            self._problem = f"only this gateway is shown: {error}"

    def _present(self, announcer: Announcer, *, rates: bool = True) -> GatewayPresent:
        gateway = self._gateway
        counters, settings, feed = gateway.counters, gateway.settings, gateway.feed
        live = feed.live_venues()
        grown: dict[str, Any] = {"cpu": 0.0, "ticks_in": 0.0, "ticks_out": 0.0, "conflated": 0.0}
        if rates:
            grown = announcer.rates.take(
                cpu=time.process_time(),
                ticks_in=counters.ticks_received,
                ticks_out=counters.ticks_sent,
                conflated=counters.ticks_conflated,
            )
        host, port = (settings.private_host, settings.private_port) if settings.private_port else (None, settings.port)
        return GatewayPresent(
            **announcer.base(),
            **grown,
            address=f"{host or settings.host}:{port}",
            state="draining" if gateway.draining else "serving" if feed.ready else "waiting",
            venues=list(live),
            stale=[venue for venue, is_live in live.items() if not is_live],
            clients=len(gateway.hub),
            slow=len(gateway.hub.slow),
            symbols=len(settings.symbols.names),
            cut_off=counters.aborted,
            buffered=gateway.buffers.held_bytes(),
        )


def _with_rates(own: GatewayPresent, said: GatewayPresent) -> GatewayPresent:
    return msgspec.structs.replace(
        own, cpu=said.cpu, ticks_in=said.ticks_in, ticks_out=said.ticks_out, conflated=said.conflated
    )
