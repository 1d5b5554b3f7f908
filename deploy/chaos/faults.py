"""What can be done to a process, and how it is undone, whatever happens."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from msgspec import Struct

from deploy.chaos.fleet import Role, Target


class Fault(Struct, frozen=True):
    """One kind of fault."""

    name: str
    role: Role
    text: str
    """For the report."""
    number: signal.Signals
    is_undone: bool
    """Whether the process goes on afterwards; if not, its supervisor must start it again."""


FAULTS: Final = (
    Fault("gateway-frozen", "gateway", "a gateway is frozen", signal.SIGSTOP, True),
    Fault("poller-frozen", "poller", "the poller that leads is frozen", signal.SIGSTOP, True),
    Fault("bus-frozen", "bus", "the bus is frozen", signal.SIGSTOP, True),
    Fault("gateway-stopped", "gateway", "a gateway is told to stop", signal.SIGTERM, False),
    Fault("gateway-killed", "gateway", "a gateway is killed", signal.SIGKILL, False),
    Fault("poller-stopped", "poller", "the poller that leads is told to stop", signal.SIGTERM, False),
    Fault("poller-killed", "poller", "the poller that leads is killed", signal.SIGKILL, False),
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
async def made(fault: Fault, target: Target, for_s: float) -> AsyncIterator[None]:
    """Make it, and let it last; a frozen process goes on at the end, also if this is interrupted."""
    with suppress(ProcessLookupError):
        os.kill(target.pid, fault.number)
    try:
        await asyncio.sleep(for_s if fault.is_undone else 0)
    finally:
        if fault.is_undone:
            with suppress(ProcessLookupError):
                os.kill(target.pid, signal.SIGCONT)
    yield
