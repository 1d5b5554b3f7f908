"""What does an attack cost a client that only wants prices, and who is refused? ``python -m bench --attacks``.

Every attack has a gateway of its own, at its default limits. A victim receives a hundred symbols with ten ticks a
second each, first without the attack, then with it.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.attacks import ALL, attack_table
from bench.attacks.attack_table import Attacked
from bench.attacks.issuer import Issuer
from bench.host import usage
from bench.host.processes import Process, python
from bench.host.trees import Tree
from bench.host.usage import DISTURBED
from bench.result import Result
from bench.servers.rig import Rig
from bench.servers.server import HOST
from bench.servers.stack import FrontName, Stack, running

TICKS_PER_S = 1_000
BASELINE_S = 3.0
SECONDS = 7.0
_WARM_UP_S = 1.0
_LOOK_S = 0.5


def run(
    bench: Rig,
    trees: Sequence[Tree],
    fronts: Sequence[FrontName],
    attacks: Sequence[str],
    seconds: float,
    repeats: int,
    say: Callable[[str], None],
) -> Iterator[Attacked]:
    """Run every attack on every front of every tree.

    An attack that other programs disturbed is repeated up to ``repeats`` times; the least disturbed one counts.

    Raises:
        ProcessError: a process did not start, or did not answer.
    """
    for front in fronts:
        for attack in attacks:
            for tree in trees:
                attempts: list[Attacked] = []
                while len(attempts) <= repeats and all(one.disturbance > DISTURBED for one in attempts):
                    attempts.append(_attacked(bench, tree, front, attack, seconds))
                    say(attack_table.brief(attempts[-1]))
                yield min(attempts, key=lambda one: one.disturbance)


def _attacked(bench: Rig, tree: Tree, front: FrontName, attack: str, seconds: float) -> Attacked:
    with tempfile.TemporaryDirectory(prefix="tickgate-bench-") as folder:
        algorithm = ALL[attack].tokens
        issuer = Issuer(algorithm, Path(folder)) if algorithm else None
        with running(bench, tree, front, TICKS_PER_S, issuer.env if issuer else None) as stack:
            arguments = (HOST, str(stack.port))
            with (
                Process(python("bench.attacks.victim", *arguments), bench.cores.load, piped=True) as victim,
                Process(python("bench.attacks.attacker", *arguments), bench.cores.load, piped=True) as attacker,
            ):
                victim.ask("open", token=issuer.token("victim") if issuer else "")
                time.sleep(_WARM_UP_S)
                quiet, before, _ = _window(stack, victim, attacker, min(BASELINE_S, seconds))
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
    """The victim's figures, the usage of the cores, and the gateway's highest memory."""
    victim.ask("mark")
    before = stack.usage(victim.pid, attacker.pid)
    end, rss = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_S))
        rss = max(rss, stack.server.rss_bytes())
    got = victim.ask("mark")
    return got, stack.usage(victim.pid, attacker.pid).since(before), rss
