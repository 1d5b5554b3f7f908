"""The loads that are measured: those that unit costs are made of, and others that check what they predict."""

from dataclasses import replace
from typing import Final

from bench.scenarios import Scenario


def _shape(name: str, clients: int, each: int, ticks_per_s: float, burst: int, gateways: int = 1) -> Scenario:
    """Make a load below half a core of a gateway, which does not rest there: it writes after each read.

    Symbols take turns: no message of the bus has one twice.
    """
    return Scenario(
        name=name,
        about="",
        kind="system",
        clients=clients,
        each=each,
        ticks_per_s=ticks_per_s,
        burst=burst,
        gateways=gateways,
    )


_NOTHING: Final = _shape("one client, no ticks", 1, 1, 0, 1)
"""What programs take that have nothing to do."""
STRAIGHT: Final = (
    _NOTHING,
    _shape("reads of one tick", 1, 1, 8_000, 1),
    _shape("reads of ten ticks", 1, 1, 30_000, 10),
    _shape("writes of one tick", 100, 100, 300, 1),
    _shape("writes of ten ticks", 200, 100, 1_500, 10),
    _shape("writes of a hundred ticks", 150, 100, 4_000, 100),
    _shape("each client its own symbols", 300, 20, 500, 1),
    _shape("each client its own symbols, bursts", 200, 20, 2_000, 20),
    _shape("writes to many", 2_000, 100, 12, 1),
    _shape("each of many its own symbols", 6_000, 3, 120, 1),
    _shape("three gateways", 3, 1, 4_000, 10, 3),
)
"""The unit costs of gateway and bus: each load takes a fifth to a half of a core. A cold processor is a slow one."""
AGAIN: Final = tuple(
    replace(shape, name=f"again: {shape.name}")
    for shape in STRAIGHT
    if shape.name in ("writes of one tick", "writes of ten ticks", "each client its own symbols, bursts")
)
"""Measured with the checks, too: their error is that of the fit, and of a machine that is not as fast as it was."""
FRONTED: Final = (
    _NOTHING,
    _shape("writes of one tick", 50, 100, 400, 1),
    _shape("writes of ten ticks", 150, 100, 1_000, 10),
    _shape("writes of a hundred ticks", 100, 100, 3_000, 100),
    _shape("writes to many", 2_000, 100, 8, 1),
)
"""Those of a front, which shares a core with the gateway."""
ON_KAFKA: Final = (
    _NOTHING,
    _shape("reads of one tick", 1, 1, 100, 1),
    _shape("more reads of one tick", 1, 1, 400, 1),
    _shape("reads of ten ticks", 1, 1, 3_000, 10),
    _shape("reads of a hundred ticks", 1, 1, 20_000, 100),
    _shape("three gateways", 3, 1, 2_000, 10, 3),
)
"""Those of Kafka, and of reading from it. A publish takes a millisecond there: no more than some hundred a second."""
CROWD: Final = _shape("only heartbeats", 8_000, 1, 0, 1)
"""Heartbeats, and memory."""
ARRIVALS: Final = _shape("connects", 2_000, 20, 0, 1)
"""Connects, each with a subscribe and its snapshots."""

_SHARED: Final = _shape("150 clients × 100 symbols, 1,000 ticks/s in fives", 150, 100, 1_000, 5)
_OWN: Final = _shape("300 clients × a random 10, 1,000 ticks/s in tens", 300, 10, 1_000, 10)
_TWO: Final = _shape("2 gateways, 400 clients × 100, 1,500 ticks/s in twenties", 400, 100, 1_500, 20, 2)
_MANY: Final = _shape("3,000 clients × a random 3, 200 single ticks/s", 3_000, 3, 200, 1)
_STEADY: Final = _shape("60 clients × 100, 5,000 ticks/s in fifties", 60, 100, 5_000, 50)
_FOUR: Final = _shape("4 gateways, 80 clients × a random 50, 2,000 ticks/s in eights", 80, 50, 2_000, 8, 4)
_THIRD: Final = _shape("100 clients × 100, 900 ticks/s in threes", 100, 100, 900, 3)
_QUIET: Final = _shape("100 clients × 100, 100 single ticks/s: hardly busy", 100, 100, 100, 1)
FRONTED_CHECKS: Final = (
    _shape("100 clients × 100, 1,000 ticks/s in tens", 100, 100, 1_000, 10),
    _shape("200 clients × a random 10, 500 ticks/s in tens", 200, 10, 500, 10),
    _shape("2 gateways, 200 clients × 100, 1,000 ticks/s in twenties", 200, 100, 1_000, 20, 2),
)
KAFKA_CHECKS: Final = (_SHARED, _OWN, _STEADY)
STRAIGHT_CHECKS: Final = (_SHARED, _OWN, _TWO, _MANY, _STEADY, _FOUR, _THIRD, _QUIET)
"""None of these, nor of `FRONTED_CHECKS`, is among those that costs are made of."""
