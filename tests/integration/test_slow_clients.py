"""Clients that read slowly, or stop for a while, straight and through HAProxy: what they read is never late."""

import asyncio
import time

import pytest

from bench.readers import Hand, Pace, Reader
from bench.ticks import SYMBOLS
from deploy.ports import Address
from tests.integration.faults import tell
from tests.integration.stacks import cluster_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.alone]

TICKS_PER_S = 1_000
RUN_S = 14
JUDGED_S = 6
"""The last seconds of it."""
STALL_S = 5

OLDEST_S = 3.0
"""In hand at 20 KB/s, as README.md promises: the bytes of a hundred prices take one second by themselves."""
OLDER_BYTES = 64 * 1024
"""After a stall, before the first current price."""


async def test_a_slow_client_has_current_prices_and_a_stalled_one_no_backlog() -> None:
    """Whatever stands in front and in whichever buffers: bytes that nobody has read are bounded by what was answered.

    Of two clients of each front one reads 20 KB/s of 200, one stops for seconds. A fast one beside them just goes on.
    """
    plan = cluster_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S))
    async with running(plan) as stack:
        fronts = {"straight": stack.plan.gateways[0].listens[0], "haproxy": stack.plan.front}
        async with asyncio.TaskGroup() as group:
            for name, address in fronts.items():
                group.create_task(_slow(name, address))
                group.create_task(_stalled(name, address))
                group.create_task(_fast(name, address))


async def _slow(front: str, address: Address) -> None:
    reader = Reader(Pace("slow", bytes_per_s=20_000), (address.host, address.port))
    await _read(reader, RUN_S - JUDGED_S)
    ages = await _read(reader, JUDGED_S)
    assert ("", len(SYMBOLS)) == (reader.end, len(reader.hand.held))
    tell(f"a client reads 20 KB/s of 200, {front}", oldest_price_in_hand=max(ages))
    assert max(ages) < OLDEST_S
    reader.close()


async def _stalled(front: str, address: Address) -> None:
    reader = Reader(Pace("stalls", stall_s=STALL_S), (address.host, address.port))
    await _read(reader, RUN_S)
    hand: Hand = reader.hand
    tell(f"a client stops reading for {STALL_S} s, {front}", older_prices=f"{hand.bytes_before_current // 1024} KB")
    assert ("", True) == (reader.end, hand.is_current)
    assert hand.bytes_before_current <= OLDER_BYTES
    reader.close()


async def _fast(front: str, address: Address) -> None:
    reader = Reader(Pace("fast"), (address.host, address.port))
    await _read(reader, RUN_S)
    tell(f"a fast client beside them, {front}", prices=str(reader.hand.ticks))
    assert ("", len(SYMBOLS)) == (reader.end, len(reader.hand.held))
    reader.close()


async def _read(reader: Reader, seconds: float) -> list[float]:
    """Let ``reader`` read at its pace; the age of the oldest price in its hand, again and again, in seconds."""
    until, ages = time.monotonic() + seconds, []
    while (now := time.monotonic()) < until:
        reader.turn(now)
        if reader.hand.held:
            ages.append(time.time() - min(reader.hand.held.values()) / 1e6)
        await asyncio.sleep(0.02)
    return ages
