"""One fault of a network or a host: begun, ended, and what visitors saw of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.integration.faults import now
from tests.integration.hosts.site import Site, site
from tests.integration.hosts.visitor import Visitor, now_us
from tests.integration.stacks import eventually

Step = Callable[[Site], Awaitable[None]]

LASTS_S = 6.0
"""How long a fault lasts that ends by being healed: twice the time after which a link counts as dead."""
TOLD_WITHIN_S = 6.0
"""Three seconds of silence, which gateways look for four times a second and visitors once (the rest is slack)."""
BACK_WITHIN_S = 9.0
"""A try under way when the fault ends may still fail after 2 s, and the next comes 3 s after that."""
CUT_OFF_WITHIN_S = 15.0
"""HAProxy gives a gateway up five seconds after its kernel heard of it last. If packets vanish one way only, it hears
those again that the gateway repeats, at 6 s and then at 12 s."""
STEADY_S = 2.5
"""Prices that have come for so long come again: the last ones of a leader that is cut off do not count."""
GONE_WITHIN_S = 60.0
"""A connection whose client has gone is found by the pings of two heartbeats."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A fault, and what is promised of it."""

    name: str
    begin: Step
    end: Step
    affects: Literal["all", "half", "some"] = "all"
    """Which visitors are told: all, those of one of the two gateways, or perhaps none."""
    told: str
    """What they are told: a part of the reason of ``stale``, or ``silent`` if they find out by themselves."""
    told_within_s: float = TOLD_WITHIN_S
    naive: Literal["told", "cut off", "unaware", "lost"] = "told"
    """The naive ones among them are told the same, or their connection is closed, or it goes on after the fault, or
    nothing can reach them any more, unless they send something."""
    cut_off_within_s: float = CUT_OFF_WITHIN_S
    passes: Literal["no", "all", "half"] = "no"
    """Which careful visitors are current again while the fault lasts; with half, the others are told the truth."""
    back_within_s: float = BACK_WITHIN_S
    """Until all visitors are current: after the end of the fault or, if it passes, after its beginning."""
    lasts_s: float = LASTS_S
    stand_by: bool = False


@dataclass(frozen=True)
class Row:
    """What visitors saw."""

    scenario: Scenario
    affected: str
    """How many careful visitors were told anything, of how many."""
    words: tuple[str, ...]
    """What careful visitors were told."""
    told_after: float | None
    """Until the last affected careful visitor knew; None if none was told."""
    naive_told_after: float | None
    """The same of naive ones."""
    back_after: float
    """Until the last one was current: after the end, or after the beginning of a fault that passes."""
    gone_after: float
    """From the end of the fault until the gateways held no connection that nobody uses."""


async def run(scenario: Scenario, bus: str = "redis", front: str = "haproxy") -> Row:
    """Let it happen, and check what was promised.

    Raises:
        AssertionError: a visitor saw something else.
        TimeoutError: a visitor was not told, or was not current again, in time.
    """
    async with site(bus, front, stand_by=scenario.stand_by) as its:
        careful = [visitor for visitor in its.visitors if visitor.careful]
        naive = [visitor for visitor in its.visitors if not visitor.careful]
        began, began_us = now(), now_us()
        await scenario.begin(its)
        await _until_told(scenario, careful, began, scenario.told_within_s)
        if scenario.passes == "all":
            back_after = await _until_steady(careful, began, began_us, scenario.back_within_s)
        if scenario.passes == "half":
            await _until_half_are_current(careful, began_us, scenario.back_within_s)
        if scenario.naive == "told":
            await _until_told(scenario, naive, began, scenario.told_within_s)
        if scenario.naive == "cut off":
            await _until_told(scenario, naive, began, scenario.cut_off_within_s)
        await asyncio.sleep(began + scenario.lasts_s - now())
        if scenario.passes == "half":
            assert sum(visitor.state == "live" for visitor in its.visitors) == len(its.visitors) // 2
        ended, ended_us = now(), now_us()
        await scenario.end(its)
        # Whoever sends something hears from a host that does not know the connection.
        served = [visitor for visitor in its.visitors if visitor.pings or scenario.naive != "lost"]
        last = await _until_current(served, ended, ended_us, scenario.back_within_s)
        if scenario.passes != "all":
            back_after = last
        gone_after = await _until_gone(its, len(served), ended)
        _check(scenario, its, began)
        affected = _told(careful, began)
        return Row(
            scenario,
            affected=f"{len(affected)} of {len(careful)}",
            words=_words(affected, began),
            told_after=_last_told(affected, began),
            naive_told_after=_last_told(_told(naive, began), began),
            back_after=back_after,
            gone_after=gone_after,
        )


async def _until_told(scenario: Scenario, visitors: Sequence[Visitor], began: float, within_s: float) -> None:
    """Wait until as many as promised know that their prices are not current."""
    wanted = {"all": len(visitors), "half": len(visitors) // 2, "some": 0}[scenario.affects]

    async def enough() -> bool:
        return len(_told(visitors, began)) >= wanted

    try:
        await eventually(enough, began + within_s - now())
    except TimeoutError:
        unaware = [f"{'pings' if its.pings else 'does not ping'}: {its.since(began)}" for its in visitors]
        raise TimeoutError(f"fewer than {wanted} of these were told within {within_s:g} s: {unaware}") from None


def _told(visitors: Sequence[Visitor], began: float) -> list[Visitor]:
    return [visitor for visitor in visitors if visitor.told_after(began) is not None]


async def _until_current(visitors: Sequence[Visitor], since: float, since_us: int, within_s: float) -> float:
    """Wait until all have prices of after a moment; the seconds from then on."""
    left = since + within_s - now()
    async with asyncio.TaskGroup() as group:
        for visitor in visitors:
            group.create_task(visitor.until(lambda visitor: visitor.is_current(since_us), max(left, 0.1)))
    return now() - since


async def _until_steady(visitors: Sequence[Visitor], since: float, since_us: int, within_s: float) -> float:
    """Wait until all have prices of after a moment, and go on to get some each second; the seconds until they began."""
    while True:
        seconds = await _until_current(visitors, since, since_us, within_s)
        steady_from = since + seconds
        await asyncio.sleep(STEADY_S)
        interrupted = [its for its in visitors if its.told_after(steady_from) or its.longest_silence(steady_from) > 1]
        if not interrupted:
            return seconds
        since_us = now_us()


async def _until_half_are_current(visitors: Sequence[Visitor], since_us: int, within_s: float) -> None:
    async def half_are() -> bool:
        return sum(visitor.is_current(since_us) for visitor in visitors) == len(visitors) // 2

    await eventually(half_are, within_s)


async def _until_gone(its: Site, held: int, since: float) -> float:
    """Wait until the gateways hold so many connections, and none of earlier ones; the seconds since a moment."""
    await eventually(its.holds(held), GONE_WITHIN_S)
    return now() - since


def _check(scenario: Scenario, its: Site, began: float) -> None:
    """What holds in every scenario, and who was to notice nothing."""
    naive = {
        "told": (scenario.told, scenario.told_within_s),
        "cut off": ("closed", scenario.cut_off_within_s),
        "unaware": ("", float("inf")),
        "lost": ("", float("inf")),
    }[scenario.naive]
    for visitor in its.visitors:
        assert visitor.wrong == []
        told, within_s = (scenario.told, scenario.told_within_s) if visitor.careful else naive
        if visitor.told_after(began) is None:
            assert visitor.since(began) == []
        else:
            # The reason may become more exact within the second.
            assert any(told in word for word in _words([visitor], began)), visitor.since(began)
        assert visitor.longest_silence(began) < within_s, visitor.since(began)
    if scenario.affects != "some":
        wanted = len(its.visitors) // (2 if scenario.affects == "half" else 1)
        if scenario.naive == "unaware":
            wanted //= 2
        if scenario.naive == "lost":
            wanted = sum(visitor.pings for visitor in its.visitors)
        assert len(_told(its.visitors, began)) == wanted, [visitor.since(began) for visitor in its.visitors]
    first, *others = its.visitors
    for visitor in others:
        for key in visitor.prices.keys() & first.prices.keys():
            # A snapshot is a tick under another name.
            assert visitor.prices[key] | {"type": ""} == first.prices[key] | {"type": ""}


def _last_told(affected: Sequence[Visitor], began: float) -> float | None:
    told = [entry.at - began for visitor in affected if (entry := visitor.told_after(began))]
    return max(told, default=None)


def _words(affected: Sequence[Visitor], began: float) -> tuple[str, ...]:
    """All that anybody was told, in no order."""
    told = {
        f"{entry.what}: {entry.detail}" if entry.detail else entry.what
        for visitor in affected
        for entry in visitor.since(began)
        if entry.what in {"stale", "silent", "closed"}
    }
    return tuple(sorted(told))
