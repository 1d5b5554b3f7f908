"""``tickgate check``: what works here, in words, and how to fix what does not.

Everything is asked at once, and nothing for longer than `EACH_S`. Nothing is changed, published or started. The exit
code is 0 if nothing is wrong (a warning is not), 1 if something is, and 2 for a command line that is not understood.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from deploy.checks.bus import check_bus
from deploy.checks.exchange import check_exchange
from deploy.checks.finding import Finding
from deploy.checks.haproxy import check_haproxy
from deploy.checks.listening import check_listening
from deploy.checks.machine import check_machine
from deploy.checks.rights import PROGRAMS, Program
from deploy.checks.settings import check_settings
from market.process.usage import Parser

EACH_S: Final = 5.0
"""The longest that anything is waited for."""
_THREAD_S: Final = 0.2
"""A thread that looks a name up may hang for much longer; then this process ends without it."""


def main(arguments: Sequence[str], program: str = "tickgate check") -> int:
    """Check, print what was found, and return the exit code."""
    parser = Parser(
        program,
        "Say what works here, and how to fix what does not: settings, bus, exchange, ports, limits, HAProxy.\n"
        "Settings are environment variables, and the file that TICKGATE_CONFIG names.",
        "The exit code is 0 if nothing is wrong, 1 if something is; a warning is nothing wrong.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for machines")
    rights = "only whether the user of BUS_URL (with Kafka: of STORE_URL) may do what this program needs: " + ", ".join(
        PROGRAMS
    )
    parser.add_argument("--rights", choices=PROGRAMS, metavar="PROGRAM", help=rights)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as exiting:
        return int(exiting.code or 0)
    # What they have to say of a failure is in the findings.
    logging.disable(logging.CRITICAL)
    threads = set(threading.enumerate())
    loop = asyncio.new_event_loop()
    try:
        findings = loop.run_until_complete(check(os.environ, options.rights))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        # Not asyncio.run, which would wait for a name that is still being looked up.
        loop.close()
        logging.disable(logging.NOTSET)
    code = 1 if any(its.mark == "wrong" for its in findings) else 0
    if options.json:
        document = {"ok": not code, "findings": findings}
        print(msgspec.json.encode(document).decode(), flush=True)
    else:
        print("\n".join(its.line for its in findings), flush=True)
    _leave(code, threads)
    return code


async def check(environ: Mapping[str, str], rights: Program | None = None) -> list[Finding]:
    """Everything that is found, in a fixed order; with ``rights``, what that program's user may do, and no more."""
    its = check_settings(environ)
    if rights is not None:
        bus = await _in_time("bus", check_bus(its.variables, its.pollers, its.gateway, rights))
        return [*(finding for finding in its.findings if finding.mark == "wrong"), *bus]
    found = await asyncio.gather(
        _in_time("bus", check_bus(its.variables, its.pollers, its.gateway)),
        _in_time("port", check_listening(its.variables, its.pollers, its.gateway)),
        _in_time("haproxy", check_haproxy(environ, its.variables)),
        *(_in_time("exchange", check_exchange(poller)) for poller in its.pollers),
    )
    bus, ports, haproxy, *exchanges = found
    return [*its.findings, *bus, *chain(*exchanges), *ports, *check_machine(its.variables, its.gateway), *haproxy]


async def _in_time(subject: str, findings: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(EACH_S):
            return await findings
    except TimeoutError:
        return [Finding("wrong", subject, f"did not answer within {EACH_S:g} s")]
    except Exception as error:
        # One check that fails must not hide the others.
        return [Finding("wrong", subject, f"could not be checked: {type(error).__name__}: {error}")]


def _leave(code: int, before: set[threading.Thread]) -> None:
    """End the process here if a thread of ours would keep it from ending."""
    for thread in set(threading.enumerate()) - before:
        thread.join(_THREAD_S)
        if thread.is_alive():
            sys.stdout.flush()
            os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
