"""The storms that ``docs/capacity.md`` shows: a thousand gateways with a thousand clients each."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bench.capacity.fleet import Limits
from bench.capacity.storm import Loss, Outcome, bound
from bench.reports.report import table

_HEARTBEAT_S: Final = 20.0
_SILENT_S: Final = (2 * _HEARTBEAT_S, 2 * _HEARTBEAT_S + 0.5)
"""The dashboard takes a connection for dead after two silent heartbeats, and looks twice a second."""

_FRONT_PER_S: Final = 100_000.0
"""Some ten to twenty cores of HAProxy (`bench.capacity.unit_costs`)."""

GATEWAY: Final = Loss(name="a gateway is killed", about="its connections end at once", lost=1, front_per_s=_FRONT_PER_S)
DRAIN: Final = replace(
    GATEWAY,
    name="a gateway drains",
    about="each client is told when to leave, over 2.5 s",
    notice_s=(0, 2.5),
    told=True,
)
ZONE_KILLED: Final = replace(GATEWAY, name="a zone of 100 is killed", about="all its connections end at once", lost=100)
ZONE: Final = replace(
    ZONE_KILLED,
    name="a zone of 100 is cut off",
    about="silence: noticed after two heartbeats",
    notice_s=_SILENT_S,
)
ZONE_DIRECT: Final = replace(
    ZONE_KILLED,
    name="the same, no front",
    about="gateways by DNS or hash, the lost ones for 5 s more",
    choice="random",
    front_per_s=0.0,
    detect_s=5.0,
)
FRONT: Final = replace(GATEWAY, name="the front restarts at once", about="it takes 100,000 connects a second", lost=0)
FRONT_DOWN: Final = replace(
    FRONT, name="the front is down for 30 s", about="clients wait longer each time", down_s=30.0
)
OFFICES: Final = replace(
    ZONE_KILLED,
    name="a zone, 10,000 clients an address",
    about="no front; MAX_CONNECT_RATE_PER_IP at each gateway",
    choice="random",
    front_per_s=0.0,
    clients_per_address=10_000,
)
OFFICES_FRONT: Final = replace(
    OFFICES,
    name="the same behind one HAProxy",
    about="TICKGATE_CONNECT_RATE_PER_IP=500 in ten seconds for all",
    choice="leastconn",
    front_per_s=_FRONT_PER_S,
    limits=Limits(address_per_s=50.0, address_burst=500.0, shared=True),
)
SLOW_FRONT: Final = replace(
    FRONT, name="the same, a slower front", about="20,000 connects a second", front_per_s=20_000.0, front_backlog=16_384
)
ALL: Final = (GATEWAY, DRAIN, ZONE, ZONE_KILLED, ZONE_DIRECT, OFFICES, OFFICES_FRONT, FRONT, SLOW_FRONT, FRONT_DOWN)


def rows(outcomes: Iterable[tuple[Loss, Outcome]]) -> list[list[str]]:
    """Head and rows."""
    head = ["what is lost", "clients", "connects/s of a gateway", "bound", "in 100 ms", "attempts", "refused"]
    lines = [[*head, "longest wait", "half back", "99 %", "all"]]
    for loss, outcome in outcomes:
        lines.append(
            [
                f"{loss.name}: {loss.about}",
                f"{outcome.clients:,}",
                f"{outcome.peak_per_s:,}",
                f"{bound(loss):,.0f}",
                f"{outcome.peak_per_100_ms:,}",
                f"{outcome.attempts / outcome.clients:.2f} each",
                f"{outcome.refused + outcome.given_up:,}",
                f"{outcome.queue_s * 1000:,.0f} ms",
                f"{outcome.back_50_s:.1f} s",
                f"{outcome.back_99_s:.1f} s",
                f"{outcome.back_all_s:.1f} s",
            ]
        )
    return lines


def render(outcomes: Iterable[tuple[Loss, Outcome]]) -> str:
    """The table as text."""
    return table(rows(outcomes))
