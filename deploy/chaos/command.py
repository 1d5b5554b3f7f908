"""``tickgate chaos``: the arguments, the order of the faults, and the exit code."""

import argparse
import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.arguments import count, seconds
from deploy.chaos.faults import FAULTS, Fault
from deploy.chaos.fleet import Target, require, targets
from deploy.chaos.network.connections import Place, resolved
from deploy.chaos.observer import Observer
from deploy.chaos.report import lines, page
from deploy.chaos.trial import NotMade, Outcome, trial
from deploy.errors import DeployError
from deploy.ports import parse_address
from deploy.watch.address import URL, is_websocket, meant
from deploy.watch.command import token_in
from market.process.printable import complain, printable
from market.process.tasks import end
from market.process.usage import Parser

_BUS: Final = ("valkey", "redis")
_MOST_CLIENTS: Final = 1000


def main(arguments: Sequence[str], program: str) -> int:
    """Make faults; the exit code is 0 if every promise was kept, 1 if not, or 2 if nothing could be done."""
    parser = _parser(program)
    options = parser.parse_args(arguments)
    if not is_websocket(options.url):
        parser.error(f"URL {options.url!r} is no WebSocket's; write {meant(options.url)}")
    try:
        token, operators = (
            None if path is None else token_in(path) for path in (options.token_file, options.metrics_token_file)
        )
    except (OSError, ValueError) as error:
        parser.error(f"a file of a token: {error}")
    faults = [fault for fault in FAULTS if fault.name in options.faults] if options.faults else list(FAULTS)
    if not options.faults:
        faults = [fault for fault in faults if fault.is_undone or options.kill]
    if any(not fault.is_undone for fault in faults) and not options.kill:
        parser.error("processes are ended only with --kill: something must start them again")
    try:
        outcomes = asyncio.run(_run(options, faults, token, operators))
    except DeployError as error:
        complain(f"{program}: {error}")
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    made = [one for one in outcomes if isinstance(one, Outcome)]
    # What was asked for by its name is to be made.
    is_all = len(made) == len(outcomes) or not options.faults
    return 0 if made and is_all and all(one.is_kept for one in made) else 1


async def _run(
    options: argparse.Namespace, faults: Sequence[Fault], token: str | None, operators: str | None
) -> list[Outcome | NotMade]:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        # What is frozen must go on before this ends.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)

    async def found() -> list[Target]:
        bus = [] if options.bus_pid is None else [Target("bus", "bus", options.bus_pid)]
        return [*await targets(options.gateway, operators), *bus]

    if options.bus_pid is not None:
        require(options.bus_pid, _BUS, f"process {options.bus_pid}")
    if not await found():
        raise DeployError("there are no processes here (a container has numbers of its own: run this inside of it)")
    observers = [Observer(options.url, options.symbols, token) for _ in range(options.clients)]
    running = [asyncio.create_task(one.run()) for one in observers]
    outcomes: list[Outcome | NotMade] = []
    try:
        await _until_prices(observers, options.url)
        for fault in faults:
            outcome = await trial(fault, options.for_s, observers, found, options.bus)
            outcomes.append(outcome)
            print(printable(*lines([outcome])), flush=True)
    finally:
        await end(*running)
        if options.report is not None and outcomes:
            options.report.write_text(page(outcomes, options.url, len(observers)), encoding="utf-8")
    return outcomes


async def _until_prices(observers: Sequence[Observer], url: str) -> None:
    for _ in range(300):
        if all(one.is_live and one.newest_us for one in observers):
            return
        if problem := next((one.problem for one in observers if one.problem), ""):
            raise DeployError(problem)
        await asyncio.sleep(0.1)
    raise DeployError(f"no live prices from {url} within 30 s: faults would show nothing")


def _parser(program: str) -> Parser:
    names = ", ".join(fault.name for fault in FAULTS)
    parser = Parser(
        program,
        "Make faults in a deployment whose processes all run on this machine, one after the other, and say what\n"
        "clients saw. Each fault is undone, also after Ctrl-C. The exit code is 0 if no promise was broken.\n\n"
        f"Faults: {names}.\nThose that end a process need --kill. Those of the network need root, nft and ss.",
    )
    add = parser.add_argument
    add("url", nargs="?", default=URL, metavar="URL", help=f"the WebSocket of its clients (default: {URL})")
    text = "an address of one of its gateways, for /ops/processes (default: http://127.0.0.1:8081)"
    add("--gateway", default="http://127.0.0.1:8081", metavar="URL", help=text)
    add("--faults", type=_faults, default=[], metavar="A,B", help="only these (default: all that are undone)")
    add("--kill", action="store_true", help="also end processes; something must start them again")
    add("--for", dest="for_s", type=seconds(1, 60), default=10.0, metavar="S", help="how long each lasts (default: 10)")
    add(
        "--clients",
        type=count(1, _MOST_CLIENTS),
        default=20,
        metavar="N",
        help="how many look on (default: 20)",
    )
    add("--symbols", type=lambda text: text.split(","), default=[], metavar="A,B", help="what they hold (default: all)")
    text = "the addresses of the bus (default: that of BUS_URL, which the processes were started with)"
    add("--bus", type=_places, default=[], metavar="HOST:PORT,…", help=text)
    add("--bus-pid", type=int, metavar="PID", help="the process of the bus, to freeze it too")
    add("--token-file", metavar="FILE", help="the clients' token; - is standard input")
    add("--metrics-token-file", metavar="FILE", help="METRICS_TOKEN, if it is set")
    add("--report", type=Path, metavar="FILE", help="write a page with charts")
    return parser


def _places(text: str) -> list[Place]:
    places: list[Place] = []
    for one in text.split(","):
        try:
            address = parse_address("--bus", one)
            places += resolved(address.host, address.port)
        except DeployError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{one!r} has no address: {error.strerror}") from None
    return places


def _faults(text: str) -> list[str]:
    known = {fault.name for fault in FAULTS}
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; write some of {', '.join(sorted(known))}")
    return names
