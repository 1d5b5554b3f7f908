"""The audit of what arrived finds what is wrong."""

import random

import pytest

from bench.clients.audit import after_stall, captured_ticks, faults, ticks_of
from bench.clients.wire import CLOSE, PING, TEXT, WireError, server_frame
from bench.feed.ticks import SYMBOLS, TickMaker
from market.prices.tick import Tick
from market.wire.codec import encode_tick

A, B, C = SYMBOLS[:3]
MAKER = TickMaker(random.Random(1), 0)


def tick(symbol: str, seq: int) -> Tick:
    """Make a right tick with this number."""
    return TickMaker(random.Random(1), seq - 1).tick(symbol, 1_795_000_000_000_000)


def message(kind: bytes, body: Tick) -> bytes:
    """Frame a tick as a server sends it, as a message of this kind."""
    return server_frame(TEXT, b'{"type":"' + kind + b'",' + encode_tick(body)[1:])


def test_ticks_snapshots_and_batches_are_read() -> None:
    """All three ways a tick may come are ticks."""
    batch = b'{"type":"ticks","ticks":[' + encode_tick(tick(A, 3)) + b"," + encode_tick(tick(B, 1)) + b"]}"
    data = message(b"snapshot", tick(A, 1)) + message(b"tick", tick(A, 2)) + server_frame(TEXT, batch)
    assert [(found.symbol, found.seq) for _, found in captured_ticks(data)] == [(A, 1), (A, 2), (A, 3), (B, 1)]


def test_other_messages_and_a_cut_end_are_passed_over() -> None:
    """Pings, statuses and the beginning of a frame hold no tick."""
    data = server_frame(PING, b"") + server_frame(TEXT, b'{"type":"status"}') + message(b"tick", tick(A, 1))
    offset = len(server_frame(PING, b"") + server_frame(TEXT, b'{"type":"status"}'))
    found = captured_ticks(data + message(b"tick", tick(A, 2))[:60])
    assert [(at, tick.symbol, tick.seq) for at, tick in found] == [(offset, A, 1)]


def test_a_capture_may_begin_within_a_frame() -> None:
    """The rest of a tick that was cut by the start of the capture is skipped."""
    data = message(b"tick", tick(A, 1))[50:]
    assert len(captured_ticks(data + message(b"tick", tick(A, 2)), skip=len(data))) == 1


def test_a_close_frame_is_an_error() -> None:
    """A client that was closed did not get what it asked for."""
    with pytest.raises(WireError, match="1012"):
        captured_ticks(server_frame(CLOSE, (1012).to_bytes(2)))


@pytest.mark.parametrize("payload", [b"[]", b"{}", b"nonsense", b'{"type":"tick","symbol":"A"}', b"\xff"])
def test_what_is_no_message_is_an_error(payload: bytes) -> None:
    """Text that is not JSON, has no type, or is a tick without its numbers."""
    with pytest.raises(WireError):
        ticks_of(payload)


def test_a_right_stream_has_no_faults() -> None:
    """Asked for, growing, and newest at the end."""
    ticks = [tick(A, 1), tick(B, 1), tick(A, 5)]
    assert faults(ticks, frozenset({A, B}), {A: 5, B: 1, C: 9}) == []


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        ([(A, 5), (B, 1), (C, 9)], f"{C} was not asked for"),
        ([(A, 5), (A, 5), (B, 1)], f"{A}: seq 5 after 5"),
        ([(A, 6), (A, 5), (B, 1)], f"{A}: seq 5 after 6"),
        ([(A, 4), (B, 1)], f"{A}: ended with seq 4, newest is 5"),
        ([(B, 1)], f"{A}: ended with seq None, newest is 5"),
    ],
)
def test_each_fault_is_named(ticks: list[tuple[str, int]], expected: str) -> None:
    """What was not asked for, a seq that does not grow, and an old price at the end."""
    made = [tick(symbol, seq) for symbol, seq in ticks]
    assert faults(made, frozenset({A, B}), {A: 5, B: 1}) == [expected]


def at(offset: int, symbol: str, recv_us: int) -> tuple[int, Tick]:
    """Make a tick received at ``recv_us``, and say where it stands in the bytes."""
    return offset, MAKER.tick(symbol, recv_us)


def test_older_bytes_are_those_before_the_first_current_tick() -> None:
    """What lies before it is counted in bytes, whatever it is."""
    ticks = [at(30, A, 10), at(230, B, 10), at(460, A, 1_000), at(660, B, 1_000)]
    assert after_stall(ticks, frozenset({A, B}), 1_000) == (460, [])


def test_an_old_tick_after_a_current_one_is_a_fault() -> None:
    """After current prices have begun, no backlog may follow."""
    ticks = [at(0, A, 1_000), at(200, B, 999), at(400, B, 1_000)]
    assert after_stall(ticks, frozenset({A, B}), 1_000) == (0, [f"{B}: an old tick after current ones"])


def test_a_symbol_that_does_not_come_is_a_fault() -> None:
    """Every symbol that the client holds must become current."""
    assert after_stall([at(0, A, 1_000)], frozenset({A, B}), 1_000) == (0, [f"{B}: no current tick"])


def test_a_client_that_gets_nothing_current_is_a_fault() -> None:
    """All that came was old."""
    assert after_stall([at(0, A, 1), at(200, B, 2)], frozenset({A, B}), 1_000) == (200, ["no current tick came"])


def test_a_client_that_gets_nothing_is_a_fault() -> None:
    """Nothing came at all."""
    assert after_stall([], frozenset({A}), 1_000) == (0, ["no current tick came"])
