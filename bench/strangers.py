"""``python -m bench --slow-readers``: what strangers meet who come to a gateway as it is delivered."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from bench import slow_readers
from bench.ground import prepared
from bench.processes import ROOT
from bench.slow_readers import Reading
from bench.stack import FRONTS
from bench.trees import Tree, compared


class SlowReaders(Struct):
    """A whole run, as written to JSON."""

    when: str
    machine: dict[str, str]
    readings: list[Reading]


@contextmanager
def trees_of(options: argparse.Namespace) -> Iterator[Sequence[Tree]]:
    """This tree; or a commit's and a copy of this one, in the order of a before and after.

    Raises:
        TreeError: there is no such commit.
    """
    if options.against is None:
        yield (Tree("this tree", ROOT),)
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
