"""What does an attack cost a client who only wants prices, and who is refused? ``python -m bench --attacks``.

Every attack has a gateway of its own, at its default limits. A victim hears a hundred symbols with ten ticks a second
each, first in quiet, then with the attack beside it.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench import usage
from bench.attacks import ALL
from bench.issuer import Issuer
from bench.measure import Bench
from bench.processes import Process, python
from bench.result import Result
from bench.server import HOST
from bench.stack import FrontName, Stack, running
from bench.trees import Tree
from bench.usage import DISTURBED

TICKS_PER_S = 1_000
QUIET_S = 3.0
SECONDS = 7.0
AIM_RATIO = 2.0
AIM_MS = 20.0
"""The victim's p99 under attack is at most the quiet one so many times, or at most so much."""

_WARM_UP_S = 1.0
_LOOK_S = 0.5
_NAMED = 6
"""So many kinds of what the attacker was answered are told."""


class Attacked(Struct, kw_only=True):
    """One attack on one gateway."""

    tree: str
    front: FrontName
    attack: str
    quiet_p50_ms: float
    quiet_p99_ms: float
    p50_ms: float | None = None
    """None where nothing arrived."""
    p99_ms: float | None = None
    max_ms: float | None = None
    got: float = 0.0
    """Share of the ticks that the victim got under attack; the rest were replaced by newer ones."""
    gateway_quiet: float = 0.0
    """Of a core."""
    gateway: float = 0.0
    """Of a core, under attack."""
    load: float = 0.0
    """Of the other core, used under attack by attacker, victim, publisher, Valkey and HAProxy."""
    rss_mb: float = 0.0
    """The most that was seen."""
    rss_quiet_mb: float = 0.0
    fate: dict[str, int] = {}
    """What the attacker did and was answered."""
    ended: str = ""
    """How the victim was cut off; empty where it was not."""
    failed: bool = False
    """Whether the attack itself broke."""
    disturbance: float = 0.0
    notes: list[str] = []

    @property
    def ratio(self) -> float | None:
        """How much later the victim's prices are than in quiet."""
        return None if self.p99_ms is None else self.p99_ms / self.quiet_p99_ms

    @property
    def missed(self) -> bool:
        """Whether it costs the victim more than is aimed at."""
        if self.ended or self.p99_ms is None:
            return True
        return self.p99_ms > max(AIM_MS, AIM_RATIO * self.quiet_p99_ms)


def run(
    bench: Bench,
    trees: Sequence[Tree],
    fronts: Sequence[FrontName],
    attacks: Sequence[str],
    seconds: float,
    repeats: int,
    say: Callable[[str], None],
) -> Iterator[Attacked]:
    """Every attack on every front of every tree.

    One that others disturbed is repeated up to ``repeats`` times; the least disturbed counts.

    Raises:
        ProcessError: a process did not start, or did not answer.
    """
    for front in fronts:
        for attack in attacks:
            for tree in trees:
                attempts: list[Attacked] = []
                while len(attempts) <= repeats and all(one.disturbance > DISTURBED for one in attempts):
                    attempts.append(_attacked(bench, tree, front, attack, seconds))
                    say(brief(attempts[-1]))
                yield min(attempts, key=lambda one: one.disturbance)


def _attacked(bench: Bench, tree: Tree, front: FrontName, attack: str, seconds: float) -> Attacked:
    with tempfile.TemporaryDirectory(prefix="tickgate-bench-") as folder:
        algorithm = ALL[attack].tokens
        issuer = Issuer(algorithm, Path(folder)) if algorithm else None
        with running(bench, tree, front, TICKS_PER_S, issuer.env if issuer else None) as stack:
            arguments = (HOST, str(stack.port))
            with (
                Process(python("bench.victim", *arguments), bench.cores.load, piped=True) as victim,
                Process(python("bench.attacker", *arguments), bench.cores.load, piped=True) as attacker,
            ):
                victim.ask("open", token=issuer.token("victim") if issuer else "")
                time.sleep(_WARM_UP_S)
                quiet, before, _ = _window(stack, victim, attacker, min(QUIET_S, seconds))
                tokens = [issuer.token("attacker"), issuer.forged("attacker")] if issuer else ["", ""]
                rss_quiet = stack.server.rss_bytes()
                attacker.ask("start", attack=attack, good_token=tokens[0], forged_token=tokens[1])
                got, used, rss = _window(stack, victim, attacker, seconds)
                came_of_it = attacker.ask("stop")
    disturbed = Result(scenario=attack, contender=tree.label, round=1)
    usage.note_others(disturbed, used, bench.cores)
    if came_of_it["failure"]:
        disturbed.notes.append(f"THE ATTACK FAILED: {came_of_it['failure']}")
    return Attacked(
        tree=tree.label,
        front=front,
        attack=attack,
        quiet_p50_ms=quiet["p50"],
        quiet_p99_ms=quiet["p99"],
        p50_ms=got.get("p50"),
        p99_ms=got.get("p99"),
        max_ms=got.get("max"),
        got=got["ticks"] / TICKS_PER_S / used.at,
        gateway_quiet=before.cpu_s / before.at,
        gateway=used.cpu_s / used.at,
        load=used.load_core.busy / used.at,
        rss_mb=rss / 1e6,
        rss_quiet_mb=rss_quiet / 1e6,
        fate=came_of_it["fate"],
        ended=got["ended"],
        failed=bool(came_of_it["failure"]),
        disturbance=disturbed.disturbance,
        notes=disturbed.notes,
    )


def _window(
    stack: Stack, victim: Process, attacker: Process, seconds: float
) -> tuple[dict[str, Any], usage.Usage, int]:
    """What the victim got, what was used, and the most memory that the gateway had."""
    victim.ask("mark")
    before = stack.usage(victim.pid, attacker.pid)
    end, rss = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_S))
        rss = max(rss, stack.server.rss_bytes())
    got = victim.ask("mark")
    return got, stack.usage(victim.pid, attacker.pid).since(before), rss


def brief(one: Attacked) -> str:
    """One line, to show that something happens."""
    p99 = f"{one.p99_ms:.1f}" if one.p99_ms is not None else "no tick"
    parts = [
        f"{one.attack} {one.front} {one.tree}: p99 {one.quiet_p99_ms:.1f} → {p99} ms",
        f"gateway {one.gateway:.0%}",
        *(["MISSED"] if one.missed else []),
        *one.notes,
    ]
    return ", ".join(parts)


def render(rows: Sequence[Attacked], *, trees: bool) -> str:
    """A table in Markdown; ``trees`` says whether to name the tree of each row."""
    head = [
        "tree",
        "attack",
        "front",
        "quiet p50 / p99",
        "p99 under attack",
        "ratio",
        "ticks got",
        "gateway CPU",
        "load core",
        "gateway RSS",
        "what the attacker got",
        "aim",
    ]
    table = [head, ["---"] * len(head), *map(_row, rows)]
    return "\n".join(f"| {' | '.join(row if trees else row[1:])} |" for row in table)


def _row(one: Attacked) -> list[str]:
    return [
        one.tree,
        one.attack,
        one.front,
        f"{one.quiet_p50_ms:.1f} / {one.quiet_p99_ms:.1f} ms",
        "no tick" if one.p99_ms is None else f"{one.p99_ms:.1f} ms",
        "" if one.ratio is None else f"{one.ratio:.1f}",
        f"{one.got:.0%}",
        f"{one.gateway_quiet:.0%} → {one.gateway:.0%}",
        f"{one.load:.0%}",
        f"{one.rss_quiet_mb:.0f} → {one.rss_mb:.0f} MB",
        fate(one.fate),
        f"victim cut off: {one.ended}" if one.ended else "MISSED" if one.missed else "met",
    ]


def fate(counts: dict[str, int]) -> str:
    """The most frequent of what it did and was answered."""
    first = [f"{name} {counts[name]}" for name in ("connects", "sent") if name in counts]
    others = sorted((name for name in counts if name not in ("connects", "sent")), key=lambda name: -counts[name])
    return ", ".join([*first, *(f"{name} {counts[name]}" for name in others[:_NAMED])])
