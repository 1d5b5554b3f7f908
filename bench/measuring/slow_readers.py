"""How old are the prices in a reader's hand, by how fast it reads and by what stands in front?

``python -m bench --slow-readers``. All readers of one front read side by side. Each has a hundred symbols with ten
ticks a second.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from bench.clients.readers import ReadRate
from bench.host import usage
from bench.host.processes import Process, python
from bench.host.trees import Tree
from bench.result import Result
from bench.servers.rig import Rig
from bench.servers.server import HOST
from bench.servers.stack import FrontName, running

TICKS_PER_S = 1_000
SECONDS = 30.0
LAST_S = 10.0
"""Ages are recorded for this long at the end."""

READ_RATES = (
    ReadRate("unlimited"),
    ReadRate("200 KB/s", 200_000),
    ReadRate("50 KB/s", 50_000),
    ReadRate("20 KB/s", 20_000),
    ReadRate("5 KB/s", 5_000),
    ReadRate("stalls for 8 s", stall_s=8),
    ReadRate("stalls for 15 s", stall_s=15),
)


class Reading(Struct, kw_only=True):
    """The result of one reader."""

    tree: str
    front: FrontName
    name: str
    kb_per_s: float
    """The average rate, in 1,000 bytes a second."""
    p50_s: float | None
    """Age of a price in hand, over all symbols and the last seconds of the run."""
    max_s: float | None
    end: str = ""
    """How the connection ended; empty if it lasted."""
    end_s: float | None = None
    older_bytes: int | None = None
    """Bytes read after the stall before the first current price, including the next two."""
    older_ticks: int | None = None
    receive_buffer_bytes: int | None = None
    """The part of those in its own receive buffer when the stall ended."""
    current_s: float | None = None
    """Seconds from the end of the stall until every price was current."""


def run(
    bench: Rig,
    trees: Sequence[Tree],
    fronts: Sequence[FrontName],
    seconds: float,
    receive_buffer: int,
    say: Callable[[str], None],
) -> list[Reading]:
    """Every reader before every front of every tree; ``receive_buffer`` is SO_RCVBUF in bytes, 0 the kernel's own.

    Raises:
        ProcessError: a process did not start, or did not answer.
    """
    readings: list[Reading] = []
    for front in fronts:
        for tree in trees:
            readings += _readings(bench, tree, front, seconds, receive_buffer, say)
    return readings


def _readings(
    bench: Rig, tree: Tree, front: FrontName, seconds: float, receive_buffer: int, say: Callable[[str], None]
) -> list[Reading]:
    disturbed = Result(scenario="slow readers", contender=tree.label, round=1)
    with running(bench, tree, front, TICKS_PER_S) as stack:
        arguments = (HOST, str(stack.port))
        with Process(python("bench.clients.readers", *arguments), bench.cores.load, piped=True) as readers:
            before = stack.usage(readers.pid)
            answer = readers.ask(
                "run",
                timeout_s=seconds + 30,
                rates=[msgspec.structs.asdict(rate) for rate in READ_RATES],
                seconds=seconds,
                last_s=min(LAST_S, seconds / 2),
                receive_buffer=receive_buffer,
            )
            used = stack.usage(readers.pid).since(before)
    usage.note_others(disturbed, used, bench.cores)
    notes = f", {'; '.join(disturbed.notes)}" if disturbed.notes else ""
    say(f"{tree.label}, {front}: gateway {used.cpu_s / used.at:.0%} of a core{notes}")
    return [Reading(tree=tree.label, front=front, **reading) for reading in answer["readers"]]


def render(readings: Sequence[Reading], *, trees: bool) -> str:
    """A table in Markdown; with ``trees`` each row names its tree."""
    head = ["tree", "front", "reader", "KB/s", "age p50", "age max", "after the stall, older bytes", "how it ended"]
    rows = [head, ["---"] * len(head), *map(_row, readings)]
    return "\n".join(f"| {' | '.join(row if trees else row[1:])} |" for row in rows)


def _row(one: Reading) -> list[str]:
    end = f"{one.end} after {one.end_s:.1f} s" if one.end_s is not None else "stayed"
    return [one.tree, one.front, one.name, f"{one.kb_per_s:.0f}", _age(one.p50_s), _age(one.max_s), _stall(one), end]


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _stall(one: Reading) -> str:
    if one.older_bytes is None:
        return ""
    own_kb = (one.receive_buffer_bytes or 0) / 1024
    own = f"{one.older_bytes / 1024:.0f} KB ({one.older_ticks} ticks), {own_kb:.0f} KB its own"
    return own + (f"; current after {_age(one.current_s)}" if one.current_s is not None else "; never current")
