"""The command line of ``python -m bench``."""

import argparse

from bench.attacks import ALL as ATTACKS
from bench.measuring import against
from bench.measuring.fronts import NAMES
from bench.reports import ratios
from bench.scenarios import ALL as SCENARIOS
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.stack import FRONTS


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, with the defaults that depend on each other; a wrong command line ends the process.

    ``fronted`` is not an option: it says what the fan-out goes through, if anything.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    comparing = options.against is not None
    if comparing and options.contender:
        parser.error("--against compares two gateways, or two pollers: leave --contender out")
    options.fronted = ""
    if options.front and options.attacks is None and not options.slow_readers:
        _choose_front(parser, options)
    if options.quick:
        options.rounds, options.repeats = (2, 0) if comparing else (1, 0)
    if options.rounds is None:
        options.rounds = against.ROUNDS if comparing else 3
    if options.repeats is None:
        options.repeats = 0 if comparing or options.attacks is not None else 2
    if comparing and options.rounds < 2:
        parser.error("--against needs at least two rounds for an interval: --rounds 2, better 10")
    return options


def _choose_front(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Choose the front of the fan-out. Behind HAProxy only the gateway is measured."""
    if len(options.front) > 1:
        parser.error("the fan-out has one front at a time: give --front once")
    options.fronted = "haproxy" if options.front == ["haproxy"] else ""
    if options.fronted:
        known = list(dict.fromkeys(figure.scenario for figure in ratios.FRONTED))
        options.scenario = options.scenario or known[:2]
        if options.contender or not set(options.scenario) <= set(known):
            parser.error(f"--front haproxy measures the gateway, without --contender, in {', '.join(known)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the gateway and what it is compared with."
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[scenario.name for scenario in SCENARIOS],
        help="only this; may be repeated",
    )
    parser.add_argument(
        "--contender", action="append", choices=list(CONTENDERS), help="only this server; may be repeated"
    )
    parser.add_argument("--seconds", type=float, help="how long each is measured (default: as the scenario says)")
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="measure that commit and this tree, with what is not committed, in alternating rounds: ratios with their "
        "95 %% intervals; exit code 1 where this tree is slower by more than 3 %%, 2 where a row was not measured. "
        f"Without --scenario: {', '.join(against.DEFAULT)}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"how often; the median is reported (default: 3; with --against {against.ROUNDS}, at least 2)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        help="how often one that others disturbed is done again (default: 2; with --against 0: both have the same "
        "neighbours; with --attacks 0)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="two seconds each, once (--against: twice): shows that it runs, no more"
    )
    parser.add_argument(
        "--nice", type=int, default=0, help="-15 keeps neighbours off the cores, for who may do that (default: 0)"
    )
    parser.add_argument(
        "--slow-readers",
        action="store_true",
        help="the age of the prices in a reader's hand, by its speed and the front; with --against, of that commit too",
    )
    parser.add_argument(
        "--attacks",
        nargs="*",
        metavar="NAME",
        choices=list(ATTACKS),
        help="how late a client's prices are while somebody attacks the gateway at its default limits: all attacks, or "
        "these; with --against, of that commit too; exit code 1 where an aim of this tree is missed",
    )
    parser.add_argument(
        "--front",
        action="append",
        choices=FRONTS,
        help="only this; may be repeated (default: --slow-readers both, else straight); the fan-out has one: with "
        "haproxy, gateway and HAProxy share a core, and what both use counts",
    )
    parser.add_argument(
        "--fronts",
        nargs="*",
        metavar="NAME",
        choices=NAMES,
        help=f"what each front costs, and none: all, or these of {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--receive-buffer",
        type=int,
        default=0,
        metavar="BYTES",
        help="with --slow-readers, SO_RCVBUF of each reader: what lies there is old, whatever a gateway does "
        "(default: the kernel's, 128 KB and more)",
    )
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--picture", metavar="FILE", help="draw docs/bench.svg from a JSON file of results")
    return parser
