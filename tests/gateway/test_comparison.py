"""Whether a gateway is alone with its stale prices, on a virtual clock."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.comparison import AFTER_S, LOOK_S, REPLACE_S, Comparison
from market.process.cadence import Cadence
from market.wire.presence import AnyPresent
from tests.fakes import run_virtual
from tests.market.samples import gateway_present, poller_present

OURS = "ours"
LIVE = gateway_present(name="live")
STALE = gateway_present(name="stale", stale=["binance"])
US = gateway_present(name=OURS, stale=[])
"""What was said before prices were stale."""


class World:
    """A gateway's venues, what the others say, and when its link was to be replaced."""

    def __init__(self, *others: AnyPresent) -> None:
        self.live = {"binance": 1}
        self.said: Iterable[AnyPresent] | None = others
        self.asked = 0
        self.replaced_at: list[float] = []
        self.subject = Comparison(
            OURS, lambda: self.live, self.others, self.replace, Cadence(asyncio.get_running_loop().time)
        )

    async def others(self) -> Iterable[AnyPresent] | None:
        self.asked += 1
        return self.said

    def replace(self, reason: str) -> None:
        assert "live at gateway live (h:1)" in reason
        self.replaced_at.append(asyncio.get_running_loop().time())

    async def after(self, seconds: float) -> bool:
        """Whether it is behind after so long."""
        running = asyncio.create_task(self.subject.run())
        await asyncio.sleep(seconds + LOOK_S / 2)
        running.cancel()
        return self.subject.behind


def virtually(scene: Any) -> None:
    """Run a scene on a clock of its own."""
    run_virtual(scene())


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([US, LIVE], True),
        ([US, STALE, LIVE], True),
        ([US, STALE], False),
        ([US], False),
        ([], False),
        ([poller_present()], False),
        ([gateway_present(name="live", state="draining")], False),
        ([gateway_present(name="live", state="waiting")], False),
        ([gateway_present(name="live", venues=["coinbase"])], False),
    ],
)
def test_it_is_behind_if_another_one_in_service_is_live(others: list[AnyPresent], *, expected: bool) -> None:
    """If the poller has died all are stale, and all stay in service."""

    async def scene() -> None:
        world = World(*others)
        world.live = {"binance": 0}
        assert expected == await world.after(AFTER_S + 2 * LOOK_S)
        assert expected == bool(world.replaced_at)

    virtually(scene)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [([], True), (["coinbase"], False), (["binance"], False), (["kraken"], False), (["binance", "kraken"], False)],
)
def test_another_one_must_have_all_that_is_live_here(theirs: list[str], *, expected: bool) -> None:
    """Of two that lack different venues neither is better: both would leave."""

    async def scene() -> None:
        world = World(gateway_present(name="live", venues=["binance", "coinbase", "kraken"], stale=theirs))
        world.live = {"binance": 0, "coinbase": 1, "kraken": 1}
        # One that lacks binance, too, is no better; one that lacks another venue is no better either.
        assert expected == await world.after(AFTER_S + 2 * LOOK_S)

    virtually(scene)


def test_others_have_the_time_to_notice() -> None:
    """What they said before counts for nothing; while prices are live nobody is asked."""

    async def scene() -> None:
        world = World(LIVE)
        assert not await world.after(60)
        assert 0 == world.asked
        world.live = {"binance": 0}
        assert not await world.after(AFTER_S - LOOK_S)
        assert 0 == world.asked
        assert await world.after(3 * LOOK_S)

    virtually(scene)


def test_it_is_back_when_its_prices_are() -> None:
    """Or when nobody else has any; without an answer of the bus it stays as it is."""

    async def scene() -> None:
        world = World(LIVE)
        world.live = {"binance": 0}
        assert await world.after(AFTER_S + 2 * LOOK_S)
        world.said = None
        assert await world.after(10)
        world.said = [STALE]
        assert not await world.after(LOOK_S)
        world.said = [LIVE]
        assert await world.after(LOOK_S)
        world.live = {"binance": 1}
        assert not await world.after(LOOK_S)

    virtually(scene)


def test_the_link_is_replaced_at_once_and_then_seldom() -> None:
    """It may not be the link's fault; the next outage begins anew."""

    async def scene() -> None:
        world = World(LIVE)
        world.live = {"binance": 0}
        await world.after(300)
        pauses = [after - before for before, after in zip(world.replaced_at, world.replaced_at[1:], strict=False)]
        assert AFTER_S <= world.replaced_at[0] <= AFTER_S + 3 * LOOK_S
        assert REPLACE_S <= pauses[0] <= 1.2 * REPLACE_S + LOOK_S
        assert 60 <= pauses[-1] <= 73
        count = len(world.replaced_at)
        assert 5 <= count <= 10
        world.live = {"binance": 1}
        await world.after(LOOK_S)
        world.live = {"binance": 0}
        began = asyncio.get_running_loop().time()
        await world.after(AFTER_S + 3 * LOOK_S)
        assert AFTER_S <= world.replaced_at[count] - began <= AFTER_S + 3 * LOOK_S

    virtually(scene)


def test_before_the_first_prices_nothing_is_compared() -> None:
    """A gateway that waits for its bus is not ready anyhow."""

    async def scene() -> None:
        world = World(LIVE)
        world.live = {}
        assert not await world.after(60)
        assert 0 == world.asked

    virtually(scene)
