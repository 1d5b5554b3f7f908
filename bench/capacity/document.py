"""The figures of ``docs/capacity.md``, each block between its marks: what was measured, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.capacity.plan import Question, answer
from bench.capacity.unit_costs import UnitCosts

FILE: Final = Path(__file__).parents[2] / "docs" / "capacity.md"

_KINDS: Final[Mapping[str, str]] = {
    "process": "a process, for each second that it runs",
    "read": "a read of the bus",
    "wake": "more, after a sleep",
    "tick_in": "a tick in it",
    "join": "joining ticks for clients with the same symbols, or for one",
    "write": "a write to a client",
    "cold": "more, if its client is one of very many",
    "tick_out": "a tick in it",
    "kilobyte": "a kilobyte in it",
    "ping": "a ping and its pong",
    "connect": "a connect, a subscribe to 20 symbols, and their snapshots",
    "flush": "a read of what was published at once",
    "message": "a message in it, and its last values",
    "send": "a write to a gateway",
    "delivery": "a message in it",
}

_TEN: Final = Question(clients=10_000, symbols=100, of=100, updates=1)
EXAMPLES: Final = (
    _TEN,
    replace(_TEN, clients=100_000),
    replace(_TEN, clients=1_000_000),
    replace(_TEN, clients=1_000_000, front="direct"),
    replace(_TEN, clients=1_000_000, symbols=20, front="direct"),
    replace(_TEN, clients=1_000_000, max_hz=1.0, at_once=20.0, front="direct"),
    replace(_TEN, clients=1_000_000, updates=10, max_hz=1.0, at_once=20.0, front="direct"),
)
"""The table of the document: from ten thousand clients to a million."""


def put(name: str, text: str, document: Path = FILE) -> None:
    """Put ``text`` between the marks of the block ``name``.

    Raises:
        ValueError: there are no such marks.
    """
    whole = document.read_text(encoding="utf-8")
    begin, end = marks(name)
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"{document.name} has no block {name}")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def marks(name: str) -> tuple[str, str]:
    """Where a block begins, and where it ends."""
    return f"<!-- begin: {name} -->", f"<!-- end: {name} -->"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table, the first of them its head."""
    head, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others))


def costs(kept: UnitCosts) -> str:
    """The unit costs as a table."""
    rows = [["what", "of", "CPU µs"]]
    programs = {"gateway": kept.gateway, **kept.fronts, **kept.buses}
    for name, program in programs.items():
        rows += [[what, name, f"{program.us[kind]:.2f}"] for kind, what in _KINDS.items() if program.us.get(kind)]
    places = {f"behind {name}": front for name, front in kept.fronts.items()}
    places |= {f"on {name}": bus for name, bus in kept.buses.items()}
    for where, program in places.items():
        rows += [
            [f"{what}, {where}", "gateway", f"{program.gateway_us[kind]:.2f}"]
            for kind, what in _KINDS.items()
            if program.gateway_us.get(kind)
        ]
    rows.append(["an update of the exchange", "poller", f"{kept.poller_us_per_update:.2f}"])
    unknown = [f"`{name}`" for name, program in programs.items() if not program.us and not program.like]
    lines = [markdown(rows), "", f"{kept.machine['cpu']}, {kept.when[:10]}."]
    if unknown:
        lines[-1] += f" Not measured: {', '.join(unknown)}."
    memory = [["memory", "KB for a connection", "MB for a process"]]
    for name, program in programs.items():
        if program.kb_per_connection is not None and program.process_mb is not None:
            memory.append([name, f"{program.kb_per_connection:.1f}", f"{program.process_mb:.0f}"])
    memory.append(["the kernel, each end", f"{kept.kernel_kb_per_connection:.1f}", "–"])
    size = f"A tick has {kept.bytes_per_tick:.0f} bytes to a client and {kept.bus_bytes_per_tick:.0f} from the bus."
    return "\n".join([*lines, "", markdown(memory), "", size])


def examples(kept: UnitCosts) -> str:
    """What some numbers of clients take."""
    head = ["clients × symbols × updates/s", "front", "gateways", "clients each", "cores", "memory GB", "to clients"]
    rows = [[*head, "bus, cores", "fronts, cores", "connects/s after a loss"]]
    for question in EXAMPLES:
        plan = answer(question, kept)
        parts = {part.name.partition(" ")[0]: part for part in plan.parts}
        pace = f", `max_hz` {question.max_hz:g}" if question.max_hz else ""
        gateways, front = parts["gateways"], parts.get("front")
        rows.append(
            [
                f"{question.clients:,} × {question.symbols} × {question.updates:g}{pace}",
                question.front,
                f"{gateways.processes:,}",
                f"{plan.clients_per_gateway:,.0f}",
                _shown(gateways.cores),
                _shown(gateways.memory_gb),
                f"{gateways.out_mbit_s / 1000:,.1f} Gbit/s",
                _shown(parts["bus"].cores, ".2f"),
                "–" if front is None else _shown(front.cores),
                f"{plan.returning_per_s:,.0f}",
            ]
        )
    return markdown(rows)


def _shown(value: float | None, form: str = ",.1f") -> str:
    return "?" if value is None else format(value, form)
