"""``python -m tests.integration.hosts [WORDS...]``: run the scenarios, and print the table of `docs/faults.md`.

WORDS choose scenarios whose names contain one of them. Wants root, `ip`, and the program of the front.
"""

import argparse
import asyncio
import contextlib
import io
import sys
from collections.abc import Sequence

from tests.integration.hosts import namespaces
from tests.integration.hosts.buses import BUSES
from tests.integration.hosts.catalogue import OF_A_FRONT, OF_BUS
from tests.integration.hosts.fronts import FRONTS
from tests.integration.hosts.scenario import Scenario, run
from tests.integration.hosts.table import HEAD, line_of


async def _print_lines(scenarios: Sequence[Scenario], options: argparse.Namespace) -> None:
    """Run all of them, ``at_once`` beside each other, and print their lines in order."""
    room, table, output = asyncio.Semaphore(options.at_once), sys.stdout, io.StringIO()

    async def line(scenario: Scenario) -> str:
        rows = []
        for _ in range(options.runs):
            async with room:
                rows.append(await run(scenario, options.bus, options.front))
        return line_of(rows)

    # What programs say is of use only if something fails.
    with contextlib.redirect_stdout(output):
        lines = [asyncio.create_task(line(scenario)) for scenario in scenarios]
        failures = []
        for scenario, task in zip(scenarios, lines, strict=True):
            try:
                print(await task, file=table, flush=True)
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                error.add_note(f"in: {scenario.name}")
                failures.append(error)
    if failures:
        sys.stderr.write(output.getvalue())
        raise ExceptionGroup("not survived as promised", failures)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.hosts", description=__doc__)
    parser.add_argument("words", nargs="*", help="run only scenarios whose names contain one of these")
    parser.add_argument("--bus", choices=BUSES, default="redis")
    parser.add_argument("--front", choices=FRONTS, default="haproxy", help="another one: only what concerns it")
    parser.add_argument("--runs", type=int, default=1, help="print the worst of so many")
    parser.add_argument("--at-once", type=int, default=1, help="so many beside each other, each on hosts of its own")
    options = parser.parse_args()
    if reason := namespaces.why_not() or ("" if FRONTS[options.front]() else f"there is no {options.front}"):
        parser.exit(1, f"{reason}\n")
    scenarios = OF_BUS[options.bus] if options.front == "haproxy" else OF_A_FRONT
    words = options.words or [""]
    print(HEAD)  # noqa: T201
    asyncio.run(_print_lines([its for its in scenarios if any(word in its.name for word in words)], options))


if __name__ == "__main__":
    _main()
