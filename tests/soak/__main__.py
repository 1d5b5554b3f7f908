"""``python -m tests.soak``: churn and faults, and whether everything is as it was; ``--help`` says what else."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.errors import DeployError
from tests.soak.log import Log
from tests.soak.soak import Options, Soak

INTERRUPTED = 130
"""What a shell makes of Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 where nothing was wrong, 1 where something was, 130 after Ctrl-C or SIGTERM."""
    given = _parser().parse_args(arguments)
    options = Options(
        seconds=60 * given.minutes,
        rounds=given.rounds,
        gateways=given.gateways,
        seed=given.seed,
        ticks_per_s=given.ticks_per_second,
        clients=given.clients,
    )
    tell(f"soak: {given.minutes:g} minutes in {given.rounds} rounds, {given.gateways} gateways, --seed {given.seed}")
    with contextlib.ExitStack() as files:
        log = Log(files.enter_context(Path(given.log).open("w", encoding="utf-8")) if given.log else None)
        try:
            wrong = asyncio.run(_run(options, log))
        except DeployError as error:
            tell(f"soak: {error}")
            return 1
        except TimeoutError:
            tell("soak: the programs did not become ready; --log FILE tells what they said")
            return 1
    if wrong is None:
        tell("soak: interrupted")
        return INTERRUPTED
    for fault in wrong[:50]:
        tell(f"WRONG  {fault}")
    tell(f"soak: {len(wrong)} things were wrong" if wrong else "soak: everything is as it was")
    return 1 if wrong else 0


async def _run(options: Options, log: Log) -> list[str] | None:
    """What was wrong; None where it was interrupted."""
    running = asyncio.create_task(Soak(options, tell, log).run())

    def stop() -> None:
        # Once: while everything is being stopped, a second Ctrl-C must not leave it half done.
        if not running.cancelling():
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await running
    except asyncio.CancelledError:
        return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Find out whether anything stays behind.")
    parser.add_argument("--minutes", type=float, default=10, help="of churn (default: 10)")
    parser.add_argument("--rounds", type=int, default=10, help="with a count after each (default: 10)")
    parser.add_argument("--gateways", type=int, default=2, help="every second asks for tokens (default: 2)")
    parser.add_argument("--clients", type=int, default=60, help="at once, of each of two workers (default: 60)")
    parser.add_argument("--ticks-per-second", type=int, default=200, help="of all symbols together (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random (default: 1)")
    parser.add_argument("--log", metavar="FILE", help="where to write down what the programs say")
    return parser


def tell(line: str) -> None:
    """Print one line of the report."""
    print(line, flush=True)  # noqa: T201 - the report is what this program is for


if __name__ == "__main__":
    sys.exit(main())
