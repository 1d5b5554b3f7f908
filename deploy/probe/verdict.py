"""What a visit has seen, held against the bounds."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

_DAY_S: Final = 86_400
_SHOWN: Final = 5


class Seen(Struct):
    """What a visit has seen. Times are seconds."""

    problem: str = ""
    """Why there was no connection, or why it ended early; empty if neither."""
    connect_s: float | None = None
    """From the first packet to the gateway's welcome; None without one."""
    feeds: dict[str, str] = field(default_factory=dict)
    """Venue → why its prices are not live; empty if they are."""
    stale: dict[str, str] = field(default_factory=dict)
    """Symbol that was asked for → its state and the reason, if its price may be old."""
    unknown: list[str] = field(default_factory=list)
    """What was asked for and is not served."""
    symbols: int = 0
    """How many symbols were subscribed to."""
    ticks: int = 0
    """How many ticks came, without the snapshots."""
    ages_s: list[float] = field(default_factory=list)
    """How old each of them was when it came, by the gateway's clock."""
    gaps: int = 0
    """Ticks whose number did not follow the one before."""
    certificate_ends_s: float | None = None
    """When the certificate ends, Unix seconds; None without TLS."""
    for_s: float = 0
    """How long the visit was."""


class Bounds(Struct, frozen=True):
    """What is good enough. Times are seconds."""

    connect_s: float = 2.0
    age_s: float = 3.0
    gaps: int = 0
    ticks: int = 1
    """At least so many must come."""
    certificate_days: float = 7.0
    """At least so long the certificate must last."""


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    is_good: bool
    text: str
    """With value and bound, for people."""


def percentile(values: list[float], share: float) -> float:
    """The value below which that ``share`` of ``values`` lies; there is one."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def findings(seen: Seen, bounds: Bounds, now_s: float) -> Iterator[Finding]:
    """Each thing that could be looked at. ``now_s`` is the time, Unix seconds."""
    if seen.connect_s is None:
        yield Finding("connect", False, seen.problem or "no welcome came")
        return
    yield Finding(
        "connect",
        seen.connect_s <= bounds.connect_s,
        f"connected in {seen.connect_s * 1000:.0f} ms (at most {bounds.connect_s:g} s)",
    )
    if seen.problem:
        yield Finding("stay", False, seen.problem)
    for venue, why in seen.feeds.items():
        told = f"not live: {why}" if why else "live"
        yield Finding("feed", not why, f"prices of {venue} are {told}")
    if seen.unknown:
        yield Finding("symbols", False, f"not served: {', '.join(seen.unknown[:_SHOWN])}")
    if seen.stale:
        few = "; ".join(f"{symbol} {why}" for symbol, why in list(seen.stale.items())[:_SHOWN])
        yield Finding("symbols", False, f"{len(seen.stale)} of {seen.symbols} symbols may be old: {few}")
    elif not seen.unknown:
        yield Finding("symbols", True, f"{seen.symbols} symbols are current")
    yield Finding(
        "ticks", seen.ticks >= bounds.ticks, f"{seen.ticks} ticks in {seen.for_s:.1f} s (at least {bounds.ticks})"
    )
    if seen.ages_s:
        p50, oldest = percentile(seen.ages_s, 0.5), max(seen.ages_s)
        yield Finding(
            "age",
            oldest <= bounds.age_s,
            f"ticks were {p50 * 1000:.0f} ms old (p50), {oldest * 1000:.0f} ms at most (at most {bounds.age_s:g} s)",
        )
        yield Finding("gaps", seen.gaps <= bounds.gaps, f"{seen.gaps} ticks are missing (at most {bounds.gaps})")
    if seen.certificate_ends_s is not None:
        days = (seen.certificate_ends_s - now_s) / _DAY_S
        told = f"the certificate lasts {days:.1f} days (at least {bounds.certificate_days:g})"
        yield Finding("certificate", days >= bounds.certificate_days, told)
