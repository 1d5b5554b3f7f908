"""Is what arrived right? Captured bytes of a few connections, parsed in full after the timed window."""

from collections.abc import Iterable, Mapping

import msgspec

from bench.clients.wire import CLOSE, TEXT, WireError, frame_bounds
from market.errors import MarketError
from market.prices.tick import Tick
from market.wire.codec import UNREADABLE


class Sent(Tick, tag_field="type", tag="tick", frozen=True, kw_only=True, gc=False):
    """A tick as a client gets it."""


class Snapshot(Tick, tag_field="type", tag="snapshot", frozen=True, kw_only=True, gc=False):
    """A snapshot is a tick under another name."""


class Batch(msgspec.Struct, tag_field="type", tag="ticks"):
    """A message of several ticks."""

    ticks: list[Tick]


_decoder = msgspec.json.Decoder(Sent | Snapshot | Batch)


def ticks_of(payload: bytes) -> list[Tick]:
    """The ticks of one message; none if it is another kind of message.

    Raises:
        WireError: neither ticks nor JSON.
    """
    try:
        kind = msgspec.json.decode(payload)["type"]
        if kind not in {"tick", "ticks", "snapshot"}:
            return []
        message = _decoder.decode(payload)
    except (*UNREADABLE, MarketError, KeyError, TypeError) as error:
        raise WireError(f"{payload[:60]!r}: {error}") from None
    return message.ticks if isinstance(message, Batch) else [message]


def captured_ticks(data: bytes, skip: int = 0) -> list[tuple[int, Tick]]:
    """Every whole tick in ``data`` from ``skip`` on, with the offset where its frame begins.

    Raises:
        WireError: a frame or a message that is not the protocol.
    """
    found = []
    at = skip
    while (bounds := frame_bounds(data, at)) is not None and bounds[2] <= len(data):
        opcode, start, end = bounds
        if opcode == TEXT:
            found += [(at, tick) for tick in ticks_of(data[start:end])]
        elif opcode == CLOSE:
            raise WireError(f"closed with {int.from_bytes(data[start : start + 2])}")
        at = end
    return found


def faults(ticks: Iterable[Tick], wanted: frozenset[str], newest: Mapping[str, int]) -> list[str]:
    """Errors in one connection's ticks; empty if all is right.

    A connection gets only what it asked for, each symbol's ``seq`` only grows, and after the last tick was
    published it holds the newest of every symbol it was sent: ``newest`` is symbol to seq.
    """
    wrong = []
    held: dict[str, int] = {}
    for tick in ticks:
        if tick.symbol not in wanted:
            wrong.append(f"{tick.symbol} was not asked for")
        elif tick.seq <= held.get(tick.symbol, -1):
            wrong.append(f"{tick.symbol}: seq {tick.seq} after {held[tick.symbol]}")
        held[tick.symbol] = tick.seq
    wrong += [
        f"{symbol}: ended with seq {held.get(symbol)}, newest is {newest[symbol]}"
        for symbol in sorted(wanted & newest.keys())
        if held.get(symbol) != newest[symbol]
    ]
    return wrong


def after_stall(ticks: list[tuple[int, Tick]], wanted: frozenset[str], current_us: float) -> tuple[int, list[str]]:
    """What a client that reads again got: the bytes before its first current tick, and what was wrong.

    A tick is current when it was received at ``current_us`` or later. After the first current tick there must
    be no older one, and every symbol must come.
    """
    first = next((index for index, (_, tick) in enumerate(ticks) if tick.recv_us >= current_us), None)
    if first is None:
        return (ticks[-1][0] if ticks else 0), ["no current tick came"]
    after = [tick for _, tick in ticks[first:]]
    wrong = [f"{tick.symbol}: an old tick after current ones" for tick in after if tick.recv_us < current_us]
    wrong += [f"{symbol}: no current tick" for symbol in sorted(wanted - {tick.symbol for tick in after})]
    return ticks[first][0], wrong
