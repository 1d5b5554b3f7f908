"""What can be done to a deployment, and how it is undone, whatever happens."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from msgspec import Struct

from deploy.chaos.fleet import Role, Target
from deploy.chaos.network.connections import Place
from deploy.chaos.network.kernel import cut, lossy
from deploy.chaos.places import environ_of, held, is_of_this_machine, of_bus, of_exchange
from deploy.chaos.undo import undone

PROMISED_S: Final = 3.5
"""No price may be older while it is called live: three seconds, and what it takes to look."""
_SILENT_EXCHANGE_S: Final = 6.0
"""The same where an exchange falls silent: after five seconds its poller says so."""


class Signal(Struct, frozen=True):
    """A signal to the process."""

    number: signal.Signals


class Cut(Struct, frozen=True):
    """Its connections to the bus end, once."""


class Loss(Struct, frozen=True):
    """Packets of its connections are dropped."""

    peer: Literal["bus", "exchange"] = "bus"
    to: bool = True
    """Whether those to the peer are."""
    back: bool = True
    """Whether those from it are."""
    for_all: bool = False
    """Whether those of all other processes are, too."""


class Fault(Struct, frozen=True):
    """One kind of fault."""

    name: str
    role: Role
    text: str
    """For the report."""
    way: Signal | Cut | Loss
    promised_s: float = PROMISED_S
    """How old a price may be while it is called live."""

    @property
    def is_undone(self) -> bool:
        """Whether the process goes on afterwards; if not, its supervisor must start it again."""
        return not isinstance(self.way, Signal) or self.way.number == signal.SIGSTOP


FAULTS: Final = (
    Fault("gateway-frozen", "gateway", "a gateway is frozen", Signal(signal.SIGSTOP)),
    Fault("poller-frozen", "poller", "the poller that leads is frozen", Signal(signal.SIGSTOP)),
    Fault("bus-frozen", "bus", "the bus is frozen", Signal(signal.SIGSTOP)),
    Fault("gateway-link-cut", "gateway", "a gateway's connections to the bus are cut", Cut()),
    Fault("gateway-link-lost", "gateway", "nothing passes between a gateway and the bus", Loss()),
    Fault("gateway-link-deaf", "gateway", "nothing of the bus reaches a gateway", Loss(to=False)),
    Fault("gateway-link-mute", "gateway", "nothing of a gateway reaches the bus", Loss(back=False)),
    Fault("bus-lost", "gateway", "nothing passes between the bus and anybody", Loss(for_all=True)),
    Fault(
        "exchange-lost",
        "poller",
        "nothing passes between the poller that leads and its exchange",
        Loss("exchange"),
        _SILENT_EXCHANGE_S,
    ),
    Fault("gateway-stopped", "gateway", "a gateway is told to stop", Signal(signal.SIGTERM)),
    Fault("gateway-killed", "gateway", "a gateway is killed", Signal(signal.SIGKILL)),
    Fault("poller-stopped", "poller", "the poller that leads is told to stop", Signal(signal.SIGTERM)),
    Fault("poller-killed", "poller", "the poller that leads is killed", Signal(signal.SIGKILL)),
)
"""In the order in which they are made."""


def victim(fault: Fault, targets: Sequence[Target]) -> Target | None:
    """The process that it is made in; None if there is none."""
    of_role = [target for target in targets if target.role == fault.role]
    if fault.role == "poller":
        of_role = [target for target in of_role if target.leads]
    # Where nobody is, nobody sees anything.
    return max(of_role, key=lambda target: target.clients, default=None)


@asynccontextmanager
async def made(fault: Fault, target: Target, for_s: float, bus: Sequence[Place] = ()) -> AsyncIterator[str]:
    """Make it, and let it last; then enter the block, with the words for whom it was made in.

    It is undone before that, also if this is interrupted or killed. ``bus`` are the addresses of the bus, if they are
    not those of the process's settings.

    Raises:
        NotMadeError: it cannot be made.
    """
    match fault.way:
        case Signal(number):
            where = await _signalled(target, number, for_s)
        case Cut():
            places = of_bus(bus, environ_of(target.pid))
            await cut(target.pid, held(target.pid, places, target.name))
            where = target.name
        case Loss() as loss:
            where = await _lost(loss, target, for_s, bus)
    yield where


async def _signalled(target: Target, number: signal.Signals, for_s: float) -> str:
    with suppress(ProcessLookupError):
        if number == signal.SIGSTOP:
            async with undone(f"kill -CONT {target.pid}"):
                os.kill(target.pid, number)
                await asyncio.sleep(for_s)
        else:
            os.kill(target.pid, number)
    return target.name


async def _lost(loss: Loss, target: Target, for_s: float, bus: Sequence[Place]) -> str:
    variables = environ_of(target.pid)
    places = of_bus(bus, variables) if loss.peer == "bus" else of_exchange(variables, is_of_this_machine)
    held(target.pid, places, target.name)
    async with lossy(target.pid, places, for_s, to=loss.to, back=loss.back, for_all=loss.for_all):
        await asyncio.sleep(for_s)
    return f"the bus, {', '.join(map(str, places))}" if loss.for_all else target.name
