"""Unusable payloads from the bus: counted, and logged periodically; on a virtual clock."""

import asyncio

import pytest

from gateway.fanout.feed.refusals import AGAIN_S, Refusals
from gateway.metrics.counters import Counters
from tests.fakes import run_virtual


def test_all_are_counted_and_few_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The first of a kind is logged at once; a flood is one line a minute, with its number."""

    async def main() -> None:
        counters = Counters()
        refuse = Refusals(counters)
        for number in range(100_000):
            refuse("not_a_tick", f"number {number}")
        refuse("wrong_seq", "another kind")
        await asyncio.sleep(AGAIN_S)
        refuse("not_a_tick", "after a minute")
        refuse("not_a_tick", "and one more")
        assert {"not_a_tick": 100_002, "wrong_seq": 1} == counters.bus_refused

    run_virtual(main())
    assert [
        "bus message refused (not_a_tick): number 0",
        "bus message refused (wrong_seq): another kind",
        "bus message refused (not_a_tick): after a minute; 99999 others since the last line",
    ] == [record.getMessage() for record in caplog.records]
