"""``python -m bench.capacity``: what a number of clients needs. See ``--help``."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.capacity import answers, checks, document, measuring, shapes, storm, storms, unit_costs
from bench.capacity.plan import Question, answer
from bench.capacity.unit_costs import UnitCosts
from bench.host.processes import ProcessError
from bench.measuring.ground import prepared
from bench.system.fronts import STARTS
from bench.system.kafka import on_kafka


def main(arguments: list[str]) -> int:
    """Return the exit code: 0; 2 if there are no unit costs, or they could not be measured."""
    options = parser().parse_args(arguments)
    if options.storm:
        outcomes = storm.run(storms.ALL)
        print(storms.render(outcomes))
        if options.document:
            document.put("storms", document.markdown(storms.rows(outcomes)))
        return 0
    try:
        if options.measure:
            _measure(options)
            return 0
        costs = unit_costs.load(options.costs)
        if options.check:
            _check(options, costs)
            return 0
    except (OSError, msgspec.ValidationError) as error:
        print(f"bench.capacity: no unit costs ({error}): measure them with --measure", file=sys.stderr)
        return 2
    except ProcessError as error:
        print(f"bench.capacity: {error}", file=sys.stderr)
        return 2
    if options.document:
        document.put("costs", document.costs(costs))
        document.put("examples", document.examples(costs))
        return 0
    return _answer(options, costs)


def _answer(options: argparse.Namespace, costs: UnitCosts) -> int:
    question = Question(
        clients=options.clients,
        symbols=options.symbols,
        of=options.of or options.symbols,
        updates=options.updates,
        at_once=options.at_once,
        max_hz=options.conflation,
        bus=options.bus,
        front=options.front,
        partitions=options.partitions,
        batched=options.batched,
        symbol_channels=options.symbol_channels,
        utilisation=options.utilisation,
        clients_per_gateway=options.clients_per_gateway,
        front_cores=options.front_cores,
    )
    plan = answer(question, costs)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode({"question": vars(question), "plan": plan})).decode())
    else:
        print(answers.render(question, plan, costs))
    return 0


def _measure(options: argparse.Namespace) -> None:
    with prepared(0) as (about, bench, _):
        fronts = [name for name in options.measured_front or ["haproxy"] if name in STARTS]
        costs = measuring.measure(
            bench, fronts, options.seconds, about, _now(), _say, kafka="kafka" in options.measured_bus
        )
    before = unit_costs.load(options.costs) if options.costs.is_file() else None
    unit_costs.save(unit_costs.completed(costs, before), options.costs)
    print(f"\nwritten to {options.costs}")


def _check(options: argparse.Namespace, costs: UnitCosts) -> None:
    fronts = [name for name in STARTS if name in costs.fronts and costs.fronts[name].is_known]
    loads = checks.behind(fronts)
    with prepared(0) as (_, bench, _):
        done = list(checks.check(bench, costs, loads, options.seconds, _say))
        if costs.bus("kafka").is_known:
            with on_kafka(bench) as other:
                done += checks.check(other, costs, shapes.KAFKA_CHECKS, options.seconds, _say, "kafka")
    print(f"\n{checks.render(done)}")
    if options.document:
        document.put("checks", document.markdown(checks.rows(done)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _say(line: str) -> None:
    print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m bench.capacity",
        description="How many gateways, and what of bus, front, memory and network, a number of clients takes.",
    )
    add = made.add_argument
    add("--clients", type=int, default=10_000, help="default: 10,000")
    add("--symbols", type=int, default=100, help="symbols that each client holds (default: 100)")
    add("--of", type=int, default=0, help="symbols of the feed (default: as many)")
    add("--updates", type=float, default=1.0, help="updates of each symbol per second (default: 1)")
    add("--at-once", type=float, default=10.0, help="ticks that the poller publishes at once, on average (default: 10)")
    add("--conflation", type=float, default=0.0, metavar="HZ", help="max_hz of every client (default: none)")
    add("--bus", choices=["redis", "sentinel", "valkey-cluster", "kafka"], default="redis")
    add("--front", choices=["haproxy", "nginx", "envoy", "direct"], default="haproxy", help="direct: none")
    add("--partitions", type=int, default=1, help="BUS_PARTITIONS (default: 1)")
    add("--no-batches", dest="batched", action="store_false", help="each tick is a message on the bus")
    add(
        "--no-symbol-channels",
        dest="symbol_channels",
        action="store_false",
        help="ticks are published in batches only (BUS_SYMBOL_CHANNELS=0)",
    )
    add("--utilisation", type=float, default=0.5, help="the share of a core that a process may use (default: 0.5)")
    add("--clients-per-gateway", type=int, default=15_000, help="at most (default: 15,000)")
    add("--front-cores", type=int, default=8, help="cores of each front (default: 8)")
    add("--json", action="store_true", help="the answer as JSON")
    add("--storm", action="store_true", help="simulate how the clients of a thousand gateways come back")
    add("--measure", action="store_true", help="measure the unit costs on this machine, some four minutes")
    add("--measured-front", action="append", choices=list(STARTS), help="with --measure; may be repeated")
    add(
        "--measured-bus",
        action="append",
        choices=["kafka"],
        default=[],
        help="with --measure, beside Redis; needs Java",
    )
    add("--check", action="store_true", help="measure other loads, and say how wrong the predictions are")
    add("--document", action="store_true", help="write the tables of docs/capacity.md that follow from it")
    add("--seconds", type=float, default=6.0, help="how long each load is measured (default: 6)")
    add("--costs", type=Path, default=unit_costs.FILE, metavar="FILE", help="the unit costs (default: those kept here)")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
