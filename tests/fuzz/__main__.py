"""``python -m tests.fuzz [--inputs N] [--seed S] [--only TARGET]``: bad input by the million, and figures."""

import argparse
import asyncio
import functools
import random
import sys
from collections.abc import Sequence

from tests.fuzz.campaign import run
from tests.fuzz.reading import Reading
from tests.fuzz.report import Result
from tests.fuzz.talking import Talking
from tests.fuzz.visiting import gateway_under_fire

SHARES = {"reader": 0.40, "session": 0.55, "gateway": 0.05}
"""Of all inputs; over a socket each takes many times as long."""


say = functools.partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 where something happened that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Bad input by the million.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in total (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="to see a run again")
    parser.add_argument("--only", choices=SHARES, help="all inputs to this target")
    wanted = parser.parse_args(arguments)
    say(f"seed {wanted.seed}")
    results = []
    for target, share in SHARES.items():
        if wanted.only in (None, target):
            inputs = wanted.inputs if wanted.only else round(wanted.inputs * share)
            results.append(attack(target, inputs, random.Random(f"{wanted.seed} {target}")))
            say(results[-1])
    breaches = sum(len(result.breaches) for result in results)
    say(f"in total {sum(result.inputs for result in results):,} inputs, {breaches} breaches")
    return 1 if breaches else 0


def attack(target: str, inputs: int, rng: random.Random) -> Result:
    """Send ``inputs`` to one of `SHARES`."""
    match target:
        case "reader":
            return run(Reading(), inputs, rng)
        case "session":
            return run(Talking(), inputs, rng)
        case _:
            return asyncio.run(_attack_gateway(inputs, rng))


async def _attack_gateway(inputs: int, rng: random.Random) -> Result:
    async with gateway_under_fire() as visiting:
        return await visiting.run(inputs, rng)


if __name__ == "__main__":
    sys.exit(main())
