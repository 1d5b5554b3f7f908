"""One fault, from before it to the end of what it does."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from deploy.chaos.errors import NotMadeError
from deploy.chaos.faults import Fault, made, victim
from deploy.chaos.fleet import Role, Target, command_of
from deploy.chaos.network.connections import Place
from deploy.chaos.observer import LOOK_S, Observer, Sight, look
from deploy.errors import DeployError
from market.process.tasks import end

CALM_S: Final = 3.0
"""Before a fault, and after everything is well again."""
LONGEST_S: Final = 60.0
"""What is not over after this is not going to be."""
LEADS_S: Final = 10.0
"""What a poller that has been started again may take to lead, and to say so."""
FRESH_S: Final = 1.0
"""A client is well if it is told that prices are live, and had one within this."""

_NOBODY: Final[dict[Role, str]] = {
    "gateway": "there is no gateway",
    "poller": "no poller leads",
    "bus": "the process of the bus is not known; --bus-pid names it",
}


class Outcome(Struct, frozen=True):
    """What a fault did to clients."""

    fault: Fault
    target: str
    called_live_s: float
    """The greatest age of the newest price of a client that called it live."""
    without_s: float
    """The same of any client."""
    moved: int
    """How often clients connected again."""
    is_over: bool
    """Whether all were well again in time."""
    is_back: bool
    """Whether there are as many processes as before."""
    sight: Sight

    @property
    def is_kept(self) -> bool:
        """Whether the promises were: no old price called live, and nobody stuck."""
        return self.called_live_s <= self.fault.promised_s and self.is_over and self.is_back


class NotMade(Struct, frozen=True):
    """A fault that was not made: nothing is known of its promises."""

    fault: Fault
    why: str
    """Follows on "because"."""


async def trial(
    fault: Fault,
    for_s: float,
    observers: Sequence[Observer],
    targets: Callable[[], Awaitable[list[Target]]],
    bus: Sequence[Place] = (),
) -> Outcome | NotMade:
    """Make ``fault``, and watch ``observers`` until all are well again. ``bus`` is as for `made`."""
    before, target = await _find(fault, targets)
    if target is None:
        return NotMade(fault, _NOBODY[fault.role])
    connections = sum(one.connections for one in observers)
    sight = Sight()
    looking = asyncio.create_task(look(observers, sight))
    try:
        await asyncio.sleep(CALM_S)
        async with made(fault, target, for_s, bus) as where:
            # A process may take its time to end, and who has just had a price is well a moment longer.
            gone = fault.is_undone or await _until_gone(target)
            await asyncio.sleep(FRESH_S)
            over = await _until_well(observers)
            back = gone and await _until_back(targets, len(before))
        await asyncio.sleep(CALM_S)
    except NotMadeError as error:
        return NotMade(fault, str(error))
    finally:
        await end(looking)
    return Outcome(
        fault=fault,
        target=where,
        called_live_s=max(called_live for _, called_live, _ in sight),
        without_s=max(without for _, _, without in sight),
        moved=sum(one.connections for one in observers) - connections,
        is_over=over,
        is_back=back,
        sight=sight,
    )


async def _find(fault: Fault, targets: Callable[[], Awaitable[list[Target]]]) -> tuple[list[Target], Target | None]:
    """All processes, and the one to make it in; None if there is none."""
    until = time.monotonic() + (0.0 if fault.role == "bus" else LEADS_S)
    while True:
        before = await targets()
        target = victim(fault, before)
        if target is not None or time.monotonic() >= until:
            return before, target
        # One that has just been started may lead only in a moment.
        await asyncio.sleep(LOOK_S)


async def _until_well(observers: Sequence[Observer]) -> bool:
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        if all(one.is_live and one.age_s < FRESH_S for one in observers):
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _until_gone(target: Target) -> bool:
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        if not command_of(target.pid):
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _until_back(targets: Callable[[], Awaitable[list[Target]]], count: int) -> bool:
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        # The gateway that is asked may be the one.
        with suppress(DeployError):
            if len(await targets()) >= count:
                return True
        await asyncio.sleep(1)
    return False
