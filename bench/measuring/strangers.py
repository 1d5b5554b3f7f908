"""``python -m bench --slow-readers`` and ``--attacks``: strangers at a gateway with default settings."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from bench.attacks import ALL, attack_table, attacked
from bench.attacks.attack_table import Attacked
from bench.host.processes import ROOT
from bench.host.trees import THIS, Tree, compared
from bench.measuring import slow_readers
from bench.measuring.ground import prepared
from bench.measuring.slow_readers import Reading
from bench.servers.stack import FRONTS


class SlowReaders(Struct):
    """A whole run, as written to JSON."""

    when: str
    machine: dict[str, str]
    readings: list[Reading]


class Attacks(Struct):
    """A whole run, as written to JSON."""

    when: str
    machine: dict[str, str]
    attacks: list[Attacked]


@contextmanager
def trees_of(options: argparse.Namespace) -> Iterator[Sequence[Tree]]:
    """This tree alone; or the tree of a commit, then a copy of this one.

    Raises:
        TreeError: there is no such commit.
    """
    if options.against is None:
        yield (Tree(THIS, ROOT),)
        return
    with compared(options.against) as (this, that):
        yield that, this


def read_slowly(options: argparse.Namespace, when: str, say: Callable[[str], None]) -> SlowReaders:
    """``--slow-readers``: print a table.

    Raises:
        TreeError: there is no such commit.
        ProcessError: a process did not start, or did not answer.
    """
    with trees_of(options) as trees, prepared(options.nice) as (about, bench, _):
        seconds = 8.0 if options.quick else options.seconds or slow_readers.SECONDS
        readings = slow_readers.run(bench, trees, options.front or FRONTS, seconds, options.receive_buffer, say)
    say("\n" + slow_readers.render(readings, trees=len(trees) > 1))
    return SlowReaders(when, about, readings)


def attack(options: argparse.Namespace, when: str, say: Callable[[str], None]) -> Attacks:
    """``--attacks``: print a table. If it is interrupted, the table has the results until then.

    Raises:
        TreeError: there is no such commit.
        ProcessError: a process did not start, or did not answer.
    """
    rows: list[Attacked] = []
    with trees_of(options) as trees, prepared(options.nice) as (about, bench, _):
        seconds = 2.0 if options.quick else options.seconds or attacked.SECONDS
        names, fronts = options.attacks or list(ALL), options.front or FRONTS[:1]
        try:
            for row in attacked.run(bench, trees, fronts, names, seconds, options.repeats, say):
                rows.append(row)  # noqa: PERF402 - what there is counts when it is interrupted
        except KeyboardInterrupt:
            about["interrupted"] = "yes: not all of what was asked for was measured"
    say("\n" + attack_table.render(rows))
    return Attacks(when, about, rows)


def exit_code(run: Attacks | None) -> int:
    """1 if this tree missed an aim, or an attack failed, else 0."""
    if run is None:
        return 0
    return int(any(row.tree == THIS and (row.missed or row.failed) for row in run.attacks))
