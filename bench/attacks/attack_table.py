"""The results of attacks, and tables of them: one tree alone, or two side by side."""

from collections.abc import Sequence

from msgspec import Struct

from bench.servers.stack import FrontName

AIM_RATIO = 2.0
AIM_MS = 20.0
"""The aim: the victim's p99 under attack is at most this multiple of the quiet one or this many ms."""

_NAMED = 5
"""The table shows at most this many kinds of answers to the attacker."""


class Attacked(Struct, kw_only=True):
    """One attack on one gateway."""

    tree: str
    front: FrontName
    attack: str
    quiet_p50_ms: float
    quiet_p99_ms: float
    p50_ms: float | None = None
    """None if nothing arrived."""
    p99_ms: float | None = None
    max_ms: float | None = None
    got: float = 0.0
    """The share of ticks that the victim got under attack; newer ticks replaced the rest."""
    gateway_quiet: float = 0.0
    """Share of a core."""
    gateway: float = 0.0
    """Share of a core, under attack."""
    load: float = 0.0
    """Share of the other core that attacker, victim, publisher, Valkey and HAProxy used under attack."""
    rss_mb: float = 0.0
    """The highest value seen."""
    rss_quiet_mb: float = 0.0
    fate: dict[str, int] = {}
    """What the attacker did, and the answers."""
    ended: str = ""
    """How the victim was cut off; empty if it was not."""
    failed: bool = False
    """Whether the attack itself failed."""
    disturbance: float = 0.0
    notes: list[str] = []

    @property
    def ratio(self) -> float | None:
        """How much later the victim's prices are than without an attack."""
        return None if self.p99_ms is None else self.p99_ms / self.quiet_p99_ms

    @property
    def missed(self) -> bool:
        """Whether the attack costs the victim more than the aim allows."""
        if self.ended or self.p99_ms is None:
            return True
        return self.p99_ms > max(AIM_MS, AIM_RATIO * self.quiet_p99_ms)


def brief(one: Attacked) -> str:
    """One line, to show progress."""
    parts = [
        f"{one.attack} {one.front} {one.tree}: p99 {one.quiet_p99_ms:.1f} → {_p99(one)}",
        f"gateway {one.gateway:.0%}",
        *(["MISSED"] if one.missed else []),
        *one.notes,
    ]
    return ", ".join(parts)


def render(rows: Sequence[Attacked]) -> str:
    """A table in Markdown, of one tree, or of two side by side."""
    labels = list(dict.fromkeys(row.tree for row in rows))
    if len(labels) < 2:
        head = [
            "attack",
            "front",
            "quiet p50 / p99",
            "p99 under attack",
            "ticks got",
            "gateway CPU",
            "load core",
            "gateway RSS",
            "what the attacker got",
            "aim",
        ]
        return _markdown([head, *map(_alone, rows)])
    head = ["attack", "front", "quiet p99", *(f"p99, {label}" for label in labels)]
    head += [
        *(f"gateway, {label}" for label in labels),
        *(f"what the attacker got, {label}" for label in labels),
        "aim",
    ]
    pairs: dict[tuple[str, str], list[Attacked]] = {}
    for row in rows:
        pairs.setdefault((row.attack, row.front), []).append(row)
    # An interrupted run has no counterpart.
    return _markdown([head, *(_beside(pair) for pair in pairs.values() if len(pair) == len(labels))])


def _alone(one: Attacked) -> list[str]:
    return [
        one.attack,
        one.front,
        f"{one.quiet_p50_ms:.1f} / {one.quiet_p99_ms:.1f} ms",
        _p99(one),
        f"{one.got:.0%}",
        f"{one.gateway_quiet:.0%} → {one.gateway:.0%}",
        f"{one.load:.0%}",
        f"{one.rss_quiet_mb:.0f} → {one.rss_mb:.0f} MB",
        fate(one.fate),
        _aim(one),
    ]


def _beside(pair: Sequence[Attacked]) -> list[str]:
    return [
        pair[0].attack,
        pair[0].front,
        " / ".join(f"{one.quiet_p99_ms:.1f}" for one in pair) + " ms",
        *map(_p99, pair),
        *(f"{one.gateway:.0%}, {one.rss_mb:.0f} MB" for one in pair),
        *(fate(one.fate) for one in pair),
        _aim(pair[-1]),
    ]


def _markdown(table: Sequence[Sequence[str]]) -> str:
    head, *rows = table
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _p99(one: Attacked) -> str:
    if one.p99_ms is None:
        return "no tick"
    return f"{one.p99_ms:.1f} ms" if one.p99_ms < 100 else f"{one.p99_ms:.0f} ms"


def _aim(one: Attacked) -> str:
    if one.ended:
        return f"MISSED, victim cut off: {one.ended}"
    return "MISSED" if one.missed else "met"


def fate(counts: dict[str, int]) -> str:
    """What the attacker did, then its most frequent answers."""
    first = [f"{name} {counts[name]}" for name in ("connects", "sent") if name in counts]
    others = sorted((name for name in counts if name not in ("connects", "sent")), key=lambda name: -counts[name])
    return ", ".join([*first, *(f"{name} {counts[name]}" for name in others[:_NAMED])])
